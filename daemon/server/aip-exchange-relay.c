/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include <string.h>

#include "base/aip-ascii.h"
#include "base/aip-clock.h"
#include "server/aip-exchange-private.h"
#include "server/aip-forward-headers.h"
#include "server/aip-query.h"
#include "server/aip-reply.h"

/* One attempt's request on its way to the upstream, and its answer on the way back to the client. */

/* Without a limit of its own, how long signs of life alone are kept from the client. */
#define MAX_HOLD_MS (30 * 1000)

#define MAX_ID 256u

/**
 * aip_exchange_add_proxy_headers:
 * @self: an exchange that was sent
 * @headers: lines of headers, added to
 *
 * Tells the client who has served it.
 */
void
aip_exchange_add_proxy_headers (AipExchange *self, GString *headers)
{
  const AipCandidate *candidate = self->sent_to;

  aip_reply_add_header (headers, "X-Proxy-Provider", candidate->provider->name);
  if (candidate->key != NULL)
    aip_reply_add_header (headers, "X-Proxy-Key", candidate->key->name);
  if (candidate->model != NULL)
    aip_reply_add_header (headers, "X-Proxy-Model", candidate->model);
  aip_exchange_add_number (headers, "X-Proxy-Attempts", self->n_attempts);
}

/**
 * aip_exchange_pass_headers:
 * @self: an exchange with an attempt
 * @out: lines of headers for the client, added to
 * @headers: (array length=n_headers): the provider's
 * @n_headers: how many
 *
 * Passes on what the client may see of an answer's headers, and notes what the provider calls the request.
 */
void
aip_exchange_pass_headers (AipExchange *self, GString *out, const AipHeaderView *headers, gsize n_headers)
{
  const AipHeaderView *id = aip_header_views_find (headers, n_headers, "X-Request-Id");

  g_free (self->upstream_id);
  self->upstream_id = id != NULL ? g_strndup (id->value, MIN (id->value_length, MAX_ID)) : NULL;
  aip_forward_headers_back (out, headers, n_headers, self->request_id, self->has_limits);
}

/* --- the answer --- */

static gboolean
is_event_stream (const AipHeaderView *type)
{
  return type != NULL && aip_ascii_has_prefix (type->value, type->value_length, "text/event-stream");
}

/* Nothing at all is no answer of a model, whatever its status says. */
static gboolean
is_unusable (const AipExchange *self, guint status)
{
  return self->route.answers_json && self->route.json && (status == 204 || status == 304);
}

static AipAnswerKind
kind_of_answer (const AipExchange *self, guint status, gboolean encoded)
{
  /* The client of an upload may wait for the answer before it goes on. */
  if ((status >= 400 || (status >= 300 && self->route.json)) &&
      (!self->streams_up || aip_upload_is_whole (&self->upload)))
    return AIP_ANSWER_ERROR;
  if (encoded)
    return AIP_ANSWER_BYTES;
  if (self->event_stream)
    return AIP_ANSWER_EVENTS;
  return self->route.answers_json && self->route.json && status == 200 ? AIP_ANSWER_JSON : AIP_ANSWER_BYTES;
}

/* A client that hears nothing at all for too long leaves, though its answer is under way: the next sign of
 * life is for it. Where there is none, another candidate may do better. */
static void
hold_cb (AipTimer *timer, void *user_data)
{
  ((AipExchange *) user_data)->held_for_long = TRUE;
}

static void
hold_for_a_while (AipExchange *self)
{
  guint64 first_byte = self->attempt.candidate->provider->timeouts.first_byte;

  aip_timer_init (&self->attempt_timer, aip_worker_get_loop (self->worker), hold_cb, self);
  aip_timer_arm (&self->attempt_timer,
                 (gint64) MIN (first_byte > 0 ? first_byte : MAX_HOLD_MS, MAX_HOLD_MS) * 1000);
}

static void
keep_type (AipExchange *self, const AipHeaderView *type)
{
  g_free (self->answer_type);
  self->answer_type = type != NULL ? g_strndup (type->value, type->value_length) : NULL;
}

static void
head_cb (AipTransfer *transfer, guint status, const AipHeaderView *headers, gsize n_headers, void *user_data)
{
  AipExchange *self = user_data;
  const AipHeaderView *type = aip_header_views_find (headers, n_headers, "Content-Type");
  GString *out = aip_exchange_start_headers (self);
  gint64 now = g_get_monotonic_time ();

  /* Asked for or not: nothing can be read in it. */
  gboolean encoded = aip_header_views_find (headers, n_headers, "Content-Encoding") != NULL;
  AipAnswerKind kind;

  self->step = AIP_STEP_RELAY;
  self->status = status;
  self->event_stream = is_event_stream (type) && !encoded;
  self->encoded = encoded;
  self->unusable = is_unusable (self, status);
  aip_attempt_take_headers (&self->attempt, headers, n_headers);
  kind = kind_of_answer (self, status, encoded);
  if (kind == AIP_ANSWER_ERROR)
    keep_type (self, type);
  else if (kind == AIP_ANSWER_EVENTS)
    hold_for_a_while (self);
  else if (status < 400)
    aip_attempt_answered (&self->attempt, kind == AIP_ANSWER_BYTES);
  aip_usage_scan_init (&self->scan, self->route.protocol, self->event_stream);

  aip_exchange_pass_headers (self, out, headers, n_headers);
  aip_exchange_add_proxy_headers (self, out);
  aip_exchange_add_number (out, "X-Proxy-Overhead-Us",
                           self->sent - self->begun + g_get_monotonic_time () - now);
  aip_answer_begin (&self->answer, self->connection, kind, status, out,
                    aip_header_view_to_length (aip_header_views_find (headers, n_headers, "Content-Length")));
}

/* What is held back may never be sent. */
static void
count_sent (AipExchange *self)
{
  aip_exchange_count_out (self, self->uncounted);
  self->uncounted = 0;
  if (self->first_byte == 0 && aip_answer_has_begun (&self->answer))
    aip_exchange_stamp_first_byte (self);
}

/* Some providers repeat the key that they refuse. */
static void
hide_key (AipExchange *self)
{
  gsize length;
  const char *key;

  if (self->sent_to->secret == NULL)
    return;
  key = aip_secret_peek (self->sent_to->secret, &length);
  aip_answer_hide (&self->answer, key, length);
}

/* Whoever tells is judged, before its client sees it. */
static gboolean
judge_error (AipExchange *self)
{
  gsize length;
  const char *error;

  hide_key (self);
  error = aip_answer_get_error (&self->answer, &length);
  return aip_exchange_judge (self, AIP_FAULT_NONE, self->encoded ? NULL : error, self->encoded ? 0 : length);
}

static void
count_in (AipExchange *self, const char *data, gsize length)
{
  if (self->status == 200)
    aip_usage_scan_feed (&self->scan, data, length);
  self->uncounted += length;
  if (aip_answer_has_begun (&self->answer))
    count_sent (self);
}

/* Not from within a transfer's call, where no other one can begin. */
static void
question_cb (AipIdle *idle, void *user_data)
{
  AipExchange *self = user_data;

  judge_error (self);
  aip_exchange_fail_over (self);
}

static gboolean
body_cb (AipTransfer *transfer, const char *data, gsize length, void *user_data)
{
  AipExchange *self = user_data;
  gboolean began;

  if (self->unusable)
    return TRUE;
  began = aip_answer_has_begun (&self->answer);
  if (!aip_answer_add (&self->answer, data, length))
    return FALSE;
  count_in (self, data, length);
  if (G_LIKELY (began))
    return TRUE;
  if (aip_answer_is_in_question (&self->answer))
    {
      aip_idle_cancel (&self->question);
      aip_idle_init (&self->question, aip_worker_get_loop (self->worker), question_cb, self);
      aip_idle_queue (&self->question);
      return TRUE;
    }
  if (self->held_for_long && self->event_stream)
    aip_answer_release (&self->answer);
  if (self->event_stream && aip_answer_has_begun (&self->answer))
    {
      aip_timer_disarm (&self->attempt_timer);
      aip_attempt_answered (&self->attempt, TRUE);
    }
  return TRUE;
}

static gssize
read_cb (AipTransfer *transfer, char *buffer, gsize size, void *user_data)
{
  AipExchange *self = user_data;
  gssize n = aip_upload_pull (&self->upload, buffer, size);

  self->upload_read = self->upload_read || n > 0;
  if (n > 0 && aip_upload_has_room (&self->upload))
    aip_connection_resume_body (self->connection);
  return n;
}

/* --- the end --- */

static guint
status_of_fault (AipFault fault)
{
  switch (fault)
    {
    case AIP_FAULT_CONNECT_TIMEOUT:
    case AIP_FAULT_FIRST_BYTE_TIMEOUT:
    case AIP_FAULT_IDLE_TIMEOUT:
    case AIP_FAULT_TOTAL_TIMEOUT:
      return 504;
    case AIP_FAULT_SHORTAGE:
      return 503;
    default:
      return 502;
    }
}

/**
 * aip_exchange_fail:
 * @self: an exchange that was not answered
 * @fault: why the current attempt has failed
 * @reason: the same for people
 *
 * Goes on to the next candidate, or refuses. The exchange may be gone when it returns.
 */
void
aip_exchange_fail (AipExchange *self, AipFault fault, const char *reason)
{
  aip_exchange_judge (self, fault, NULL, 0);
  aip_exchange_set_reason (self, status_of_fault (fault), aip_fault_to_string (fault), reason);
  aip_exchange_fail_over (self);
}

static void
fail_unusable (AipExchange *self, const char *reason)
{
  aip_exchange_judge (self, AIP_FAULT_PROTOCOL, NULL, 0);
  aip_exchange_set_reason (self, 502, "unusable_answer", reason);
  aip_exchange_fail_over (self);
}

/* A stream that breaks off says so in the client's own protocol; all else breaks the transfer. */
static void
break_off (AipExchange *self, AipFault fault, const char *reason)
{
  g_autofree char *message = g_strdup_printf ("The answer of provider `%s` broke off: %s",
                                              self->attempt.candidate->provider->name, reason);
  AipFailure failure = { .status = status_of_fault (fault),
                         .code = aip_fault_to_string (fault),
                         .message = message };
  g_autofree char *event = aip_protocol_format_stream_error (self->route.protocol, &failure);

  self->outcome = AIP_OUTCOME_KIND_TRUNCATED;
  self->status = failure.status;
  aip_answer_break (&self->answer, event);
}

/**
 * aip_exchange_pass_answer:
 * @self: an exchange all of whose answer has come
 *
 * Lets the client have the rest of it.
 */
void
aip_exchange_pass_answer (AipExchange *self)
{
  aip_answer_end (&self->answer);
  count_sent (self);
  if (self->event_stream)
    aip_worker_count (self->worker, AIP_COUNT_STREAMS, 1);
}

static void
finish (AipExchange *self)
{
  aip_exchange_end_attempt (self);
  self->step = AIP_STEP_RELAY;
  aip_exchange_advance (self);
}

/* The client has seen of it. */
static void
end_begun (AipExchange *self, const AipTransferResult *result)
{
  gboolean no_mark = result->fault == AIP_FAULT_NONE && self->event_stream && self->status == 200 &&
                     self->route.has_end_mark && !aip_usage_scan_saw_end (&self->scan);
  AipFault fault = no_mark ? AIP_FAULT_CUT : result->fault;

  if (fault == AIP_FAULT_NONE)
    {
      if (self->status >= 400)
        aip_exchange_judge (self, AIP_FAULT_NONE, NULL, 0);
      else
        aip_attempt_succeed (&self->attempt);
      aip_exchange_pass_answer (self);
    }
  else
    {
      aip_worker_count (self->worker, AIP_COUNT_STREAMS, self->event_stream ? 1 : 0);
      aip_exchange_judge (self, fault, NULL, 0);
      break_off (self, fault, no_mark ? "the stream ended without its end mark" : result->message);
    }
  finish (self);
}

/* Some come in the form of an answer. That most have no such name in them costs less to see than to read. */
static gboolean
is_error (AipExchange *self)
{
  static const char name[] = "\"error"; /* or Baidu's "error_code" */
  gsize length;
  const char *body;

  if (self->answer.kind == AIP_ANSWER_ERROR || aip_answer_is_in_question (&self->answer))
    return TRUE;
  if (self->answer.kind != AIP_ANSWER_JSON)
    return FALSE;
  body = aip_answer_get_error (&self->answer, &length);
  return body != NULL && memmem (body, length, name, sizeof name - 1) != NULL;
}

/* Where no end is prescribed, nothing but signs of life may be all there is. */
static gboolean
may_pass_empty (const AipExchange *self)
{
  gsize length;

  return self->answer.kind == AIP_ANSWER_EVENTS && !self->route.has_end_mark &&
         aip_answer_get_error (&self->answer, &length) != NULL;
}

/* The client has seen nothing of it yet. */
static void
end_held (AipExchange *self)
{
  g_autoptr (GError) error = NULL;

  if (self->unusable)
    fail_unusable (self, "it answered with an empty body");
  else if (!aip_answer_check (&self->answer, &error) && !may_pass_empty (self))
    fail_unusable (self, error->message);
  else if (is_error (self) && !judge_error (self))
    aip_exchange_fail_over (self);
  else
    {
      aip_attempt_succeed (&self->attempt);
      aip_exchange_pass_answer (self);
      finish (self);
    }
}

static void
done_cb (AipTransfer *transfer, const AipTransferResult *result, void *user_data)
{
  AipExchange *self = user_data;

  self->transfer = NULL;
  if (aip_answer_has_begun (&self->answer))
    end_begun (self, result);
  else if (result->fault == AIP_FAULT_NONE)
    end_held (self);
  else
    aip_exchange_fail (self, result->fault, result->message);
}

static const AipTransferFuncs transfer_funcs = {
  .head = head_cb,
  .body = body_cb,
  .read = read_cb,
  .done = done_cb,
};

/* --- the request --- */

static AipTransfer *
start_internal (AipExchange *self, GBytes *body)
{
  return aip_upstream_start_builtin (aip_worker_get_upstream (self->worker), self->head->method,
                                     self->route.endpoint, body, &transfer_funcs, self);
}

/**
 * aip_exchange_get_patience:
 * @self: an exchange
 *
 * Returns: how much is left of the client's own time, in microseconds; %G_MAXINT64: it has set none
 */
gint64
aip_exchange_get_patience (const AipExchange *self)
{
  gint64 spent = self->asked != 0 ? aip_clock_now () - self->asked : 0;

  return self->timeout != 0 ? MAX ((gint64) self->timeout * 1000 - spent, 0) : G_MAXINT64;
}

/**
 * aip_exchange_get_time_left:
 * @self: an exchange
 * @provider: whom it tries
 *
 * Returns: how long the request may still take, all attempts together, in microseconds; %G_MAXINT64: as long
 *   as it likes
 */
gint64
aip_exchange_get_time_left (const AipExchange *self, const AipProviderConfig *provider)
{
  gint64 allowed = (gint64) provider->timeouts.total * 1000;
  /* A client may wait for less than the operator allows, never for more. */
  gint64 left = aip_exchange_get_patience (self);

  if (allowed > 0)
    left = MIN (left, allowed - (aip_clock_now () - self->first_sent));
  return MAX (left, 0);
}

/* In milliseconds, as transfers have it; 0: none. */
static guint64
get_total_timeout (const AipExchange *self, const AipProviderConfig *provider)
{
  gint64 left = aip_exchange_get_time_left (self, provider);

  return left == G_MAXINT64 ? 0 : (guint64) MAX ((left + 999) / 1000, 1);
}

static AipTransfer *
start_external (AipExchange *self, const AipCandidate *candidate, GBytes *body)
{
  const AipProviderConfig *provider = candidate->provider;
  g_autofree char *query = aip_query_render (self->head->query, NULL);
  g_autofree char *url =
      candidate->dialect->dup_url (provider->base_url, self->route.endpoint, query, candidate->model);
  AipHeaderLines lines;
  AipTransfer *transfer;

  aip_forward_headers_out (&lines, self->head, candidate, self->request_id);
  transfer = aip_upstream_start (aip_worker_get_upstream (self->worker),
                                 &(AipTransferRequest){
                                     .method = self->head->method,
                                     .url = url,
                                     .headers = aip_header_lines_render (&lines),
                                     .body = body,
                                     .upload = self->streams_up,
                                     .upload_length = self->head->content_length,
                                     .fresh = aip_attempt_is_probe (&self->attempt),
                                     .connect_timeout = provider->timeouts.connect,
                                     .first_byte_timeout = provider->timeouts.first_byte,
                                     .idle_timeout = provider->timeouts.idle,
                                     .total_timeout = get_total_timeout (self, provider),
                                     .verify_tls = provider->verify_tls,
                                     .ca_file = provider->ca_file,
                                     .proxy = provider->proxy,
                                 },
                                 &transfer_funcs, self);
  aip_header_lines_clear (&lines);
  return transfer;
}

/**
 * aip_exchange_send:
 * @self: an exchange with an attempt
 *
 * Sends the request to the attempt's candidate.
 *
 * Returns: AIP_OUTCOME_WAIT, or AIP_OUTCOME_ANSWER when it was refused here
 */
AipOutcome
aip_exchange_send (AipExchange *self)
{
  const AipCandidate *candidate = self->attempt.candidate;
  g_autoptr (GBytes) body = NULL;

  self->step = AIP_STEP_ATTEMPT;
  self->sent = g_get_monotonic_time ();
  if (self->first_sent == 0)
    self->first_sent = aip_clock_now ();
  if (self->asked == 0)
    self->asked = self->first_sent;
  if (self->route.kind == AIP_ROUTE_REALTIME)
    return aip_exchange_tunnel (self);
  if (self->call.body != NULL)
    body = aip_call_render (&self->call, &self->route, candidate->model);
  self->transfer =
      candidate->dialect->internal ? start_internal (self, body) : start_external (self, candidate, body);
  return AIP_OUTCOME_WAIT;
}
