/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include <string.h>

#include "server/aip-exchange-private.h"
#include "server/aip-forward-headers.h"
#include "server/aip-number.h"
#include "server/aip-query.h"
#include "server/aip-reply.h"

/* One attempt after the other until an answer begins, and its way back to the client. */

/**
 * aip_exchange_get_candidate:
 * @self: an exchange with a plan
 *
 * Returns: (transfer none): whom it tries now
 */
const AipCandidate *
aip_exchange_get_candidate (const AipExchange *self)
{
  return &g_array_index (self->plan, AipCandidate, self->attempt);
}

static void
add_number (GString *headers, const char *name, gint64 number)
{
  g_string_append (headers, name);
  g_string_append_len (headers, ": ", 2);
  aip_number_append (headers, MAX (number, 0), 10);
  g_string_append_len (headers, "\r\n", 2);
}

/**
 * aip_exchange_add_proxy_headers:
 * @self: an exchange with a plan
 * @headers: lines of headers, added to
 *
 * Tells the client who has served it.
 */
void
aip_exchange_add_proxy_headers (AipExchange *self, GString *headers)
{
  const AipCandidate *candidate = aip_exchange_get_candidate (self);

  aip_reply_add_header (headers, "X-Proxy-Provider", candidate->provider->name);
  if (candidate->key != NULL)
    aip_reply_add_header (headers, "X-Proxy-Key", candidate->key->name);
  if (candidate->model != NULL)
    aip_reply_add_header (headers, "X-Proxy-Model", candidate->model);
  add_number (headers, "X-Proxy-Attempts", self->attempt + 1);
}

/* --- the answer --- */

static gboolean
is_event_stream (const AipHeaderView *type)
{
  static const char name[] = "text/event-stream";

  return type != NULL && type->value_length >= sizeof name - 1 &&
         g_ascii_strncasecmp (type->value, name, sizeof name - 1) == 0;
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
  if (encoded)
    return AIP_ANSWER_BYTES;
  if (self->event_stream)
    return AIP_ANSWER_EVENTS;
  return self->route.answers_json && self->route.json && status == 200 ? AIP_ANSWER_JSON : AIP_ANSWER_BYTES;
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

  self->step = AIP_STEP_RELAY;
  self->status = status;
  self->event_stream = is_event_stream (type) && !encoded;
  self->unusable = is_unusable (self, status);
  aip_usage_scan_init (&self->scan, self->route.protocol, self->event_stream);

  aip_forward_headers_back (out, headers, n_headers, self->request_id);
  aip_exchange_add_proxy_headers (self, out);
  add_number (out, "X-Proxy-Overhead-Us", self->sent - self->begun + g_get_monotonic_time () - now);
  aip_answer_begin (&self->answer, self->connection, kind_of_answer (self, status, encoded), status, out,
                    aip_header_view_to_length (aip_header_views_find (headers, n_headers, "Content-Length")));
}

static void
note_first_byte (AipExchange *self)
{
  if (G_UNLIKELY (self->time != 0) && aip_answer_has_begun (&self->answer))
    aip_exchange_stamp_first_byte (self);
}

static gboolean
body_cb (AipTransfer *transfer, const char *data, gsize length, void *user_data)
{
  AipExchange *self = user_data;

  if (self->unusable)
    return TRUE;
  if (!aip_answer_add (&self->answer, data, length))
    return FALSE;
  if (self->status == 200)
    aip_usage_scan_feed (&self->scan, data, length);
  aip_exchange_count_out (self, length);
  note_first_byte (self);
  return TRUE;
}

static gssize
read_cb (AipTransfer *transfer, char *buffer, gsize size, void *user_data)
{
  AipExchange *self = user_data;
  gssize n = aip_upload_pull (&self->upload, buffer, size);

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
    default:
      return 502;
    }
}

/**
 * aip_exchange_may_try_next:
 * @self: an exchange with a plan
 * @fault: why the current candidate did not answer
 *
 * Returns: whether there is another one, and nothing of the request has been sent, so that it costs nothing
 * to send it there
 */
gboolean
aip_exchange_may_try_next (const AipExchange *self, AipFault fault)
{
  gboolean unsent = fault == AIP_FAULT_RESOLVE || fault == AIP_FAULT_CONNECT || fault == AIP_FAULT_TLS ||
                    fault == AIP_FAULT_CONNECT_TIMEOUT;

  return unsent && !self->streams_up && self->attempt + 1 < self->plan->len;
}

static void
refuse (AipExchange *self, guint status, const char *code, const char *reason)
{
  g_autofree char *message =
      g_strdup_printf ("Provider `%s` failed: %s", aip_exchange_get_candidate (self)->provider->name, reason);

  aip_exchange_refuse (self, &(AipFailure){ .status = status, .code = code, .message = message });
}

/**
 * aip_exchange_refuse_fault:
 * @self: an exchange that was not answered
 * @fault: why the current candidate has failed
 * @reason: the same for people
 */
void
aip_exchange_refuse_fault (AipExchange *self, AipFault fault, const char *reason)
{
  refuse (self, status_of_fault (fault), aip_fault_to_string (fault), reason);
}

/* A stream that breaks off says so in the client's own protocol; all else breaks the transfer. */
static void
break_off (AipExchange *self, AipFault fault, const char *reason)
{
  g_autofree char *message = g_strdup_printf ("The answer of provider `%s` broke off: %s",
                                              aip_exchange_get_candidate (self)->provider->name, reason);
  AipFailure failure = { .status = status_of_fault (fault),
                         .code = aip_fault_to_string (fault),
                         .message = message };
  g_autofree char *event = aip_protocol_format_stream_error (self->route.protocol, &failure);

  self->outcome = AIP_OUTCOME_KIND_TRUNCATED;
  self->status = failure.status;
  aip_answer_break (&self->answer, event);
}

static void
end_well (AipExchange *self)
{
  g_autoptr (GError) error = NULL;

  if (self->unusable)
    refuse (self, 502, "unusable_answer", "it answered with an empty body");
  else if (self->event_stream && self->status == 200 && self->route.has_end_mark &&
           aip_answer_has_begun (&self->answer) && !aip_usage_scan_saw_end (&self->scan))
    break_off (self, AIP_FAULT_CUT, "the stream ended without its end mark");
  else if (!aip_answer_end (&self->answer, &error))
    refuse (self, 502, "unusable_answer", error->message);
  note_first_byte (self);
}

static void
done_cb (AipTransfer *transfer, const AipTransferResult *result, void *user_data)
{
  AipExchange *self = user_data;
  gboolean begun = aip_answer_has_begun (&self->answer);

  self->transfer = NULL;
  if (!begun && aip_exchange_may_try_next (self, result->fault))
    {
      aip_answer_clear (&self->answer);
      self->step = AIP_STEP_ATTEMPT;
      self->attempt++;
      aip_exchange_attempt (self);
      return;
    }
  if (self->event_stream)
    aip_worker_count (self->worker, AIP_COUNT_STREAMS, 1);
  if (result->fault == AIP_FAULT_NONE)
    end_well (self);
  else if (begun)
    break_off (self, result->fault, result->message);
  else
    aip_exchange_refuse_fault (self, result->fault, result->message);
  self->step = AIP_STEP_RELAY;
  aip_exchange_advance (self);
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

/* A client may wait for less than the operator allows, never for more. */
static guint64
get_total_timeout (const AipExchange *self, const AipProviderConfig *provider)
{
  guint64 allowed = provider->timeouts.total;

  if (self->timeout == 0 || (allowed > 0 && self->timeout > allowed))
    return allowed;
  return self->timeout;
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
                                     .headers = (const char *const *) lines.lines->pdata,
                                     .body = body,
                                     .upload = self->streams_up,
                                     .upload_length = self->head->content_length,
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
 * aip_exchange_attempt:
 * @self: an exchange with a plan
 *
 * Sends the request to the plan's current candidate.
 *
 * Returns: AIP_OUTCOME_WAIT, or AIP_OUTCOME_ANSWER when it was refused here
 */
AipOutcome
aip_exchange_attempt (AipExchange *self)
{
  const AipCandidate *candidate = aip_exchange_get_candidate (self);
  g_autoptr (GBytes) body = NULL;

  if (self->route.kind == AIP_ROUTE_REALTIME)
    return aip_exchange_tunnel (self);
  if (self->call.body != NULL)
    body = aip_call_render (&self->call, &self->route, candidate->model);
  self->sent = g_get_monotonic_time ();
  self->transfer =
      candidate->dialect->internal ? start_internal (self, body) : start_external (self, candidate, body);
  return AIP_OUTCOME_WAIT;
}
