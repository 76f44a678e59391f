/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-transfer-curl"

#include "upstream/aip-curl-fault.h"
#include "upstream/aip-easy.h"
#include "upstream/aip-upstream-private.h"

#include <string.h>

#define MAX_TRAILERS (64 * 1024)

/*
 * A transfer that travels by libcurl.
 *
 *   start -> sending -> waiting for the head -> body -> done
 *                       first-byte timeout      idle timeout
 *
 * One timer serves both timeouts, as only one of them can run. Its deadline moves with the traffic,
 * and it does not run while the receiver has no room: a client that reads slowly is no fault of the
 * upstream's.
 */
struct _AipTransferCurl
{
  AipTransfer base;
  AipEasy *easy;
  GBytes *body;
  gsize body_sent;

  gboolean upload;
  gint64 upload_left; /* -1: unknown */
  gboolean upload_broken;

  gboolean head_only;
  gboolean head_told;
  gsize trailers; /* bytes of them */
  gboolean receive_paused;
  gboolean send_paused;
  gboolean sent_again;
  guint64 received;

  gint64 started;   /* monotonic µs; so is the next */
  gint64 last_read; /* when libcurl last took a piece of the body, or began again */
  guint64 connect_timeout;
  guint64 first_byte_timeout;
  guint64 idle_timeout;
  guint64 total_timeout;
  AipTimer progress;
  AipTimer total;
  AipIdle wake;
  CURLcode refused; /* libcurl did not even take it */
};

static void
arm (AipTimer *timer, guint64 timeout_ms)
{
  if (timeout_ms > 0)
    aip_timer_arm (timer, (gint64) MIN (timeout_ms, (guint64) G_MAXINT32) * G_TIME_SPAN_MILLISECOND);
}

/* --- the end --- */

static AipTransferTimings
measure (AipTransferCurl *self, gboolean reused)
{
  CURL *handle = self->easy->handle;
  AipTransferTimings timings = { 0 };
  curl_off_t dns = 0, connect = 0, tls = 0, first_byte = 0;

  curl_easy_getinfo (handle, CURLINFO_STARTTRANSFER_TIME_T, &first_byte);
  if (!reused)
    {
      curl_easy_getinfo (handle, CURLINFO_NAMELOOKUP_TIME_T, &dns);
      curl_easy_getinfo (handle, CURLINFO_CONNECT_TIME_T, &connect);
      curl_easy_getinfo (handle, CURLINFO_APPCONNECT_TIME_T, &tls);
    }
  timings.dns = dns;
  timings.connect = connect;
  timings.tls = tls;
  timings.first_byte = self->head_told ? first_byte : 0;
  timings.total = g_get_monotonic_time () - self->started;
  return timings;
}

static void
summarize (AipTransferCurl *self, AipTransferResult *result)
{
  CURL *handle = self->easy->handle;
  long version = 0;
  long connects = 0;
  curl_off_t sent = 0;

  curl_easy_getinfo (handle, CURLINFO_HTTP_VERSION, &version);
  curl_easy_getinfo (handle, CURLINFO_NUM_CONNECTS, &connects);
  curl_easy_getinfo (handle, CURLINFO_SIZE_UPLOAD_T, &sent);
  result->http_major = version >= CURL_HTTP_VERSION_2_0 ? 2 : 1;
  result->reused = connects == 0 && self->head_told;
  result->timings = measure (self, result->reused);
  result->bytes_sent = sent;
  result->bytes_received = self->received;
  result->framed = self->head_told && (self->easy->head.framed || self->head_only || result->http_major == 2);
}

/* Lets go of everything but the memory of @self. */
static void
release (AipTransferCurl *self)
{
  AipUpstream *upstream = self->base.upstream;

  aip_timer_disarm (&self->progress);
  aip_timer_disarm (&self->total);
  aip_idle_cancel (&self->wake);
  if (self->easy == NULL)
    return;
  curl_multi_remove_handle (upstream->multi, self->easy->handle);
  aip_upstream_return_easy (upstream, g_steal_pointer (&self->easy));
  g_clear_pointer (&self->body, g_bytes_unref);
}

static guint64
limit_of (AipTransferCurl *self, AipFault fault)
{
  switch ((int) fault)
    {
    case AIP_FAULT_CONNECT_TIMEOUT:
      return self->connect_timeout;
    case AIP_FAULT_FIRST_BYTE_TIMEOUT:
      return self->first_byte_timeout;
    case AIP_FAULT_IDLE_TIMEOUT:
      return self->idle_timeout;
    case AIP_FAULT_TOTAL_TIMEOUT:
      return self->total_timeout;
    default:
      return 0;
    }
}

static void
finish (AipTransferCurl *self, AipFault fault, const char *detail)
{
  AipTransferResult result = { .fault = fault };
  g_autofree char *message = NULL;

  if (fault != AIP_FAULT_NONE)
    message = aip_curl_fault_dup_message (self->easy->handle, fault, limit_of (self, fault), detail);
  result.message = message;
  summarize (self, &result);
  release (self);
  aip_transfer_close (&self->base);
  self->base.funcs.done (&self->base, &result, self->base.user_data);
  g_free (self);
}

/*
 * A pooled connection may die between its last answer and our next request. Libcurl sends the request
 * again when it notices at once; not when it dies in the middle of a larger body. Nothing came back, so
 * nothing was lost.
 */
static gboolean
send_again (AipTransferCurl *self, AipFault fault)
{
  AipUpstream *upstream = self->base.upstream;
  CURL *handle = self->easy->handle;
  long connects = 1;

  curl_easy_getinfo (handle, CURLINFO_NUM_CONNECTS, &connects);
  if (fault != AIP_FAULT_CUT || connects > 0 || self->easy->head.begun || self->upload || self->sent_again)
    return FALSE;

  self->sent_again = TRUE;
  self->body_sent = 0;
  self->last_read = g_get_monotonic_time ();
  curl_multi_remove_handle (upstream->multi, handle);
  aip_easy_set_fresh (self->easy, TRUE);
  return curl_multi_add_handle (upstream->multi, handle) == CURLM_OK;
}

/**
 * aip_transfer_curl_finish:
 * @transfer: a transfer that libcurl has finished with
 * @code: how
 */
void
aip_transfer_curl_finish (AipTransfer *transfer, CURLcode code)
{
  AipTransferCurl *self = (AipTransferCurl *) transfer;
  AipAnswerHead *head = &self->easy->head;
  AipFault fault = aip_curl_fault (self->easy->handle, code, self->easy->error);
  g_autofree char *detail = NULL;

  /* For libcurl an end within the head is an end. */
  if (fault == AIP_FAULT_NONE && !self->head_told)
    fault = AIP_FAULT_CUT;
  if (head->bad != NULL)
    fault = AIP_FAULT_PROTOCOL;
  else if (self->upload_broken)
    fault = AIP_FAULT_CANCELLED;
  if (send_again (self, fault))
    return;

  if (head->bad != NULL)
    detail = g_strdup (head->bad);
  else if (code == CURLE_OK && !self->head_told)
    detail = g_strdup ("its head was not complete");
  else if (fault != AIP_FAULT_NONE)
    detail = aip_curl_fault_dup_detail (self->easy->handle, code, self->easy->error);
  finish (self, fault, detail);
}

/*
 * aip_transfer_curl_is_held_up:
 * @transfer: (nullable): a transfer
 *
 * Returns: whether it rests since its reader or its writer does, so that its answer is not over
 */
gboolean
aip_transfer_curl_is_held_up (AipTransfer *transfer)
{
  AipTransferCurl *self = (AipTransferCurl *) transfer;

  return self != NULL && (self->receive_paused || self->send_paused);
}

/**
 * aip_transfer_curl_free:
 * @transfer: (transfer full): a cancelled transfer, while libcurl is not on the stack
 */
void
aip_transfer_curl_free (AipTransfer *transfer)
{
  release ((AipTransferCurl *) transfer);
  g_free (transfer);
}

static void
curl_cancel (AipTransfer *transfer)
{
  AipTransferCurl *self = (AipTransferCurl *) transfer;

  aip_transfer_close (transfer);
  if (transfer->upstream->depth == 0)
    {
      aip_transfer_curl_free (transfer);
      return;
    }
  aip_timer_disarm (&self->progress);
  aip_timer_disarm (&self->total);
  aip_idle_cancel (&self->wake);
  g_ptr_array_add (transfer->upstream->dead, transfer);
}

/* --- what libcurl asks and tells --- */

/**
 * aip_transfer_curl_header_cb:
 *
 * CURLOPT_HEADERFUNCTION. Trailers come here too, and are dropped.
 */
size_t
aip_transfer_curl_header_cb (char *data, size_t size, size_t n, void *user_data)
{
  AipEasy *easy = user_data;
  AipTransferCurl *self = (AipTransferCurl *) easy->transfer;
  AipAnswerHead *head = &easy->head;
  gsize length = size * n;

  if (self->base.closed)
    return CURL_WRITEFUNC_ERROR;
  if (self->head_told)
    {
      /* Libcurl keeps what it reads here, whether anybody wants it or not. */
      self->trailers += length;
      return self->trailers <= MAX_TRAILERS ? length : CURL_WRITEFUNC_ERROR;
    }

  switch (aip_answer_head_add_line (head, data, length))
    {
    case AIP_ANSWER_HEAD_MORE:
      return length;
    case AIP_ANSWER_HEAD_DONE:
      break;
    case AIP_ANSWER_HEAD_BAD:
    default:
      return CURL_WRITEFUNC_ERROR;
    }

  self->head_told = TRUE;
  aip_timer_disarm (&self->progress);
  arm (&self->progress, self->idle_timeout);
  self->base.funcs.head (&self->base, head->status, (const AipHeaderView *) head->views->data,
                         head->views->len, self->base.user_data);
  return self->base.closed ? CURL_WRITEFUNC_ERROR : length;
}

/**
 * aip_transfer_curl_write_cb:
 *
 * CURLOPT_WRITEFUNCTION. What is not taken libcurl keeps, and stops reading.
 */
size_t
aip_transfer_curl_write_cb (char *data, size_t size, size_t n, void *user_data)
{
  AipEasy *easy = user_data;
  AipTransferCurl *self = (AipTransferCurl *) easy->transfer;
  gsize length = size * n;
  gboolean taken;

  if (self->base.closed)
    return CURL_WRITEFUNC_ERROR;

  taken = self->base.funcs.body (&self->base, data, length, self->base.user_data);
  if (self->base.closed)
    return CURL_WRITEFUNC_ERROR;
  if (!taken)
    {
      self->receive_paused = TRUE;
      aip_timer_disarm (&self->progress);
      return CURL_WRITEFUNC_PAUSE;
    }
  self->received += length;
  arm (&self->progress, self->idle_timeout);
  return length;
}

static gsize
read_body (AipTransferCurl *self, char *buffer, gsize size)
{
  gsize length;
  const char *data = g_bytes_get_data (self->body, &length);
  gsize n = MIN (size, length - self->body_sent);

  memcpy (buffer, data + self->body_sent, n);
  self->body_sent += n;
  return n;
}

static gsize
read_upload (AipTransferCurl *self, char *buffer, gsize size)
{
  gsize room = self->upload_left < 0 ? size : MIN (size, (guint64) self->upload_left);
  gssize n;

  if (room == 0)
    return 0;
  n = self->base.funcs.read (&self->base, buffer, room, self->base.user_data);
  if (self->base.closed)
    return CURL_READFUNC_ABORT;
  if (n == -1)
    {
      self->send_paused = TRUE;
      return CURL_READFUNC_PAUSE;
    }
  if (n < 0 || (gsize) n > room || (n == 0 && self->upload_left > 0))
    {
      self->upload_broken = TRUE;
      return CURL_READFUNC_ABORT;
    }
  if (self->upload_left > 0)
    self->upload_left -= n;
  return n;
}

/**
 * aip_transfer_curl_read_cb:
 *
 * CURLOPT_READFUNCTION. The upstream has its whole time to answer from the last piece on.
 */
size_t
aip_transfer_curl_read_cb (char *buffer, size_t size, size_t n, void *user_data)
{
  AipEasy *easy = user_data;
  AipTransferCurl *self = (AipTransferCurl *) easy->transfer;

  if (self->base.closed)
    return CURL_READFUNC_ABORT;
  self->last_read = aip_loop_now (self->base.upstream->loop);
  return self->upload ? read_upload (self, buffer, size * n) : read_body (self, buffer, size * n);
}

/**
 * aip_transfer_curl_seek_cb:
 *
 * CURLOPT_SEEKFUNCTION: libcurl wants to send the body again. An upload is gone.
 */
int
aip_transfer_curl_seek_cb (void *user_data, curl_off_t offset, int origin)
{
  AipEasy *easy = user_data;
  AipTransferCurl *self = (AipTransferCurl *) easy->transfer;

  if (self->body == NULL || origin != SEEK_SET || offset < 0 ||
      (guint64) offset > g_bytes_get_size (self->body))
    return CURL_SEEKFUNC_FAIL;
  self->body_sent = offset;
  return CURL_SEEKFUNC_OK;
}

/* --- timers --- */

/* The time for the first byte counts from when the connection was there and the last piece was sent. */
static gint64
time_left_for_first_byte (AipTransferCurl *self)
{
  gint64 limit = self->first_byte_timeout * G_TIME_SPAN_MILLISECOND;
  curl_off_t connected = 0;

  curl_easy_getinfo (self->easy->handle, CURLINFO_PRETRANSFER_TIME_T, &connected);
  if (connected == 0 || self->send_paused)
    return limit;
  return MAX (self->started + connected, self->last_read) + limit - g_get_monotonic_time ();
}

static void
progress_due_cb (AipTimer *timer, void *user_data)
{
  AipTransferCurl *self = user_data;
  gint64 left;

  if (self->head_told)
    {
      finish (self, AIP_FAULT_IDLE_TIMEOUT, NULL);
      return;
    }
  left = time_left_for_first_byte (self);
  if (left > 0)
    aip_timer_arm (timer, left);
  else
    finish (self, AIP_FAULT_FIRST_BYTE_TIMEOUT, NULL);
}

static void
total_due_cb (AipTimer *timer, void *user_data)
{
  finish (user_data, AIP_FAULT_TOTAL_TIMEOUT, NULL);
}

/* --- start and resume --- */

static void
wake_cb (AipIdle *idle, void *user_data)
{
  AipTransferCurl *self = user_data;
  AipUpstream *upstream = self->base.upstream;
  CURLcode code;

  if (self->refused != CURLE_OK)
    {
      aip_transfer_curl_finish (&self->base, self->refused);
      return;
    }
  if (!self->receive_paused && !self->send_paused)
    return;

  if (self->receive_paused)
    arm (&self->progress, self->idle_timeout);
  self->receive_paused = FALSE;
  self->send_paused = FALSE;
  aip_upstream_enter (upstream);
  code = curl_easy_pause (self->easy->handle, CURLPAUSE_CONT);
  /* A handle with no connection any more is done; its message is on the way. */
  if (code != CURLE_OK && code != CURLE_BAD_FUNCTION_ARGUMENT && !self->base.closed)
    aip_transfer_curl_finish (&self->base, code);
  aip_upstream_leave (upstream);
}

static void
curl_resume (AipTransfer *transfer)
{
  aip_idle_queue (&((AipTransferCurl *) transfer)->wake);
}

static const AipTransferKind curl_kind = {
  .resume = curl_resume,
  .cancel = curl_cancel,
};

static void
start (AipTransferCurl *self, const AipTransferRequest *request)
{
  AipUpstream *upstream = self->base.upstream;

  self->refused = aip_easy_prepare (self->easy, request);
  if (self->refused == CURLE_OK && curl_multi_add_handle (upstream->multi, self->easy->handle) != CURLM_OK)
    self->refused = CURLE_FAILED_INIT;
  if (self->refused != CURLE_OK)
    {
      aip_idle_queue (&self->wake);
      return;
    }
  arm (&self->progress, self->first_byte_timeout);
  arm (&self->total, self->total_timeout);
}

/**
 * aip_transfer_curl_new:
 * @upstream: where it runs
 * @request: as for aip_upstream_start ()
 * @funcs: copied
 * @user_data: for @funcs
 *
 * Returns: (transfer none): a started transfer
 */
AipTransfer *
aip_transfer_curl_new (AipUpstream *upstream,
                       const AipTransferRequest *request,
                       const AipTransferFuncs *funcs,
                       void *user_data)
{
  AipTransferCurl *self = g_new0 (AipTransferCurl, 1);

  aip_transfer_open (&self->base, &curl_kind, upstream, funcs, user_data);
  self->easy = aip_upstream_take_easy (upstream);
  self->easy->transfer = &self->base;
  self->body = request->body == NULL ? NULL : g_bytes_ref (request->body);
  self->upload = request->upload;
  self->upload_left = request->upload_length;
  self->head_only = g_str_equal (request->method, "HEAD");
  self->started = g_get_monotonic_time ();
  self->connect_timeout = request->connect_timeout;
  self->first_byte_timeout = request->first_byte_timeout;
  self->idle_timeout = request->idle_timeout;
  self->total_timeout = request->total_timeout;
  aip_timer_init (&self->progress, upstream->loop, progress_due_cb, self);
  aip_timer_init (&self->total, upstream->loop, total_due_cb, self);
  aip_idle_init (&self->wake, upstream->loop, wake_cb, self);
  start (self, request);
  return &self->base;
}
