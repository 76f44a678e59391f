/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "aip-bus-generated.h"

G_BEGIN_DECLS

/**
 * AipRemoteFlags:
 * @AIP_REMOTE_NO_START: a daemon that is not there stays so; else D-Bus is asked to start it
 */
typedef enum
{
  AIP_REMOTE_FLAGS_NONE = 0,
  AIP_REMOTE_NO_START = 1 << 0,
} AipRemoteFlags;

/**
 * AipRemote: the daemon, as seen from the other end of the bus.
 *
 * Its property "running" tells whether the daemon is on the bus, and notifies.
 */
#define AIP_TYPE_REMOTE (aip_remote_get_type ())
G_DECLARE_FINAL_TYPE (AipRemote, aip_remote, AIP, REMOTE, GObject)

#define AIP_REMOTE_BUS_NAME "org.example.AIProxy"
#define AIP_REMOTE_PATH "/org/example/AIProxy"

/* Long enough for what the daemon asks upstreams. */
#define AIP_REMOTE_TIMEOUT_MS (180 * 1000)

AipRemote *
aip_remote_new_sync (GBusType bus, AipRemoteFlags flags, GCancellable *cancellable, GError **error);
void aip_remote_new_async (GBusType bus,
                           AipRemoteFlags flags,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           void *user_data);
AipRemote *aip_remote_new_finish (GAsyncResult *result, GError **error);

GDBusConnection *aip_remote_get_connection (AipRemote *self);
AipBusManager *aip_remote_get_manager (AipRemote *self);
gboolean aip_remote_is_running (AipRemote *self);

AipBusStats *aip_remote_new_stats_sync (AipRemote *self, GCancellable *cancellable, GError **error);
AipBusActivity *aip_remote_new_activity_sync (AipRemote *self, GCancellable *cancellable, GError **error);

gboolean aip_remote_set_strategy_sync (AipRemote *self,
                                       const char *strategy,
                                       GCancellable *cancellable,
                                       GError **error);

G_END_DECLS
