/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"

G_BEGIN_DECLS

/* The parts of the Manager interface that tell things, and that set what belongs to no object. */

gboolean aip_manager_explain_route (const AipBusContext *context,
                                    AipBusManager *manager,
                                    GDBusMethodInvocation *invocation,
                                    const char *model,
                                    GVariant *options);
gboolean aip_manager_list_models (const AipBusContext *context,
                                  AipBusManager *manager,
                                  GDBusMethodInvocation *invocation,
                                  GVariant *options);
gboolean aip_manager_get_config (const AipBusContext *context,
                                 AipBusManager *manager,
                                 GDBusMethodInvocation *invocation,
                                 GVariant *options);
gboolean aip_manager_check_config (const AipBusContext *context,
                                   AipBusManager *manager,
                                   GDBusMethodInvocation *invocation,
                                   GVariant *options);
gboolean aip_manager_set_config (const AipBusContext *context,
                                 AipBusManager *manager,
                                 GDBusMethodInvocation *invocation,
                                 const char *group,
                                 GVariant *settings,
                                 GVariant *options);
gboolean aip_manager_diagnose (const AipBusContext *context,
                               AipBusManager *manager,
                               GDBusMethodInvocation *invocation,
                               GVariant *options);

G_END_DECLS
