/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"

G_BEGIN_DECLS

/* The parts of the Manager interface that add objects. */

gboolean aip_manager_add_provider (const AipBusContext *context,
                                   AipBusManager *manager,
                                   GDBusMethodInvocation *invocation,
                                   const char *name,
                                   GVariant *settings,
                                   GVariant *options);
gboolean aip_manager_add_key (const AipBusContext *context,
                              AipBusManager *manager,
                              GDBusMethodInvocation *invocation,
                              GUnixFDList *list,
                              const char *name,
                              GVariant *settings,
                              GVariant *options);
gboolean aip_manager_add_mapping (const AipBusContext *context,
                                  AipBusManager *manager,
                                  GDBusMethodInvocation *invocation,
                                  const char *alias,
                                  GVariant *settings,
                                  GVariant *options);
gboolean aip_manager_add_client (const AipBusContext *context,
                                 AipBusManager *manager,
                                 GDBusMethodInvocation *invocation,
                                 const char *name,
                                 GVariant *settings,
                                 GVariant *options);

G_END_DECLS
