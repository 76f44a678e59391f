/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "aip-bus-generated.h"
#include "bus/aip-bus-breakers.h"
#include "bus/aip-bus-host.h"
#include "bus/aip-change.h"

G_BEGIN_DECLS

/**
 * AipBusContext: what every object on the bus needs. All of it outlives the objects.
 */
typedef struct
{
  const AipBusHost *host;
  void *host_data;
  AipChangeQueue *changes;
  AipBusBreakers *breakers;
  GCancellable *ending; /* of what waits for a caller */
  GDBusConnection *connection;
  gboolean moves_first_token; /* a change is under way that does */
} AipBusContext;

typedef void (*AipBusReplyFunc) (GObject *service, GDBusMethodInvocation *invocation);

char **aip_bus_dup_texts (const char *const *texts);
void aip_bus_mend_error (GError *error);
gboolean aip_bus_fail (GDBusMethodInvocation *invocation, GError *error);
gboolean
aip_bus_refuse_options (GDBusMethodInvocation *invocation, GVariant *options, const char *const *known);
gboolean aip_bus_change (const AipBusContext *context,
                         gpointer service,
                         GDBusMethodInvocation *invocation,
                         AipChange *change,
                         AipBusReplyFunc reply);
gboolean aip_bus_update (const AipBusContext *context,
                         gpointer service,
                         GDBusMethodInvocation *invocation,
                         const char *group,
                         const char *refused,
                         GVariant *settings,
                         GVariant *options,
                         AipBusReplyFunc reply);
GVariant *aip_bus_make_test_result (const AipTestResult *result);

G_END_DECLS
