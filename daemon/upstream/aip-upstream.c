/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-upstream"

#include "upstream/aip-upstream.h"

#include "base/aip-error.h"
#include "upstream/aip-curl-memory.h"
#include "upstream/aip-easy.h"
#include "upstream/aip-upstream-private.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_EASIES 64
/* Libcurl counts busy connections too: when there are more, each that falls idle is closed. */
#define MAX_CONNECTIONS 1024

/*
 * AipSocket: one descriptor of libcurl's. Between two requests libcurl forgets the sockets of its pool
 * and takes them up again; the watch stays as long as the socket does, so that epoll hears of neither.
 *
 * Not every close is told: the descriptors that libcurl makes for itself (its resolver's) are closed
 * right after it has forgotten them, and those that never came to be connected right before. Their
 * number may be another's by then, hence the inode, which tells whether it is still the same socket.
 */
typedef struct
{
  AipWatch watch;
  AipUpstream *upstream;
  ino_t inode;
  gboolean foreign;
  gboolean connected; /* something was to be read from it */
  gboolean idle;      /* kept for the next request, and nothing may come before that */
} AipSocket;

static ino_t
inode_of (int fd)
{
  struct stat status;

  return fstat (fd, &status) == 0 ? status.st_ino : 0;
}

static void
socket_free (AipSocket *self)
{
  /* Epoll has dropped a closed descriptor by itself, and must not be told of its successor. */
  if (inode_of (self->watch.fd) != self->inode)
    aip_watch_init (&self->watch, self->watch.loop, self->watch.fd, self->watch.func, self->watch.user_data);
  aip_watch_clear (&self->watch);
  g_free (self);
}

/*
 * What an HTTP/1 server says between two requests, such as "408" before it closes, would be taken for the
 * answer to the next one. Libcurl sees that a connection has ended, but not that something came unasked.
 */
static void
end_idle_connection (AipSocket *socket)
{
  char unasked[4096];

  aip_watch_set (&socket->watch, AIP_IO_NONE);
  if (recv (socket->watch.fd, unasked, sizeof unasked, MSG_DONTWAIT) <= 0)
    return;
  shutdown (socket->watch.fd, SHUT_RDWR);
  while (recv (socket->watch.fd, unasked, sizeof unasked, MSG_DONTWAIT) > 0)
    ;
}

static void
socket_ready_cb (AipWatch *watch, AipIo ready, void *user_data)
{
  AipSocket *socket = user_data;
  AipUpstream *self = socket->upstream;
  int mask = 0;
  int running;

  if (socket->idle)
    {
      end_idle_connection (socket);
      return;
    }

  if (ready & AIP_IO_IN)
    mask |= CURL_CSELECT_IN;
  if (ready & AIP_IO_OUT)
    mask |= CURL_CSELECT_OUT;
  if (mask == 0)
    return;

  aip_upstream_enter (self);
  curl_multi_socket_action (self->multi, watch->fd, mask, &running);
  aip_upstream_leave (self);
}

static AipSocket *
add_socket (AipUpstream *self, int fd, gboolean foreign)
{
  AipSocket *socket = g_new0 (AipSocket, 1);

  socket->upstream = self;
  socket->foreign = foreign;
  socket->inode = inode_of (fd);
  aip_watch_init (&socket->watch, self->loop, fd, socket_ready_cb, socket);
  g_hash_table_insert (self->sockets, GINT_TO_POINTER (fd), socket);
  return socket;
}

/*
 * aip_upstream_open_socket_cb:
 * @user_data: the AipEasy
 *
 * CURLOPT_OPENSOCKETFUNCTION. When libcurl tries one address after the other, the new socket often has
 * the number of the one just closed, and libcurl goes on waiting for that number without a word.
 */
curl_socket_t
aip_upstream_open_socket_cb (void *user_data, curlsocktype purpose, struct curl_sockaddr *address)
{
  AipEasy *easy = user_data;
  AipUpstream *self = easy->upstream;
  int fd = socket (address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  AipSocket *predecessor;
  AipIo wanted;

  if (fd < 0)
    {
      easy->socket_errno = errno;
      return CURL_SOCKET_BAD;
    }
  predecessor = g_hash_table_lookup (self->sockets, GINT_TO_POINTER (fd));
  wanted = predecessor == NULL ? AIP_IO_NONE : predecessor->watch.wanted;
  aip_watch_set (&add_socket (self, fd, FALSE)->watch, wanted);
  return fd;
}

/*
 * aip_upstream_close_socket_cb:
 * @user_data: the AipUpstream; not the easy handle, which may be gone long before its connection
 *
 * CURLOPT_CLOSESOCKETFUNCTION.
 */
int
aip_upstream_close_socket_cb (void *user_data, curl_socket_t fd)
{
  AipUpstream *self = user_data;

  g_hash_table_remove (self->sockets, GINT_TO_POINTER (fd));
  return close (fd);
}

/*
 * aip_upstream_forget_socket:
 * @self: an upstream
 * @fd: a socket of libcurl's that somebody else watches from now on
 */
void
aip_upstream_forget_socket (AipUpstream *self, int fd)
{
  g_hash_table_remove (self->sockets, GINT_TO_POINTER (fd));
}

/* Within TLS, and between the streams of HTTP/2, there is talk at any time. */
static gboolean
is_between_requests (AipSocket *socket, CURL *handle)
{
  const AipEasy *easy = aip_easy_from_handle (handle);
  const char *scheme = NULL;

  curl_easy_getinfo (handle, CURLINFO_SCHEME, &scheme);
  return socket->connected && g_strcmp0 (scheme, "HTTP") == 0 && easy->tunnel == NULL &&
         !aip_transfer_curl_is_held_up (easy->transfer);
}

static int
socket_cb (CURL *handle, curl_socket_t fd, int what, void *user_data, void *socket_data)
{
  AipUpstream *self = user_data;
  AipSocket *socket = g_hash_table_lookup (self->sockets, GINT_TO_POINTER (fd));
  AipIo wanted = AIP_IO_NONE;

  if (what == CURL_POLL_REMOVE)
    {
      if (socket != NULL && (socket->foreign || (!socket->connected && inode_of (fd) != socket->inode)))
        g_hash_table_remove (self->sockets, GINT_TO_POINTER (fd));
      else if (socket != NULL)
        {
          socket->idle = is_between_requests (socket, handle);
          aip_watch_set (&socket->watch, socket->idle ? AIP_IO_IN : AIP_IO_NONE);
        }
      return 0;
    }

  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
    wanted |= AIP_IO_IN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
    wanted |= AIP_IO_OUT;
  if (socket == NULL)
    socket = add_socket (self, fd, TRUE);
  socket->idle = FALSE;
  socket->connected = socket->connected || (wanted & AIP_IO_IN);
  aip_watch_set (&socket->watch, wanted);
  return 0;
}

/* --- deadlines of libcurl --- */

static void
run_timeouts (AipUpstream *self)
{
  int running;

  self->in_timeout = TRUE;
  aip_upstream_enter (self);
  curl_multi_socket_action (self->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  self->in_timeout = FALSE;
  aip_upstream_leave (self);
}

static void
timer_due_cb (AipTimer *timer, void *user_data)
{
  run_timeouts (user_data);
}

static void
idle_cb (AipIdle *idle, void *user_data)
{
  run_timeouts (user_data);
}

static int
timer_cb (CURLM *multi, long timeout_ms, void *user_data)
{
  AipUpstream *self = user_data;

  aip_idle_cancel (&self->idle);
  aip_timer_disarm (&self->timer);
  if (timeout_ms > 0)
    aip_timer_arm (&self->timer, timeout_ms * G_TIME_SPAN_MILLISECOND);
  else if (timeout_ms == 0 && self->in_timeout)
    aip_timer_arm (&self->timer, 1); /* sockets first: the next turn, not this one for ever */
  else if (timeout_ms == 0)
    aip_idle_queue (&self->idle);
  return 0;
}

/* --- what libcurl has finished --- */

static void
reap_dead (AipUpstream *self)
{
  while (self->dead->len > 0)
    aip_transfer_curl_free (g_ptr_array_steal_index_fast (self->dead, self->dead->len - 1));
}

static void
dispatch_messages (AipUpstream *self)
{
  CURLMsg *message;
  int left;

  while ((message = curl_multi_info_read (self->multi, &left)) != NULL)
    {
      CURLcode code = message->data.result;
      AipEasy *easy = aip_easy_from_handle (message->easy_handle);

      if (easy->tunnel != NULL)
        aip_tunnel_connected (easy->tunnel, code);
      else
        aip_transfer_curl_finish (easy->transfer, code);
    }
}

/*
 * aip_upstream_enter:
 * @self: an upstream
 *
 * To be called before each call of libcurl that may call back.
 */
void
aip_upstream_enter (AipUpstream *self)
{
  self->depth++;
}

/*
 * aip_upstream_leave:
 * @self: an upstream
 *
 * To be called after what aip_upstream_enter () announced: frees the transfers that were cancelled in
 * the meantime and tells of those that ended.
 */
void
aip_upstream_leave (AipUpstream *self)
{
  g_assert (self->depth > 0);

  if (--self->depth > 0)
    return;
  reap_dead (self);
  dispatch_messages (self);
}

/*
 * aip_upstream_take_easy:
 * @self: an upstream
 *
 * Returns: (transfer full): a configured easy handle, used before if there is one
 */
AipEasy *
aip_upstream_take_easy (AipUpstream *self)
{
  if (self->easies->len > 0)
    return g_ptr_array_steal_index_fast (self->easies, self->easies->len - 1);
  return aip_easy_new (self);
}

/*
 * aip_upstream_return_easy:
 * @self: an upstream
 * @easy: (transfer full): an easy handle that is in no multi handle any more
 */
void
aip_upstream_return_easy (AipUpstream *self, AipEasy *easy)
{
  if (self->easies->len >= MAX_EASIES)
    {
      aip_easy_free (easy);
      return;
    }
  aip_easy_recycle (easy);
  g_ptr_array_add (self->easies, easy);
}

/**
 * aip_upstream_global_init:
 * @error: return location
 *
 * Once per process, before any thread starts.
 *
 * Returns: %FALSE with %AIP_ERROR_NOT_SUPPORTED when libcurl lacks what is needed
 */
gboolean
aip_upstream_global_init (GError **error)
{
  const int needed = CURL_VERSION_SSL | CURL_VERSION_THREADSAFE | CURL_VERSION_ASYNCHDNS;
  curl_version_info_data *info;

  if (aip_curl_memory_init () != CURLE_OK)
    {
      g_set_error_literal (error, AIP_ERROR, AIP_ERROR_NOT_SUPPORTED, "libcurl could not be initialised");
      return FALSE;
    }

  info = curl_version_info (CURLVERSION_NOW);
  if (info->version_num < 0x075800 || (info->features & needed) != needed)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_NOT_SUPPORTED,
                   "libcurl %s is not enough: 7.88 with TLS, threads and an asynchronous resolver is needed",
                   info->version);
      return FALSE;
    }
  return TRUE;
}

/**
 * aip_upstream_new:
 * @loop: the worker's loop, which must outlive it
 *
 * Returns: (transfer full): a way out with no connections
 */
AipUpstream *
aip_upstream_new (AipLoop *loop)
{
  AipUpstream *self;

  g_return_val_if_fail (loop != NULL, NULL);

  self = g_new0 (AipUpstream, 1);
  self->loop = loop;
  self->sockets = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) socket_free);
  self->easies = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_easy_free);
  self->dead = g_ptr_array_new ();
  g_queue_init (&self->running);
  g_queue_init (&self->tunnels);
  aip_timer_init (&self->timer, loop, timer_due_cb, self);
  aip_idle_init (&self->idle, loop, idle_cb, self);

  self->multi = curl_multi_init ();
  curl_multi_setopt (self->multi, CURLMOPT_SOCKETFUNCTION, socket_cb);
  curl_multi_setopt (self->multi, CURLMOPT_SOCKETDATA, self);
  curl_multi_setopt (self->multi, CURLMOPT_TIMERFUNCTION, timer_cb);
  curl_multi_setopt (self->multi, CURLMOPT_TIMERDATA, self);
  curl_multi_setopt (self->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  curl_multi_setopt (self->multi, CURLMOPT_MAXCONNECTS, (long) MAX_CONNECTIONS);
  return self;
}

/**
 * aip_upstream_set_max_kept:
 * @self: an upstream
 * @n: connections; above a limit of our own it makes no difference
 *
 * Sets how many connections are kept for later requests, those in use included.
 */
void
aip_upstream_set_max_kept (AipUpstream *self, guint n)
{
  g_return_if_fail (self != NULL);

  curl_multi_setopt (self->multi, CURLMOPT_MAXCONNECTS, (long) CLAMP (n, 1, MAX_CONNECTIONS));
}

/**
 * aip_upstream_free:
 * @self: (transfer full): an upstream; not from within a callback of one of its transfers
 *
 * Cancels what still runs and closes all connections.
 */
void
aip_upstream_free (AipUpstream *self)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (self->depth == 0);

  while (self->running.head != NULL)
    aip_transfer_cancel (self->running.head->data);
  while (self->tunnels.head != NULL)
    aip_tunnel_free (self->tunnels.head->data);
  g_ptr_array_unref (self->dead);
  g_ptr_array_unref (self->easies);
  curl_multi_cleanup (self->multi);
  aip_idle_cancel (&self->idle);
  aip_timer_disarm (&self->timer);
  g_hash_table_unref (self->sockets);
  g_free (self);
}

/**
 * aip_upstream_start:
 * @self: an upstream
 * @request: what to send, and where
 * @funcs: what to call with the answer; copied
 * @user_data: for @funcs
 *
 * An upload travels on a connection of its own: it cannot be sent again, so it must not meet a pooled
 * connection that the upstream is just closing; so does a request that wants a fresh one. All other requests
 * reuse connections; when one turns out to be dead before anything came back, the request is sent again on a
 * new one.
 *
 * Returns: (transfer none): the running transfer, until @funcs->done or aip_transfer_cancel ()
 */
AipTransfer *
aip_upstream_start (AipUpstream *self,
                    const AipTransferRequest *request,
                    const AipTransferFuncs *funcs,
                    void *user_data)
{
  g_return_val_if_fail (self != NULL && request != NULL && funcs != NULL, NULL);
  g_return_val_if_fail (request->method != NULL && request->url != NULL, NULL);
  g_return_val_if_fail (!request->upload || (request->body == NULL && funcs->read != NULL), NULL);
  g_return_val_if_fail (funcs->head != NULL && funcs->body != NULL && funcs->done != NULL, NULL);

  return aip_transfer_curl_new (self, request, funcs, user_data);
}

/**
 * aip_upstream_start_builtin:
 * @self: an upstream
 * @method: HTTP method
 * @endpoint: such as "chat/completions"
 * @body: (nullable): the request's body
 * @funcs: what to call with the answer; copied
 * @user_data: for @funcs
 *
 * Lets the model inside the daemon answer.
 *
 * Returns: (transfer none): the running transfer, until @funcs->done or aip_transfer_cancel ()
 */
AipTransfer *
aip_upstream_start_builtin (AipUpstream *self,
                            const char *method,
                            const char *endpoint,
                            GBytes *body,
                            const AipTransferFuncs *funcs,
                            void *user_data)
{
  g_return_val_if_fail (self != NULL && method != NULL && endpoint != NULL && funcs != NULL, NULL);
  g_return_val_if_fail (funcs->head != NULL && funcs->body != NULL && funcs->done != NULL, NULL);

  return aip_transfer_builtin_new (self, method, endpoint, body, funcs, user_data);
}
