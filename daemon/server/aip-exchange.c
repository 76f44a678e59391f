/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include "server/aip-exchange.h"

#include <string.h>

#include "base/aip-ascii.h"
#include "base/aip-error.h"
#include "base/aip-log.h"
#include "server/aip-exchange-private.h"
#include "server/aip-number.h"
#include "server/aip-reply.h"
#include "server/aip-token.h"
#include "server/aip-websocket.h"

/* Nobody is known yet when the control plane's bodies are read. */
#define MAX_CONTROL_BODY (64 * 1024)

/*
 *                                           ┌─┐       ┌──────────┐ it fails unseen
 *                                           v │       v          │
 *   GUARD ──> CLIENT ──> BODY ──> PEEK ──> ROUTE ──> ATTEMPT ──> RELAY ──> SETTLE ──> OVER
 *     │          │        │        │         │          │          │          ^
 *     └──────────┴────────┴────────┴─────────┴──────────┴──────────┴──────────┘
 *                                                 refused, or answered here
 *
 * A step does its work elsewhere and returns; when it has to wait, whoever it waits for calls
 * aip_exchange_advance (), which goes on behind it, or repeats ROUTE, which may wait for models, room in the
 * client's limits, or somebody to serve it. ATTEMPT and RELAY go back and forth until the client sees an
 * answer, and back to ROUTE when nobody is left but somebody may come back: see aip-exchange-attempt.c. A
 * client that leaves ends it from any step; aip_exchange_cut () settles it from any step.
 */

static AipOutcome step_guard (AipExchange *self);
static AipOutcome step_client (AipExchange *self);
static AipOutcome step_body (AipExchange *self);
static AipOutcome step_peek (AipExchange *self);
static AipOutcome step_settle (AipExchange *self);

static const struct
{
  AipOutcome (*enter) (AipExchange *self);
  AipStep next;
} steps[] = {
  [AIP_STEP_GUARD] = { step_guard, AIP_STEP_CLIENT },
  [AIP_STEP_CLIENT] = { step_client, AIP_STEP_BODY },
  [AIP_STEP_BODY] = { step_body, AIP_STEP_PEEK },
  [AIP_STEP_PEEK] = { step_peek, AIP_STEP_ROUTE },
  [AIP_STEP_ROUTE] = { aip_exchange_route, AIP_STEP_ATTEMPT },
  [AIP_STEP_ATTEMPT] = { aip_exchange_attempt, AIP_STEP_RELAY },
  [AIP_STEP_RELAY] = { NULL, AIP_STEP_SETTLE },
  [AIP_STEP_SETTLE] = { step_settle, AIP_STEP_OVER },
};

static void
exchange_free (AipExchange *self)
{
  if (self->transfer != NULL)
    aip_transfer_cancel (self->transfer);
  if (self->tunnel != NULL)
    aip_tunnel_cancel (self->tunnel);
  if (self->waits_for_models)
    aip_worker_forget_wait (self->worker, self);
  aip_timer_disarm (&self->models_timer);
  aip_exchange_leave_queue (self);
  aip_exchange_end_attempt (self);
  aip_exchange_settle_limits (self);
  if (self->link.data != NULL)
    aip_worker_remove_exchange (self->worker, &self->link);
  aip_exchange_report_end (self);
  aip_worker_change (self->worker, AIP_GAUGE_ACTIVE_REQUESTS, -1);
  if (self->under_way != NULL)
    aip_concurrency_slot_leave (self->under_way);
  /* What asks for the health again and again is no work. */
  if (self->route.kind != AIP_ROUTE_CONTROL)
    aip_worker_rest_later (self->worker);
  aip_call_clear (&self->call);
  aip_upload_clear (&self->upload);
  aip_answer_clear (&self->answer);
  aip_short_answer_clear (&self->short_answer);
  if (self->answer_head != NULL)
    g_string_free (self->answer_head, TRUE);
  g_clear_pointer (&self->gathered, g_byte_array_unref);
  g_clear_pointer (&self->plan, g_array_unref);
  g_clear_pointer (&self->trace, aip_request_trace_free);
  g_clear_pointer (&self->refused, g_ptr_array_unref);
  g_clear_pointer (&self->old_plans, g_ptr_array_unref);
  g_clear_pointer (&self->hopeless, g_array_unref);
  g_clear_pointer (&self->snapshots, g_ptr_array_unref);
  aip_too_long_clear (&self->too_long);
  g_free (self->answer_type);
  g_free (self->upstream_id);
  g_free (self->reason);
  g_clear_error (&self->no_room);
  aip_snapshot_unref (self->snapshot);
  g_free (self->request_id);
  g_free (self);
}

static void
go_on (AipExchange *self, AipOutcome outcome)
{
  while (outcome != AIP_OUTCOME_WAIT && self->step != AIP_STEP_OVER)
    {
      self->step = outcome == AIP_OUTCOME_ANSWER ? AIP_STEP_SETTLE : steps[self->step].next;
      outcome = AIP_OUTCOME_WAIT;
      if (self->step != AIP_STEP_OVER && steps[self->step].enter != NULL)
        outcome = steps[self->step].enter (self);
      else if (self->step == AIP_STEP_OVER)
        outcome = AIP_OUTCOME_NEXT;
    }
}

/**
 * aip_exchange_advance:
 * @self: an exchange whose step was waiting
 *
 * Goes on with the next step. The exchange may be gone when it returns.
 */
void
aip_exchange_advance (AipExchange *self)
{
  go_on (self, AIP_OUTCOME_NEXT);
  if (self->step == AIP_STEP_OVER)
    exchange_free (self);
}

/**
 * aip_exchange_settle:
 * @self: an exchange whose answer has ended
 *
 * Goes to the end, whatever the step. It is gone when this returns.
 */
void
aip_exchange_settle (AipExchange *self)
{
  go_on (self, AIP_OUTCOME_ANSWER);
  exchange_free (self);
}

/* --- the steps --- */

static AipOutcome
step_guard (AipExchange *self)
{
  AipFailure failure;

  if (!aip_guard_check (self->snapshot->guard, self->head, &failure))
    return aip_exchange_refuse (self, &failure);
  if (aip_exchange_is_preflight (self))
    return aip_exchange_preflight (self);
  if (self->route.kind == AIP_ROUTE_UNKNOWN || self->route.kind == AIP_ROUTE_WRONG_METHOD)
    return aip_exchange_refuse_route (self);
  if (self->route.kind == AIP_ROUTE_FORWARD && !aip_guard_check_path (self->head->path, &failure))
    return aip_exchange_refuse (self, &failure);
  return AIP_OUTCOME_NEXT;
}

/* One that has waited is counted already, unless it has become another client's. */
static gboolean
enter (AipExchange *self, GError **error)
{
  AipConcurrencySlot *old = self->under_way;

  if (old != NULL && old == self->client->under_way)
    return TRUE;
  self->under_way = aip_client_enter (self->client, error);
  if (old != NULL)
    aip_concurrency_slot_leave (old);
  return self->under_way != NULL;
}

static AipOutcome
step_client (AipExchange *self)
{
  g_autoptr (GError) error = NULL;
  const char *token = aip_token_find (self->head->headers);
  gsize length = token != NULL ? strlen (token) : 0;

  if (self->route.kind == AIP_ROUTE_CONTROL)
    return AIP_OUTCOME_NEXT;
  if (token == NULL && self->route.kind == AIP_ROUTE_REALTIME)
    token = aip_websocket_find_token (self->head, &length);
  self->client = aip_clients_authenticate (self->snapshot->clients, token, length, &error);
  if (self->client == NULL || !enter (self, &error))
    return aip_exchange_refuse_error (self, error);
  return AIP_OUTCOME_NEXT;
}

static gboolean
is_json (const AipHead *head)
{
  const char *type = aip_head_get (head, "Content-Type");
  gsize length = type != NULL ? strcspn (type, "; \t") : 0;

  return type != NULL && aip_ascii_equal (type, length, "application/json");
}

/* Nobody unpacks it here: an attacker's few bytes could become as many as he likes. */
static gboolean
is_encoded (const AipHead *head)
{
  const char *encoding = aip_head_get (head, "Content-Encoding");

  return encoding != NULL && aip_head_has_body (head) && g_ascii_strcasecmp (encoding, "identity") != 0;
}

static AipOutcome
refuse_encoding (AipExchange *self)
{
  const char *encoding = aip_head_get (self->head, "Content-Encoding");
  gsize length = strlen (encoding);
  gboolean named = length <= 32 && aip_ascii_is_token (encoding, length);
  g_autofree char *message =
      g_strdup_printf ("The request's body is encoded (%s) and has to be read here: send it uncompressed, "
                       "without the header `Content-Encoding`",
                       named ? encoding : "in a way nobody knows");

  return aip_exchange_refuse (
      self, &(AipFailure){ .status = 415, .code = "unsupported_content_encoding", .message = message });
}

static AipOutcome
refuse_size (AipExchange *self)
{
  g_autofree char *size =
      g_format_size_full (self->snapshot->config->server.max_body, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *message = g_strdup_printf (
      "The request's body is larger than %s: send less, or raise `max-body` in [server]", size);

  return aip_exchange_refuse (self,
                              &(AipFailure){ .status = 413, .code = "body_too_large", .message = message });
}

static AipOutcome
step_body (AipExchange *self)
{
  AipFailure failure;
  gboolean json = is_json (self->head);

  if (aip_exchange_is_paused (self) && self->route.kind != AIP_ROUTE_CONTROL)
    return aip_exchange_refuse_paused (self);
  if (self->route.kind == AIP_ROUTE_REALTIME && !aip_websocket_check_request (self->head, &failure))
    return aip_exchange_refuse (self, &failure);
  if (self->head->content_length > 0 && (guint64) self->head->content_length > self->max_body)
    return refuse_size (self);
  if (self->route.json && !json)
    return aip_exchange_refuse (self, &(AipFailure){ .status = 415,
                                                     .code = "unsupported_content_type",
                                                     .message = "Send JSON, with the header "
                                                                "`Content-Type: application/json`" });
  self->streams_up = self->route.kind == AIP_ROUTE_FORWARD && !json && aip_head_has_body (self->head);
  if (self->route.kind == AIP_ROUTE_FORWARD && !self->streams_up && is_encoded (self->head))
    return refuse_encoding (self);
  return self->streams_up ? AIP_OUTCOME_NEXT : AIP_OUTCOME_WAIT;
}

static AipOutcome
step_peek (AipExchange *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) body = NULL;

  if (self->route.kind == AIP_ROUTE_CONTROL)
    return aip_exchange_control (self);
  if (self->route.kind == AIP_ROUTE_REALTIME &&
      !aip_call_parse_query (&self->call, self->head->query, &error))
    return aip_exchange_refuse_error (self, error);
  if (self->route.kind != AIP_ROUTE_FORWARD || self->streams_up)
    return AIP_OUTCOME_NEXT;
  if (self->gathered == NULL && !self->route.json)
    return AIP_OUTCOME_NEXT;
  body = self->gathered != NULL ? g_byte_array_free_to_bytes (g_steal_pointer (&self->gathered))
                                : g_bytes_new_static ("", 0);
  if (!aip_call_parse (&self->call, body, &self->route, &error))
    return aip_exchange_refuse_error (self, error);
  return AIP_OUTCOME_NEXT;
}

/**
 * aip_exchange_keep_snapshot:
 * @self: an exchange
 * @snapshot: (transfer none): what one of its candidates is borrowed from
 *
 * Keeps it as long as the exchange lasts.
 */
void
aip_exchange_keep_snapshot (AipExchange *self, AipSnapshot *snapshot)
{
  if (self->snapshots == NULL)
    self->snapshots = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_snapshot_unref);
  if (!g_ptr_array_find (self->snapshots, snapshot, NULL))
    g_ptr_array_add (self->snapshots, aip_snapshot_ref (snapshot));
}

/* Plans borrow from the snapshot that they were made by, and somebody in them has given the last answer. */
static void
put_snapshot_aside (AipExchange *self, AipSnapshot *old)
{
  if (self->has_planned && old != self->snapshot)
    {
      aip_exchange_keep_snapshot (self, old);
      self->has_planned = FALSE;
    }
  aip_snapshot_unref (old);
}

/**
 * aip_exchange_route_again:
 * @self: an exchange that waited in the step AIP_STEP_ROUTE
 *
 * Repeats it by what holds now, the client's rights included. The exchange may be gone when it returns.
 */
void
aip_exchange_route_again (AipExchange *self)
{
  AipSnapshot *old = self->snapshot;
  AipOutcome outcome;

  self->snapshot = aip_snapshot_ref (aip_worker_get_snapshot (self->worker));
  self->begun = g_get_monotonic_time ();
  outcome = step_client (self);
  put_snapshot_aside (self, old);
  go_on (self, outcome == AIP_OUTCOME_NEXT ? aip_exchange_route (self) : outcome);
  if (self->step == AIP_STEP_OVER)
    exchange_free (self);
}

/**
 * aip_exchange_resume_route:
 * @self: an exchange that waited in the step AIP_STEP_ROUTE
 *
 * Repeats it by what held when it began. The exchange may be gone when it returns.
 */
void
aip_exchange_resume_route (AipExchange *self)
{
  go_on (self, aip_exchange_route (self));
  if (self->step == AIP_STEP_OVER)
    exchange_free (self);
}

/* --- the end --- */

static AipOutcomeKind
outcome_by_status (const AipExchange *self)
{
  if (self->status == 0)
    return AIP_OUTCOME_KIND_NONE;
  if (self->status < 400)
    return AIP_OUTCOME_KIND_SUCCEEDED;
  /* What we ourselves are short of is not the upstream's fault, which was not asked. */
  if (self->answered_here && self->attempt.fault == AIP_FAULT_SHORTAGE)
    return AIP_OUTCOME_KIND_REFUSED;
  if (self->status >= 500)
    return AIP_OUTCOME_KIND_UPSTREAM_FAULT;
  return self->answered_here ? AIP_OUTCOME_KIND_REFUSED : AIP_OUTCOME_KIND_CLIENT_FAULT;
}

/**
 * aip_exchange_get_outcome:
 * @self: an exchange
 *
 * Returns: how it has ended; AIP_OUTCOME_KIND_NONE: it has not
 */
AipOutcomeKind
aip_exchange_get_outcome (const AipExchange *self)
{
  return self->outcome != AIP_OUTCOME_KIND_NONE ? self->outcome : outcome_by_status (self);
}

/**
 * aip_exchange_count_out:
 * @self: an exchange
 * @length: how much of the answer's body was sent, in bytes
 */
void
aip_exchange_count_out (AipExchange *self, gsize length)
{
  self->bytes_out += length;
  aip_worker_count (self->worker, AIP_COUNT_BYTES_OUT, length);
}

static void
count_outcome (AipExchange *self)
{
  static const AipCounter counters[] = {
    [AIP_OUTCOME_KIND_SUCCEEDED] = AIP_COUNT_SUCCEEDED,
    [AIP_OUTCOME_KIND_REFUSED] = AIP_COUNT_REFUSED,
    [AIP_OUTCOME_KIND_CLIENT_FAULT] = AIP_COUNT_CLIENT_FAULTS,
    [AIP_OUTCOME_KIND_UPSTREAM_FAULT] = AIP_COUNT_UPSTREAM_FAULTS,
    [AIP_OUTCOME_KIND_TRUNCATED] = AIP_COUNT_TRUNCATED,
    [AIP_OUTCOME_KIND_CANCELLED] = AIP_COUNT_CANCELLED,
  };
  AipOutcomeKind outcome = aip_exchange_get_outcome (self);

  if (outcome != AIP_OUTCOME_KIND_NONE)
    aip_worker_count (self->worker, counters[outcome], 1);
  /* A stream that was cut has a status all the same. */
  if (outcome == AIP_OUTCOME_KIND_TRUNCATED)
    aip_worker_count (self->worker, counters[outcome_by_status (self)], 1);
}

static AipOutcome
step_settle (AipExchange *self)
{
  AipUsage usage = aip_usage_scan_get_usage (&self->scan);

  count_outcome (self);
  if (usage.known)
    {
      aip_worker_count (self->worker, AIP_COUNT_INPUT_TOKENS, usage.input_tokens);
      aip_worker_count (self->worker, AIP_COUNT_OUTPUT_TOKENS, usage.output_tokens);
    }
  return AIP_OUTCOME_NEXT;
}

/* --- what the connection tells --- */

/* A body of unknown length has turned out to be too large. */
static void
refuse_late (AipExchange *self)
{
  if (aip_answer_has_begun (&self->answer))
    aip_connection_close (self->connection);
  else
    {
      refuse_size (self);
      aip_exchange_settle (self);
    }
}

static void
announce_cb (AipConnection *connection, guint64 length, void *user_data)
{
  AipExchange *self = user_data;

  if (self->received + length > self->max_body)
    refuse_late (self);
}

static gboolean
body_cb (AipConnection *connection, const char *data, gsize length, void *user_data)
{
  AipExchange *self = user_data;

  self->received += length;
  aip_worker_count (self->worker, AIP_COUNT_BYTES_IN, length);
  if (self->streams_up)
    {
      gboolean room = aip_upload_push (&self->upload, data, length);

      if (self->transfer != NULL)
        aip_transfer_resume (self->transfer);
      return room;
    }
  if (self->gathered == NULL)
    self->gathered = g_byte_array_sized_new (CLAMP (self->head->content_length, 1024, 1024 * 1024));
  g_byte_array_append (self->gathered, (const guint8 *) data, length);
  return TRUE;
}

static void
body_end_cb (AipConnection *connection, void *user_data)
{
  AipExchange *self = user_data;

  aip_upload_end (&self->upload);
  /* What the client takes to send is not our overhead. */
  self->begun = g_get_monotonic_time ();
  if (self->streams_up && self->transfer != NULL)
    aip_transfer_resume (self->transfer);
  else if (self->step == AIP_STEP_BODY)
    aip_exchange_advance (self);
}

static void
writable_cb (AipConnection *connection, void *user_data)
{
  AipExchange *self = user_data;

  if (self->transfer != NULL)
    aip_transfer_resume (self->transfer);
}

static void
refuse_cb (AipConnection *connection, guint status, const char *message, void *user_data)
{
  AipExchange *self = user_data;

  aip_exchange_refuse (self,
                       &(AipFailure){ .status = status, .code = "request_refused", .message = message });
  aip_exchange_settle (self);
}

static void
gone_cb (AipConnection *connection, void *user_data)
{
  AipExchange *self = user_data;

  self->outcome = AIP_OUTCOME_KIND_CANCELLED;
  count_outcome (self);
  if (!aip_answer_has_begun (&self->answer))
    {
      /* What was held back, or kept in case that no better one comes, was not sent. */
      aip_exchange_settle_limits (self);
      self->status = 0;
    }
  exchange_free (self);
}

static const AipConnectionFuncs connection_funcs = {
  .announce = announce_cb,
  .body = body_cb,
  .body_end = body_end_cb,
  .writable = writable_cb,
  .refuse = refuse_cb,
  .gone = gone_cb,
};

static gboolean
is_request_id (const char *id)
{
  gsize length = strlen (id);
  g_autofree char *masked = NULL;

  if (length == 0 || length > 128)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (id[i]) && strchr ("-_.:", id[i]) == NULL)
      return FALSE;
  /* An id is told to everybody: a key that was put in its place must not be. */
  masked = aip_log_mask (id);
  return g_str_equal (masked, id);
}

/* The client's own id goes all the way, if it is one. */
static char *
dup_request_id (AipWorker *worker, const AipHead *head)
{
  const char *id = aip_head_get (head, "X-Request-Id");

  return id != NULL && is_request_id (id) ? g_strdup (id) : aip_worker_make_request_id (worker);
}

/**
 * aip_exchange_begin:
 * @worker: the worker of @connection
 * @connection: where a request has come
 * @head: its head
 *
 * Serves the request. The exchange belongs to the connection: it ends with the answer, or when the client
 * leaves.
 */
void
aip_exchange_begin (AipWorker *worker, AipConnection *connection, const AipHead *head)
{
  AipExchange *self = g_new0 (AipExchange, 1);

  self->worker = worker;
  self->pause_epoch = g_atomic_int_get (&aip_worker_get_shared (worker)->pause_epoch);
  self->connection = connection;
  self->snapshot = aip_snapshot_ref (aip_worker_get_snapshot (worker));
  self->head = head;
  self->route = aip_routes_find (head->method, head->path);
  self->max_body =
      self->route.kind == AIP_ROUTE_CONTROL ? MAX_CONTROL_BODY : self->snapshot->config->server.max_body;
  self->request_id = dup_request_id (worker, head);
  self->arrived = self->begun = g_get_monotonic_time ();
  self->step = AIP_STEP_GUARD;
  aip_worker_count (worker, AIP_COUNT_REQUESTS, 1);
  aip_worker_change (worker, AIP_GAUGE_ACTIVE_REQUESTS, 1);
  aip_connection_set_funcs (connection, &connection_funcs, self);
  if (self->route.kind == AIP_ROUTE_REALTIME)
    aip_connection_expect_upgrade (connection);
  if (self->route.kind != AIP_ROUTE_CONTROL)
    {
      self->link.data = self;
      aip_worker_add_exchange (worker, &self->link);
    }

  go_on (self, step_guard (self));
  if (self->step == AIP_STEP_OVER)
    exchange_free (self);
}

/**
 * aip_exchange_get_request_id:
 * @self: an exchange
 *
 * Returns: (transfer none): the request's id, the client's own where it has sent one
 */
const char *
aip_exchange_get_request_id (const AipExchange *self)
{
  return self->request_id;
}

/**
 * aip_exchange_get_pause_epoch:
 * @self: an exchange
 *
 * Returns: what AipWorkerShared.pause_epoch was when its request came
 */
int
aip_exchange_get_pause_epoch (const AipExchange *self)
{
  return self->pause_epoch;
}
