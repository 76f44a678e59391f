/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-tunnel"

#include "upstream/aip-tunnel.h"

#include "upstream/aip-curl-fault.h"
#include "upstream/aip-easy.h"
#include "upstream/aip-tunnel-head.h"
#include "upstream/aip-tunnel-queue.h"
#include "upstream/aip-upstream-private.h"

#define QUEUE_FULL (256 * 1024)
#define LEAVE_TIMEOUT (5 * G_TIME_SPAN_SECOND)

/*
 *   CONNECTING ──> HEAD ──> OPEN ──> LEAVING ──> CLOSED
 *       │           │ └──> ANSWER      ^            ^
 *       └───────────┴────────┴─────────┴────────────┘
 *
 * OPEN is behind "101", ANSWER behind any other head. LEAVING still sends what was queued, and nobody
 * listens any more.
 */
typedef enum
{
  CONNECTING,
  HEAD,
  OPEN,
  ANSWER,
  LEAVING,
  CLOSED,
} State;

struct _AipTunnel
{
  AipUpstream *upstream;
  AipUpstream *way; /* see aip_tunnel_new () */
  AipEasy *easy;
  AipTunnelFuncs funcs;
  void *user_data;
  GList link; /* in the upstream's tunnels */
  State state;
  CURLcode connected;

  AipWatch watch;
  AipTimer limit;
  AipIdle wake;
  AipIdle dispose;
  guint64 connect_timeout; /* ms; so are the next */
  guint64 first_byte_timeout;
  guint64 idle_timeout;

  AipTunnelQueue queue;
  gboolean was_full;
  gboolean deaf; /* the upstream takes nothing any more */

  GString *in;     /* of the head, or not taken */
  gsize head_size; /* bytes seen of it */
  gboolean paused;
};

/**
 * aip_tunnel_free:
 * @self: (transfer full): a tunnel, while none of its functions is on the stack
 */
void
aip_tunnel_free (AipTunnel *self)
{
  aip_watch_clear (&self->watch);
  aip_timer_disarm (&self->limit);
  aip_idle_cancel (&self->wake);
  aip_idle_cancel (&self->dispose);
  g_queue_unlink (&self->upstream->tunnels, &self->link);
  curl_multi_remove_handle (self->way->multi, self->easy->handle);
  aip_easy_free (self->easy);
  aip_upstream_free (self->way);
  aip_tunnel_queue_clear (&self->queue);
  g_string_free (self->in, TRUE);
  g_free (self);
}

static void
dispose_cb (AipIdle *idle, void *user_data)
{
  aip_tunnel_free (user_data);
}

static void
stop (AipTunnel *self)
{
  self->state = CLOSED;
  aip_watch_clear (&self->watch);
  aip_timer_disarm (&self->limit);
  aip_idle_cancel (&self->wake);
  aip_idle_queue (&self->dispose);
}

static void
finish (AipTunnel *self, AipFault fault, guint64 limit_ms, const char *detail)
{
  g_autofree char *message = NULL;

  if (fault != AIP_FAULT_NONE)
    message = aip_curl_fault_dup_message (self->easy->handle, fault, limit_ms, detail);
  stop (self);
  self->funcs.done (self, fault, message, self->user_data);
}

static void
arm (AipTunnel *self, guint64 timeout_ms)
{
  aip_timer_disarm (&self->limit);
  if (timeout_ms > 0)
    aip_timer_arm (&self->limit, (gint64) MIN (timeout_ms, (guint64) G_MAXINT32) * G_TIME_SPAN_MILLISECOND);
}

static void
limit_due_cb (AipTimer *timer, void *user_data)
{
  AipTunnel *self = user_data;

  if (self->state == HEAD)
    finish (self, AIP_FAULT_FIRST_BYTE_TIMEOUT, self->first_byte_timeout, NULL);
  else if (self->state == ANSWER)
    finish (self, AIP_FAULT_IDLE_TIMEOUT, self->idle_timeout, NULL);
  else
    stop (self);
}

/* --- from the upstream --- */

static void
deliver (AipTunnel *self, const char *data, gsize length)
{
  gboolean taken = self->funcs.data (self, data, length, self->user_data);

  if (self->state == CLOSED || self->state == LEAVING)
    return;
  if (self->state == ANSWER)
    arm (self, taken ? self->idle_timeout : 0);
  if (taken)
    return;
  self->paused = TRUE;
  g_string_append_len (self->in, data, length);
}

/* Bytes that came with the head, or that were not taken. */
static void
deliver_kept (AipTunnel *self)
{
  GString *kept = self->in;

  if (kept->len == 0)
    return;
  self->in = g_string_new (NULL);
  deliver (self, kept->str, kept->len);
  g_string_free (kept, TRUE);
}

static void
read_head (AipTunnel *self)
{
  AipAnswerHead *head = &self->easy->head;

  switch (aip_tunnel_head_parse (head, self->in, &self->head_size))
    {
    case AIP_ANSWER_HEAD_MORE:
      return;
    case AIP_ANSWER_HEAD_BAD:
      finish (self, AIP_FAULT_PROTOCOL, 0, head->bad);
      return;
    case AIP_ANSWER_HEAD_DONE:
    default:
      break;
    }
  self->state = head->status == 101 ? OPEN : ANSWER;
  arm (self, self->state == ANSWER ? self->idle_timeout : 0);
  self->funcs.head (self, head->status, (const AipHeaderView *) head->views->data, head->views->len,
                    self->user_data);
  if (self->state == OPEN || self->state == ANSWER)
    deliver_kept (self);
}

static void
take (AipTunnel *self, const char *data, gsize length)
{
  if (self->state == LEAVING)
    return;
  if (self->state != HEAD)
    {
      deliver (self, data, length);
      return;
    }
  g_string_append_len (self->in, data, length);
  read_head (self);
}

static void
ended (AipTunnel *self, CURLcode code)
{
  g_autofree char *detail = NULL;

  if (self->state == LEAVING)
    {
      stop (self);
      return;
    }
  if (code == CURLE_OK && self->state != HEAD)
    {
      finish (self, AIP_FAULT_NONE, 0, NULL);
      return;
    }
  if (code == CURLE_OK)
    detail = g_strdup ("its head was not complete");
  else
    detail = aip_curl_fault_dup_detail (self->easy->handle, code, self->easy->error);
  finish (self, AIP_FAULT_CUT, 0, detail);
}

/* TLS may hold bytes that the socket knows nothing of: so all there is is read, or as much as is taken. */
static void
receive (AipTunnel *self)
{
  char buffer[16 * 1024];

  while (self->state != CLOSED && !self->paused)
    {
      size_t n = 0;
      CURLcode code = curl_easy_recv (self->easy->handle, buffer, sizeof buffer, &n);

      if (code == CURLE_AGAIN)
        return;
      if (code != CURLE_OK || n == 0)
        {
          ended (self, code);
          return;
        }
      take (self, buffer, n);
    }
}

/* --- to the upstream --- */

static void
transmit (AipTunnel *self)
{
  gsize left;

  /* What it said before it stopped listening is worth more than this failure: reading will tell. */
  if (!self->deaf && !aip_tunnel_queue_flush (&self->queue, self->easy->handle))
    self->deaf = TRUE;
  if (self->deaf)
    aip_tunnel_queue_clear (&self->queue);
  left = aip_tunnel_queue_get_length (&self->queue);
  if (self->state == LEAVING && left == 0)
    stop (self);
  else if (self->state == OPEN && self->was_full && left < QUEUE_FULL / 2)
    {
      self->was_full = FALSE;
      self->funcs.writable (self, self->user_data);
    }
}

static void
pump (AipTunnel *self)
{
  AipIo wanted = AIP_IO_NONE;

  transmit (self);
  receive (self);
  if (self->state == CLOSED)
    return;
  if (!self->paused)
    wanted |= AIP_IO_IN;
  if (aip_tunnel_queue_get_length (&self->queue) > 0)
    wanted |= AIP_IO_OUT;
  aip_watch_set (&self->watch, wanted);
}

static void
ready_cb (AipWatch *watch, AipIo ready, void *user_data)
{
  pump (user_data);
}

/* --- start and end --- */

static void
begin (AipTunnel *self)
{
  CURL *handle = self->easy->handle;
  curl_socket_t fd = CURL_SOCKET_BAD;

  if (self->connected == CURLE_OK && curl_easy_getinfo (handle, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK &&
      fd != CURL_SOCKET_BAD)
    {
      aip_upstream_forget_socket (self->way, fd);
      aip_watch_init (&self->watch, self->upstream->loop, fd, ready_cb, self);
      self->state = HEAD;
      arm (self, self->first_byte_timeout);
      return;
    }
  CURLcode code = self->connected != CURLE_OK ? self->connected : CURLE_COULDNT_CONNECT;
  g_autofree char *detail = aip_curl_fault_dup_detail (handle, code, self->easy->error);

  finish (self, aip_curl_fault (handle, code, self->easy->error), self->connect_timeout, detail);
}

static void
wake_cb (AipIdle *idle, void *user_data)
{
  AipTunnel *self = user_data;

  if (self->state == CONNECTING)
    begin (self);
  else if (self->paused)
    {
      self->paused = FALSE;
      deliver_kept (self);
    }
  if (self->state != CLOSED)
    pump (self);
}

/**
 * aip_tunnel_connected:
 * @self: a tunnel
 * @code: how libcurl's part of it ended
 */
void
aip_tunnel_connected (AipTunnel *self, CURLcode code)
{
  self->connected = code;
  aip_idle_queue (&self->wake);
}

static void
start (AipTunnel *self, const AipTransferRequest *request)
{
  GString *head = aip_tunnel_head_render (request);
  CURLcode code = CURLE_URL_MALFORMAT;

  if (head != NULL)
    {
      aip_tunnel_queue_set_secret (&self->queue, head);
      code = aip_easy_prepare_tunnel (self->easy, request);
    }
  if (code == CURLE_OK && curl_multi_add_handle (self->way->multi, self->easy->handle) != CURLM_OK)
    code = CURLE_FAILED_INIT;
  if (code != CURLE_OK)
    aip_tunnel_connected (self, code);
}

/**
 * aip_tunnel_new:
 * @upstream: where it runs
 * @request: what to send: method, URL and headers (with Connection and Upgrade), without a body; the
 *   total timeout is not applied, and once it is open nothing limits its idle time
 * @funcs: what to call; copied
 * @user_data: for @funcs
 *
 * Libcurl makes the connection (CURLOPT_CONNECT_ONLY), with a multi handle of its own: a shared one closes
 * what it takes for unused connections whenever it opens another one, and tunnels are unused to it.
 *
 * Returns: (transfer none): the running tunnel, until @funcs->done, aip_tunnel_end () or
 * aip_tunnel_cancel ()
 */
AipTunnel *
aip_tunnel_new (AipUpstream *upstream,
                const AipTransferRequest *request,
                const AipTunnelFuncs *funcs,
                void *user_data)
{
  AipTunnel *self;

  g_return_val_if_fail (upstream != NULL && request != NULL && funcs != NULL, NULL);
  g_return_val_if_fail (request->method != NULL && request->url != NULL && request->body == NULL, NULL);

  self = g_new0 (AipTunnel, 1);
  self->upstream = upstream;
  self->way = aip_upstream_new (upstream->loop);
  self->easy = aip_easy_new (self->way);
  self->easy->tunnel = self;
  self->easy->head.may_switch = TRUE;
  self->funcs = *funcs;
  self->user_data = user_data;
  self->in = g_string_new (NULL);
  self->connect_timeout = request->connect_timeout;
  self->first_byte_timeout = request->first_byte_timeout;
  self->idle_timeout = request->idle_timeout;
  self->link.data = self;
  g_queue_push_tail_link (&upstream->tunnels, &self->link);
  aip_timer_init (&self->limit, upstream->loop, limit_due_cb, self);
  aip_idle_init (&self->wake, upstream->loop, wake_cb, self);
  aip_idle_init (&self->dispose, upstream->loop, dispose_cb, self);
  start (self, request);
  return self;
}

/**
 * aip_tunnel_send:
 * @self: an open tunnel
 * @data: what to send
 * @length: of @data, in bytes
 *
 * Returns: whether there is room for more; if not, the function `writable` is called when there is
 */
gboolean
aip_tunnel_send (AipTunnel *self, const char *data, gsize length)
{
  g_return_val_if_fail (self->state == OPEN, FALSE);

  if (!self->deaf)
    aip_tunnel_queue_add (&self->queue, data, length);
  aip_idle_queue (&self->wake);
  self->was_full = self->was_full || aip_tunnel_queue_get_length (&self->queue) >= QUEUE_FULL;
  return !self->was_full;
}

/**
 * aip_tunnel_resume:
 * @self: a running tunnel
 *
 * There is room again for bytes that were not taken.
 */
void
aip_tunnel_resume (AipTunnel *self)
{
  if (self->paused)
    aip_idle_queue (&self->wake);
}

/**
 * aip_tunnel_cancel:
 * @self: a running tunnel; it tells nothing any more
 *
 * Closes the connection.
 */
void
aip_tunnel_cancel (AipTunnel *self)
{
  g_return_if_fail (self->state != CLOSED);

  stop (self);
}

/**
 * aip_tunnel_end:
 * @self: a running tunnel; it tells nothing any more
 *
 * Closes the connection as soon as what is queued was sent, or after 5 s.
 */
void
aip_tunnel_end (AipTunnel *self)
{
  g_return_if_fail (self->state != CLOSED && self->state != LEAVING);

  if (self->state != OPEN || aip_tunnel_queue_get_length (&self->queue) == 0)
    {
      stop (self);
      return;
    }
  self->state = LEAVING;
  self->paused = FALSE;
  aip_timer_arm (&self->limit, LEAVE_TIMEOUT);
  aip_idle_queue (&self->wake);
}
