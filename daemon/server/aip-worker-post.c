/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-worker"

#include "server/aip-exchange.h"
#include "server/aip-worker-private.h"

/* --- what the main thread sends --- */

typedef struct
{
  AipWorker *worker;
  int fd;
  GTlsCertificate *certificate; /* (nullable) */
  AipSnapshot *snapshot;        /* (owned) (nullable) */
  int epoch;
} Post;

static void
post (AipWorker *self, GSourceFunc func, Post message)
{
  Post *copy = g_memdup2 (&message, sizeof message);

  copy->worker = self;
  g_main_context_invoke_full (self->context, G_PRIORITY_HIGH, func, copy, g_free);
}

static gboolean
listen_cb (gpointer data)
{
  Post *message = data;

  aip_worker_listen (message->worker, message->fd, message->certificate);
  return G_SOURCE_REMOVE;
}

/**
 * aip_worker_post_listen:
 * @self: a worker
 * @fd: (transfer full): a listening socket
 * @certificate: (transfer none) (nullable): speak TLS with it; outlives the worker
 *
 * From any thread.
 */
void
aip_worker_post_listen (AipWorker *self, int fd, GTlsCertificate *certificate)
{
  post (self, listen_cb, (Post){ .fd = fd, .certificate = certificate });
}

static void
end_waits (AipWorker *self)
{
  g_autoptr (GArray) waits = g_steal_pointer (&self->waits);

  self->waits = g_array_new (FALSE, FALSE, sizeof (AipModelsWait));
  for (guint i = 0; i < waits->len; i++)
    {
      AipModelsWait *wait = &g_array_index (waits, AipModelsWait, i);

      wait->func (wait->user_data);
    }
}

static gboolean
free_snapshot_cb (gpointer data)
{
  aip_snapshot_unref (data);
  return G_SOURCE_REMOVE;
}

/* To free what thousands of keys take is for the main thread: here it would hold up requests. */
static gboolean
snapshot_cb (gpointer data)
{
  Post *message = data;
  AipWorker *self = message->worker;

  g_main_context_invoke_full (NULL, G_PRIORITY_DEFAULT_IDLE, free_snapshot_cb, self->snapshot, NULL);
  self->snapshot = message->snapshot;
  if (self->snapshot->models_complete)
    end_waits (self);
  return G_SOURCE_REMOVE;
}

/**
 * aip_worker_post_snapshot:
 * @self: a worker
 * @snapshot: (transfer none): what new requests are served by from now on
 *
 * From any thread.
 */
void
aip_worker_post_snapshot (AipWorker *self, AipSnapshot *snapshot)
{
  post (self, snapshot_cb, (Post){ .snapshot = aip_snapshot_ref (snapshot) });
}

static gboolean
drain_cb (gpointer data)
{
  AipWorker *self = ((Post *) data)->worker;
  g_autoptr (GList) connections = g_hash_table_get_keys (self->connections);

  self->owner.draining = TRUE;
  g_ptr_array_set_size (self->listeners, 0);
  for (GList *l = connections; l != NULL; l = l->next)
    if (aip_connection_is_idle (l->data))
      aip_connection_close (l->data);
  return G_SOURCE_REMOVE;
}

/**
 * aip_worker_post_drain:
 * @self: a worker
 *
 * Stops listening and closes each connection as soon as nothing is under way on it. From any thread.
 */
void
aip_worker_post_drain (AipWorker *self)
{
  post (self, drain_cb, (Post){ 0 });
}

/* Ending one leaves the others alone. Returns whether there was one. */
static gboolean
cut_some (AipWorker *self,
          AipCut why,
          gboolean (*is_meant) (const AipExchange *exchange, const void *data),
          const void *data)
{
  gboolean any = FALSE;
  GList *next;

  for (GList *l = self->exchanges.head; l != NULL; l = next)
    {
      next = l->next;
      if (!is_meant (l->data, data))
        continue;
      aip_exchange_cut (l->data, why);
      any = TRUE;
    }
  return any;
}

static gboolean
is_older (const AipExchange *exchange, const void *data)
{
  return aip_exchange_get_pause_epoch (exchange) < *(const int *) data;
}

static gboolean
cut_all_cb (gpointer data)
{
  const Post *message = data;

  cut_some (message->worker, AIP_CUT_PAUSED, is_older, &message->epoch);
  return G_SOURCE_REMOVE;
}

/**
 * aip_worker_post_cut_all:
 * @self: a worker
 * @epoch: what AipWorkerShared.pause_epoch is since the pause
 *
 * Ends the requests that came before. From any thread.
 */
void
aip_worker_post_cut_all (AipWorker *self, int epoch)
{
  post (self, cut_all_cb, (Post){ .epoch = epoch });
}

typedef struct
{
  AipWorker *worker;
  AipCancel *cancel;
} CancelPost;

static gboolean
is_sought (const AipExchange *exchange, const void *data)
{
  return aip_cancel_matches (data, aip_exchange_get_request_id (exchange));
}

static gboolean
cancel_cb (gpointer data)
{
  const CancelPost *message = data;

  if (cut_some (message->worker, AIP_CUT_CANCELLED, is_sought, message->cancel))
    aip_cancel_found (message->cancel);
  return G_SOURCE_REMOVE;
}

/* Also where the worker ends before it could look. */
static void
cancel_post_free (gpointer data)
{
  CancelPost *message = data;

  aip_cancel_answer (message->cancel);
  g_free (message);
}

/**
 * aip_worker_post_cancel:
 * @self: a worker
 * @cancel: what to look for; answered once, whatever happens
 *
 * Ends the requests of this id. From any thread.
 */
void
aip_worker_post_cancel (AipWorker *self, AipCancel *cancel)
{
  CancelPost message = { self, cancel };

  g_main_context_invoke_full (self->context, G_PRIORITY_HIGH, cancel_cb, g_memdup2 (&message, sizeof message),
                              cancel_post_free);
}

static gboolean
check_cb (gpointer data)
{
  g_atomic_int_set (&((Post *) data)->worker->unanswered, 0);
  return G_SOURCE_REMOVE;
}

/**
 * aip_worker_post_check:
 * @self: a worker
 *
 * Asks its thread for a sign of life. From any thread.
 *
 * Returns: whether the last call was answered
 */
gboolean
aip_worker_post_check (AipWorker *self)
{
  gboolean answered = g_atomic_int_get (&self->unanswered) == 0;

  if (answered)
    {
      g_atomic_int_set (&self->unanswered, 1);
      post (self, check_cb, (Post){ 0 });
    }
  return answered;
}
