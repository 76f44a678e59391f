/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/aip-activity.h"
#include "record/aip-records.h"
#include "record/aip-counters.h"
#include "server/aip-snapshot.h"

G_BEGIN_DECLS

/**
 * AipServer: all workers and what they listen on; on the main thread.
 */
typedef struct _AipServer AipServer;

typedef void (*AipServerFunc) (void *user_data);
typedef void (*AipServerCancelFunc) (gboolean found, void *user_data);

AipServer *aip_server_new (AipSnapshot *snapshot,
                           AipActivity *activity,
                           AipRecords *records,
                           AipServerFunc models_wanted,
                           void *user_data);
void aip_server_free (AipServer *self);
gboolean aip_server_listen (AipServer *self, const AipConfig *config, GError **error);
gboolean
aip_server_adopt_sockets (AipServer *self, const AipConfig *config, int first, guint n, GError **error);
gboolean aip_server_is_exposed (AipServer *self);
char **aip_server_get_endpoints (AipServer *self);
void aip_server_set_snapshot (AipServer *self, AipSnapshot *snapshot);
gboolean aip_server_check_workers (AipServer *self);

void aip_server_set_paused (AipServer *self, gboolean paused);
gboolean aip_server_is_paused (AipServer *self);
void aip_server_cancel (AipServer *self, const char *request_id, AipServerCancelFunc done, void *user_data);
void aip_server_settle (AipServer *self, AipServerFunc settled, void *user_data);
void aip_server_read_counters (AipServer *self, AipCountersSnapshot *snapshot);
gint64 aip_server_get_uptime (AipServer *self);
void aip_server_drain (AipServer *self, guint64 limit_ms, AipServerFunc drained, void *user_data);
gboolean aip_server_is_draining (AipServer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipServer, aip_server_free)

G_END_DECLS
