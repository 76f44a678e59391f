/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-server"

#include "server/aip-server.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>

#include "base/aip-error.h"
#include "server/aip-cancel.h"
#include "server/aip-room.h"
#include "server/aip-sockets.h"
#include "server/aip-worker.h"

#define MAX_DEFAULT_WORKERS 4

/* Each takes a thread. */
#define MAX_HANDSHAKES 64u

#define DRAIN_CHECK_MS 10

struct _AipServer
{
  GPtrArray *workers;
  AipWorkerShared shared;
  AipServerFunc models_wanted;
  void *user_data;
  GPtrArray *endpoints;         /* of char * */
  GPtrArray *socket_files;      /* of char *: to be removed at the end */
  GTlsCertificate *certificate; /* (nullable) */
  gboolean exposed;             /* other machines can reach it */
  gint64 started;               /* monotonic µs */
  GPtrArray *cancels;           /* of AipCancel: not answered yet */

  guint drain_source;
  gint64 drain_limit; /* monotonic µs */
  AipServerFunc drained;
  void *drained_data;
};

static gboolean
models_wanted_cb (gpointer data)
{
  AipServer *self = data;

  self->models_wanted (self->user_data);
  return G_SOURCE_REMOVE;
}

static void
post_models_wanted (void *user_data)
{
  g_idle_add (models_wanted_cb, user_data);
}

static void
set_room (AipServer *self, const AipServerConfig *config, guint n_workers)
{
  guint room = aip_room_for_clients (config->max_connections, n_workers);

  if ((int) room == g_atomic_int_get (&self->shared.max_connections))
    return;
  g_atomic_int_set (&self->shared.max_connections, (int) room);
  if (room < config->max_connections)
    g_message (
        "%u connections are taken at a time, and not `max-connections` (%u): more descriptors may not be "
        "open; raise `ulimit -n` or LimitNOFILE",
        room, config->max_connections);
}

/**
 * aip_server_new:
 * @snapshot: (transfer none): what to serve by
 * @activity: (nullable): takes what those who watch the requests are told; outlives the server
 * @records: (nullable): keeps the requests that are over; outlives the server
 * @models_wanted: called on the main thread when a client asks for models
 * @user_data: for @models_wanted
 *
 * Returns: (transfer full): a server whose workers run, but that does not listen yet
 */
AipServer *
aip_server_new (AipSnapshot *snapshot,
                AipActivity *activity,
                AipRecords *records,
                AipServerFunc models_wanted,
                void *user_data)
{
  AipServer *self = g_new0 (AipServer, 1);
  const AipServerConfig *config = &snapshot->config->server;
  guint n = config->workers > 0 ? config->workers : MIN (g_get_num_processors (), MAX_DEFAULT_WORKERS);

  self->started = g_get_monotonic_time ();
  self->models_wanted = models_wanted;
  self->user_data = user_data;
  self->endpoints = g_ptr_array_new_with_free_func (g_free);
  self->socket_files = g_ptr_array_new_with_free_func (g_free);
  self->cancels = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_cancel_free);
  self->workers = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_worker_join);
  self->shared = (AipWorkerShared){
    .counters = aip_counters_new (n),
    .activity = activity,
    .records = records,
    .max_handshakes = MAX (MAX_HANDSHAKES / n, 1),
    .models_wanted = post_models_wanted,
    .user_data = self,
  };
  set_room (self, config, n);
  self->shared.max_kept = MAX (aip_room_for_clients (G_MAXINT, n) / n, 1);
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (self->workers, aip_worker_new (i, &self->shared, snapshot));
  return self;
}

/**
 * aip_server_free:
 * @self: (transfer full): a server
 *
 * Ends all workers, whatever is under way. Cancels that were not answered are answered from within.
 */
void
aip_server_free (AipServer *self)
{
  g_ptr_array_unref (self->workers);
  while (self->cancels->len > 0)
    aip_cancel_finish (self->cancels->pdata[0]);
  g_ptr_array_unref (self->cancels);
  g_clear_handle_id (&self->drain_source, g_source_remove);
  while (g_idle_remove_by_data (self))
    ;
  for (guint i = 0; i < self->socket_files->len; i++)
    g_unlink (g_ptr_array_index (self->socket_files, i));
  g_ptr_array_unref (self->socket_files);
  g_ptr_array_unref (self->endpoints);
  g_clear_object (&self->certificate);
  aip_counters_free (self->shared.counters);
  g_free (self);
}

/* --- listening --- */

static gboolean
load_certificate (AipServer *self, const AipServerConfig *config, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (config->tls_certificate == NULL || self->certificate != NULL)
    return TRUE;
  self->certificate = g_tls_certificate_new_from_files (config->tls_certificate, config->tls_key, &local);
  if (self->certificate == NULL)
    g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG, "cannot load tls-certificate and tls-key: %s",
                 local->message);
  return self->certificate != NULL;
}

/* Gives one listening socket, and one beside it for each further worker, to the workers. */
static gboolean
spread (AipServer *self, int fd, GError **error)
{
  GTlsCertificate *certificate = aip_sockets_is_unix (fd) ? NULL : self->certificate;

  self->exposed = self->exposed || aip_sockets_is_exposed (fd);
  g_ptr_array_add (self->endpoints, aip_sockets_describe (fd, certificate != NULL));
  for (guint i = 1; i < self->workers->len; i++)
    {
      int beside = aip_sockets_listen_beside (fd, error);

      if (beside < 0)
        {
          aip_worker_post_listen (self->workers->pdata[0], fd, certificate);
          return FALSE;
        }
      aip_worker_post_listen (self->workers->pdata[i], beside, certificate);
    }
  aip_worker_post_listen (self->workers->pdata[0], fd, certificate);
  return TRUE;
}

/**
 * aip_server_listen:
 * @self: a server
 * @config: what to listen on
 * @error: return location for an error
 *
 * Begins to serve. Of the default addresses it is enough that one can be had: many machines have no IPv6.
 *
 * Returns: whether it listens
 */
gboolean
aip_server_listen (AipServer *self, const AipConfig *config, GError **error)
{
  if (!load_certificate (self, &config->server, error))
    return FALSE;
  for (gsize i = 0; config->server.listen[i] != NULL; i++)
    {
      const char *address = config->server.listen[i];
      g_autoptr (GError) local = NULL;
      int fd = aip_sockets_listen (address, &local);

      if (fd < 0 && config->server.listen_is_default && i > 0)
        g_warning ("%s", local->message);
      else if (fd < 0)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      else if (!spread (self, fd, error))
        return FALSE;
      if (fd >= 0 && g_str_has_prefix (address, "unix:"))
        g_ptr_array_add (self->socket_files, g_strdup (address + strlen ("unix:")));
    }
  return TRUE;
}

/**
 * aip_server_adopt_sockets:
 * @self: a server
 * @config: for its TLS settings
 * @first: a listening socket; the others follow
 * @n: how many
 * @error: return location for an error
 *
 * Serves on sockets that the service manager made.
 *
 * Returns: whether it does
 */
gboolean
aip_server_adopt_sockets (AipServer *self, const AipConfig *config, int first, guint n, GError **error)
{
  if (!load_certificate (self, &config->server, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      int fd = first + (int) i;

      if (!aip_sockets_check (fd, error))
        return FALSE;
      fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK);
      if (!spread (self, fd, error))
        return FALSE;
    }
  return TRUE;
}

/**
 * aip_server_is_exposed:
 * @self: a server that listens
 *
 * Returns: whether other machines can reach it, so that it must not do without tokens
 */
gboolean
aip_server_is_exposed (AipServer *self)
{
  return self->exposed;
}

/**
 * aip_server_get_endpoints:
 * @self: a server
 *
 * Returns: (transfer full): where clients find it
 */
char **
aip_server_get_endpoints (AipServer *self)
{
  GStrvBuilder *builder = g_strv_builder_new ();
  char **endpoints;

  for (guint i = 0; i < self->endpoints->len; i++)
    g_strv_builder_add (builder, g_ptr_array_index (self->endpoints, i));
  endpoints = g_strv_builder_end (builder);
  g_strv_builder_unref (builder);
  return endpoints;
}

/**
 * aip_server_set_snapshot:
 * @self: a server
 * @snapshot: (transfer none): what new requests are served by from now on
 */
void
aip_server_set_snapshot (AipServer *self, AipSnapshot *snapshot)
{
  set_room (self, &snapshot->config->server, self->workers->len);
  for (guint i = 0; i < self->workers->len; i++)
    aip_worker_post_snapshot (g_ptr_array_index (self->workers, i), snapshot);
}

/**
 * aip_server_check_workers:
 * @self: a server
 *
 * Asks each worker for a sign of life, to be there at the next call.
 *
 * Returns: whether each has answered the call before
 */
gboolean
aip_server_check_workers (AipServer *self)
{
  gboolean alive = TRUE;

  for (guint i = 0; i < self->workers->len; i++)
    alive = aip_worker_post_check (g_ptr_array_index (self->workers, i)) && alive;
  return alive;
}

/* --- stopping what runs --- */

/**
 * aip_server_set_paused:
 * @self: a server
 * @paused: whether to serve nothing
 *
 * The kill switch: ends what runs with a clear error to its client, and refuses all of the data plane that
 * comes. It holds until it is taken back, whatever the configuration says.
 */
void
aip_server_set_paused (AipServer *self, gboolean paused)
{
  int epoch = self->shared.pause_epoch + 1;

  if (aip_server_is_paused (self) == !!paused)
    return;
  g_atomic_int_set (&self->shared.pause_epoch, epoch);
  for (guint i = 0; paused && i < self->workers->len; i++)
    aip_worker_post_cut_all (g_ptr_array_index (self->workers, i), epoch);
}

/**
 * aip_server_is_paused:
 * @self: a server
 *
 * Returns: whether it serves nothing until aip_server_set_paused () takes that back
 */
gboolean
aip_server_is_paused (AipServer *self)
{
  return AIP_EPOCH_IS_PAUSED (g_atomic_int_get (&self->shared.pause_epoch));
}

typedef struct
{
  AipServer *server;
  AipServerCancelFunc done;
  void *user_data;
} CancelCall;

static void
cancelled_cb (AipCancel *cancel, gboolean found, void *user_data)
{
  g_autofree CancelCall *call = user_data;

  g_ptr_array_remove (call->server->cancels, cancel);
  call->done (found, call->user_data);
}

/**
 * aip_server_cancel:
 * @self: a server
 * @request_id: a request's id, as in X-Request-Id
 * @done: called once, on the main thread: not from within this function, but from within aip_server_free ()
 * at the latest
 * @user_data: for @done
 *
 * Ends a request that is under way, with an error to its client; all of them where clients have given several
 * the same id.
 */
void
aip_server_cancel (AipServer *self, const char *request_id, AipServerCancelFunc done, void *user_data)
{
  CancelCall call = { self, done, user_data };
  AipCancel *cancel =
      aip_cancel_new (request_id, self->workers->len, cancelled_cb, g_memdup2 (&call, sizeof call));

  g_ptr_array_add (self->cancels, cancel);
  for (guint i = 0; i < self->workers->len; i++)
    aip_worker_post_cancel (g_ptr_array_index (self->workers, i), cancel);
}

typedef struct
{
  AipServerFunc settled;
  void *user_data;
} SettleCall;

static void
settled_cb (gboolean found, void *user_data)
{
  g_autofree SettleCall *call = user_data;

  call->settled (call->user_data);
}

/**
 * aip_server_settle:
 * @self: a server
 * @settled: called once, as in aip_server_cancel ()
 * @user_data: for @settled
 *
 * Waits until each worker has taken all that was posted to it before, such as a snapshot: from then on no
 * request begins by what was in force earlier.
 */
void
aip_server_settle (AipServer *self, AipServerFunc settled, void *user_data)
{
  SettleCall call = { settled, user_data };

  /* Workers answer in turn, and no request has this id. */
  aip_server_cancel (self, "", settled_cb, g_memdup2 (&call, sizeof call));
}

/* --- how it goes --- */

/**
 * aip_server_read_counters:
 * @self: a server
 * @snapshot: (out): the sums over all workers
 */
void
aip_server_read_counters (AipServer *self, AipCountersSnapshot *snapshot)
{
  aip_counters_read (self->shared.counters, snapshot);
}

/**
 * aip_server_get_uptime:
 * @self: a server
 *
 * Returns: how long it has been there, in microseconds
 */
gint64
aip_server_get_uptime (AipServer *self)
{
  return g_get_monotonic_time () - self->started;
}

/* --- the end --- */

static gboolean
drain_check_cb (gpointer data)
{
  AipServer *self = data;
  int left = g_atomic_int_get (&self->shared.n_connections);

  if (left > 0 && g_get_monotonic_time () < self->drain_limit)
    return G_SOURCE_CONTINUE;
  if (left > 0)
    g_message ("%d connections did not end in time: closing them", left);
  self->drain_source = 0;
  self->drained (self->drained_data);
  return G_SOURCE_REMOVE;
}

/**
 * aip_server_drain:
 * @self: a server
 * @limit_ms: how long requests under way may take, in milliseconds
 * @drained: called when all is done, or the time is over
 * @user_data: for @drained
 *
 * Takes no new connections and lets what is under way end.
 */
void
aip_server_drain (AipServer *self, guint64 limit_ms, AipServerFunc drained, void *user_data)
{
  if (self->drain_source != 0)
    return;
  self->drained = drained;
  self->drained_data = user_data;
  self->drain_limit = g_get_monotonic_time () + (gint64) limit_ms * 1000;
  for (guint i = 0; i < self->workers->len; i++)
    aip_worker_post_drain (g_ptr_array_index (self->workers, i));
  self->drain_source = g_timeout_add (DRAIN_CHECK_MS, drain_check_cb, self);
}

/**
 * aip_server_is_draining:
 * @self: a server
 *
 * Returns: whether it takes no new connections any more
 */
gboolean
aip_server_is_draining (AipServer *self)
{
  return self->drained != NULL;
}
