/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-worker"

#include "server/aip-worker-private.h"

#include <unistd.h>

#include "base/aip-memory.h"
#include "server/aip-control.h"
#include "server/aip-exchange.h"
#include "server/aip-listener.h"
#include "server/aip-reply.h"
#include "server/aip-routes.h"

#define SCRATCH_SIZE (2 * AIP_HEAD_MAX_SIZE)
#define MAX_QUEUED 256

/* When memory goes back: once after the start, and after the last request, when clients may still come back.
 */
#define START_UP G_TIME_SPAN_SECOND
#define REST (30 * G_TIME_SPAN_SECOND)

/* --- connections --- */

static void
request_cb (AipConnection *connection, const AipHead *head, void *user_data)
{
  aip_exchange_begin (user_data, connection, head);
}

static void
refuse_cb (AipConnection *connection, const char *path, guint status, const char *message, void *user_data)
{
  g_autoptr (GString) headers = g_string_new (NULL);
  g_autofree char *request_id = aip_worker_make_request_id (user_data);
  AipRoute route = path != NULL ? aip_routes_find ("POST", path) : (AipRoute){ 0 };
  AipFailure failure = { .status = status, .code = "request_refused", .message = message };

  aip_worker_count (user_data, AIP_COUNT_REQUESTS, 1);
  aip_worker_count (user_data, AIP_COUNT_REFUSED, 1);
  aip_reply_add_header (headers, "X-Request-Id", request_id);
  aip_reply_failure (connection, route.protocol, &failure, headers);
}

static void
closed_cb (AipConnection *connection, void *user_data)
{
  AipWorker *self = user_data;

  g_hash_table_remove (self->connections, connection);
  g_atomic_int_add (&self->shared->n_connections, -1);
  aip_worker_change (self, AIP_GAUGE_CONNECTIONS, -1);
}

static gboolean
admit_cb (void *user_data)
{
  AipWorker *self = user_data;

  if (g_atomic_int_add (&self->shared->n_connections, 1) < g_atomic_int_get (&self->shared->max_connections))
    return TRUE;
  g_atomic_int_add (&self->shared->n_connections, -1);
  aip_worker_count (self, AIP_COUNT_CONNECTIONS_REFUSED, 1);
  return FALSE;
}

static char *
name_cb (void *user_data)
{
  return aip_worker_make_request_id (user_data);
}

static void
accepted_cb (int fd, void *listener_data, void *user_data)
{
  AipWorker *self = user_data;

  aip_worker_count (self, AIP_COUNT_CONNECTIONS, 1);
  aip_worker_change (self, AIP_GAUGE_CONNECTIONS, 1);
  g_hash_table_add (self->connections, aip_connection_new (&self->owner, fd, listener_data));
}

/* --- memory --- */

/* Not while any worker is busy: the last one to rest does it. A timer that traffic alone sets wakes no idle
 * machine. */
static void
rest_cb (AipTimer *timer, void *user_data)
{
  AipWorker *self = user_data;
  AipCountersSnapshot now;

  aip_counters_read (self->shared->counters, &now);
  if (now.gauges[AIP_GAUGE_ACTIVE_REQUESTS] > 0)
    return;
  aip_memory_trim ();
  /* Idle connections close within a minute, and leave something behind too. */
  if (g_hash_table_size (self->connections) > 0)
    aip_timer_arm (&self->rest, REST);
}

/**
 * aip_worker_rest_later:
 * @self: a worker, one of whose requests has ended
 *
 * Gives memory back after a while, unless there are other requests.
 */
void
aip_worker_rest_later (AipWorker *self)
{
  aip_timer_arm (&self->rest, REST);
}

/* --- life --- */

static void
set_up (AipWorker *self)
{
  self->loop = aip_loop_new (self->context);
  self->upstream = aip_upstream_new (self->loop);
  aip_upstream_set_max_kept (self->upstream, self->shared->max_kept);
  self->control = aip_control_new (self);
  self->owner = (AipConnectionOwner){
    .loop = self->loop,
    .scratch = g_malloc (SCRATCH_SIZE),
    .scratch_size = SCRATCH_SIZE,
    .request = request_cb,
    .refuse = refuse_cb,
    .closed = closed_cb,
    .user_data = self,
  };
  aip_timer_init (&self->rest, self->loop, rest_cb, self);
  if (self->index == 0)
    aip_timer_arm (&self->rest, START_UP);
  aip_handshakes_init (&self->owner.handshakes, self->loop, self->shared->max_handshakes);
}

static void
close_all_connections (AipWorker *self)
{
  g_autoptr (GList) connections = g_hash_table_get_keys (self->connections);

  for (GList *l = connections; l != NULL; l = l->next)
    aip_connection_close (l->data);
}

static void
tear_down (AipWorker *self)
{
  g_ptr_array_set_size (self->listeners, 0);
  close_all_connections (self);
  /* Connections free themselves at the end of a turn. */
  while (g_main_context_iteration (self->context, FALSE))
    ;
  aip_control_free (self->control);
  aip_upstream_free (self->upstream);
  while (g_main_context_iteration (self->context, FALSE))
    ;
  aip_timer_disarm (&self->rest);
  aip_handshakes_clear (&self->owner.handshakes);
  aip_loop_free (self->loop);
  g_free (self->owner.scratch);
  if (self->owner.spare != NULL)
    g_string_free (self->owner.spare, TRUE);
}

static gpointer
thread_main (gpointer data)
{
  AipWorker *self = data;

  g_main_context_push_thread_default (self->context);
  set_up (self);
  g_main_loop_run (self->main_loop);
  tear_down (self);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

/**
 * aip_worker_new:
 * @index: which of the workers it is, from 0
 * @shared: what it shares with the others; outlives it
 * @snapshot: (transfer none): what to serve by
 *
 * Returns: (transfer full): a worker whose thread runs; to be ended with aip_worker_join ()
 */
AipWorker *
aip_worker_new (guint index, AipWorkerShared *shared, AipSnapshot *snapshot)
{
  AipWorker *self = g_new0 (AipWorker, 1);
  g_autofree char *name = g_strdup_printf ("worker-%u", index);

  self->index = index;
  self->shared = shared;
  self->snapshot = aip_snapshot_ref (snapshot);
  self->context = g_main_context_new ();
  self->main_loop = g_main_loop_new (self->context, FALSE);
  self->connections = g_hash_table_new (NULL, NULL);
  self->listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_listener_free);
  self->waits = g_array_new (FALSE, FALSE, sizeof (AipModelsWait));
  self->random = g_rand_new ();
  self->thread = g_thread_new (name, thread_main, self);
  return self;
}

static gboolean
quit_cb (gpointer data)
{
  AipWorker *self = data;

  g_main_loop_quit (self->main_loop);
  return G_SOURCE_REMOVE;
}

/**
 * aip_worker_join:
 * @self: (transfer full): a worker
 *
 * Ends it, whatever is under way, and waits for its thread. Called from the main thread.
 */
void
aip_worker_join (AipWorker *self)
{
  g_main_context_invoke (self->context, quit_cb, self);
  g_thread_join (self->thread);
  g_rand_free (self->random);
  g_array_unref (self->waits);
  g_ptr_array_unref (self->listeners);
  g_hash_table_unref (self->connections);
  g_main_loop_unref (self->main_loop);
  g_main_context_unref (self->context);
  aip_snapshot_unref (self->snapshot);
  g_free (self);
}

/**
 * aip_worker_listen:
 * @self: a worker
 * @fd: (transfer full): a listening socket
 * @certificate: (transfer none) (nullable): speak TLS with it; outlives the worker
 *
 * Takes connections from it, unless @self is about to end.
 */
void
aip_worker_listen (AipWorker *self, int fd, GTlsCertificate *certificate)
{
  if (self->owner.draining)
    {
      close (fd);
      return;
    }
  g_ptr_array_add (self->listeners,
                   aip_listener_new (self->loop, fd, admit_cb, name_cb, accepted_cb, certificate, self));
}

/* --- what its exchanges need --- */

/**
 * aip_worker_get_loop:
 * @self: a worker
 *
 * Returns: (transfer none): its loop
 */
AipLoop *
aip_worker_get_loop (AipWorker *self)
{
  return self->loop;
}

/**
 * aip_worker_get_upstream:
 * @self: a worker
 *
 * Returns: (transfer none): its way out
 */
AipUpstream *
aip_worker_get_upstream (AipWorker *self)
{
  return self->upstream;
}

/**
 * aip_worker_get_snapshot:
 * @self: a worker
 *
 * Returns: (transfer none): what new requests are served by
 */
AipSnapshot *
aip_worker_get_snapshot (AipWorker *self)
{
  return self->snapshot;
}

/**
 * aip_worker_get_shared:
 * @self: a worker
 *
 * Returns: (transfer none): what it shares with the others
 */
AipWorkerShared *
aip_worker_get_shared (AipWorker *self)
{
  return self->shared;
}

/**
 * aip_worker_count:
 * @self: a worker
 * @counter: what happened
 * @amount: how often
 */
void
aip_worker_count (AipWorker *self, AipCounter counter, guint64 amount)
{
  aip_counters_add (self->shared->counters, self->index, counter, amount);
}

/**
 * aip_worker_change:
 * @self: a worker
 * @gauge: what has changed
 * @amount: by how much
 */
void
aip_worker_change (AipWorker *self, AipGauge gauge, int amount)
{
  aip_counters_change (self->shared->counters, self->index, gauge, amount);
}

static void
write_hex (char *to, guint32 number)
{
  for (int i = 7; i >= 0; i--, number >>= 4)
    to[i] = "0123456789abcdef"[number & 0xf];
}

/**
 * aip_worker_make_request_id:
 * @self: a worker
 *
 * Returns: (transfer full): an id that no other request is likely to have
 */
char *
aip_worker_make_request_id (AipWorker *self)
{
  char *id = g_strdup ("req_nnnnnnnnnnnnnnnnnnnnnnnn");

  for (char *to = id + 4; *to != '\0'; to += 8)
    write_hex (to, g_rand_int (self->random));
  return id;
}

/**
 * aip_worker_random:
 * @self: a worker
 *
 * Returns: any number, another each time; not fit for secrets
 */
guint64
aip_worker_random (AipWorker *self)
{
  return (guint64) g_rand_int (self->random) << 32 | g_rand_int (self->random);
}

/**
 * aip_worker_is_draining:
 * @self: a worker
 *
 * Returns: whether it is about to end
 */
gboolean
aip_worker_is_draining (AipWorker *self)
{
  return self->owner.draining;
}

/**
 * aip_worker_enter_queue:
 * @self: a worker, one of whose requests wants to wait for somebody to serve it
 *
 * Returns: whether it may; it has to leave the queue then
 */
gboolean
aip_worker_enter_queue (AipWorker *self)
{
  if (self->n_queued >= MAX_QUEUED)
    return FALSE;
  self->n_queued++;
  return TRUE;
}

/**
 * aip_worker_leave_queue:
 * @self: a worker, one of whose requests does not wait any longer
 */
void
aip_worker_leave_queue (AipWorker *self)
{
  self->n_queued--;
}

/**
 * aip_worker_hand_over:
 * @self: a worker
 * @stream: (transfer none): a client's stream with a vetted request for the control plane
 */
void
aip_worker_hand_over (AipWorker *self, GIOStream *stream)
{
  aip_control_serve (self->control, stream);
}

/**
 * aip_worker_add_exchange:
 * @self: a worker
 * @link: of an exchange, its data: from now on it can be cut
 */
void
aip_worker_add_exchange (AipWorker *self, GList *link)
{
  g_queue_push_tail_link (&self->exchanges, link);
}

/**
 * aip_worker_remove_exchange:
 * @self: a worker
 * @link: what was added
 */
void
aip_worker_remove_exchange (AipWorker *self, GList *link)
{
  g_queue_unlink (&self->exchanges, link);
}

/**
 * aip_worker_wait_for_models:
 * @self: a worker
 * @func: called when all providers have told their models, or could not be asked
 * @user_data: for @func, and what aip_worker_forget_wait () goes by
 *
 * Returns: FALSE when there is nothing to wait for, and @func is not going to be called
 */
gboolean
aip_worker_wait_for_models (AipWorker *self, AipModelsFunc func, void *user_data)
{
  AipModelsWait wait = { func, user_data };

  self->shared->models_wanted (self->shared->user_data);
  if (self->snapshot->models_complete)
    return FALSE;
  g_array_append_val (self->waits, wait);
  return TRUE;
}

/**
 * aip_worker_forget_wait:
 * @self: a worker
 * @user_data: whose wait is over
 */
void
aip_worker_forget_wait (AipWorker *self, void *user_data)
{
  for (guint i = self->waits->len; i > 0; i--)
    if (g_array_index (self->waits, AipModelsWait, i - 1).user_data == user_data)
      g_array_remove_index (self->waits, i - 1);
}
