/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/aip-activity.h"
#include "record/aip-counters.h"
#include "record/aip-records.h"
#include "server/aip-cancel.h"
#include "server/aip-connection.h"
#include "server/aip-snapshot.h"
#include "upstream/aip-upstream.h"

G_BEGIN_DECLS

/**
 * AipWorker: one thread that serves: its loop, its sockets, its way out. What it owns it owns for life.
 * But for aip_worker_new (), the functions with "post" in their name, and aip_worker_join (), all are for
 * its own thread.
 */
typedef struct _AipWorker AipWorker;

/* Whether a pause_epoch is one in which nothing is served. */
#define AIP_EPOCH_IS_PAUSED(epoch) (((epoch) &1) != 0)

/**
 * AipWorkerShared: what the workers of one server have in common.
 * @activity: (nullable) (not owned): takes what those who watch the requests are told
 * @records: (nullable) (not owned): keeps the requests that are over
 * @n_connections: open ones of all workers; atomic
 * @max_connections: more are answered 503; atomic
 * @max_kept: connections to upstreams that one worker keeps for later requests
 * @max_handshakes: TLS handshakes that one worker has under way at a time
 * @pause_epoch: how often serving was stopped or begun again, so that it is odd while nothing is served;
 *   atomic. A request keeps the one that it came in.
 * @models_wanted: a client asked for models while their list was not complete; called on any thread
 */
typedef struct
{
  AipCounters *counters;
  AipActivity *activity;
  AipRecords *records;
  int n_connections;
  int max_connections;
  guint max_kept;
  guint max_handshakes;
  int pause_epoch;
  void (*models_wanted) (void *user_data);
  void *user_data;
} AipWorkerShared;

AipWorker *aip_worker_new (guint index, AipWorkerShared *shared, AipSnapshot *snapshot);
void aip_worker_post_listen (AipWorker *self, int fd, GTlsCertificate *certificate);
void aip_worker_post_snapshot (AipWorker *self, AipSnapshot *snapshot);
void aip_worker_post_drain (AipWorker *self);
void aip_worker_post_cut_all (AipWorker *self, int epoch);
void aip_worker_post_cancel (AipWorker *self, AipCancel *cancel);
gboolean aip_worker_post_check (AipWorker *self);
void aip_worker_join (AipWorker *self);

AipLoop *aip_worker_get_loop (AipWorker *self);
AipUpstream *aip_worker_get_upstream (AipWorker *self);
AipSnapshot *aip_worker_get_snapshot (AipWorker *self);
AipWorkerShared *aip_worker_get_shared (AipWorker *self);
void aip_worker_count (AipWorker *self, AipCounter counter, guint64 amount);
void aip_worker_change (AipWorker *self, AipGauge gauge, int amount);
char *aip_worker_make_request_id (AipWorker *self);
guint64 aip_worker_random (AipWorker *self);
gboolean aip_worker_is_draining (AipWorker *self);
gboolean aip_worker_enter_queue (AipWorker *self);
void aip_worker_leave_queue (AipWorker *self);
void aip_worker_rest_later (AipWorker *self);
void aip_worker_hand_over (AipWorker *self, GIOStream *stream);
void aip_worker_add_exchange (AipWorker *self, GList *link);
void aip_worker_remove_exchange (AipWorker *self, GList *link);

typedef void (*AipModelsFunc) (void *user_data);
gboolean aip_worker_wait_for_models (AipWorker *self, AipModelsFunc func, void *user_data);
void aip_worker_forget_wait (AipWorker *self, void *user_data);

G_END_DECLS
