/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include "base/aip-clock.h"
#include "server/aip-exchange-private.h"

/* What those who watch the requests are told, and what is kept of them. */

static AipActivity *
activity_of (const AipExchange *self)
{
  return aip_worker_get_shared (self->worker)->activity;
}

static AipRequestEvent
make_draft (const AipExchange *self)
{
  return (AipRequestEvent){
    .id = self->request_id,
    .time_us = self->time,
    .client = self->client != NULL ? self->client->name : NULL,
    .method = self->head->method,
    .path = self->head->path,
    .model = self->call.model,
    .stream = self->call.stream,
  };
}

static void
add_candidate (const AipExchange *self, AipRequestEvent *draft)
{
  const AipCandidate *candidate = self->sent_to;

  if (candidate == NULL)
    return;
  draft->upstream_id = self->upstream_id;
  draft->provider = candidate->provider->name;
  draft->key = candidate->key != NULL ? candidate->key->name : NULL;
  draft->upstream_model = candidate->model;
  draft->attempts = self->n_attempts;
}

/* What is answered here comes at once and whole. */
static gint64
time_to_first_byte (const AipExchange *self, gint64 now)
{
  if (self->first_byte != 0)
    return self->first_byte - self->arrived;
  return self->answered_here && self->status != 0 ? now - self->arrived : -1;
}

static void
set_time (AipExchange *self, gint64 now)
{
  if (self->time == 0)
    self->time = aip_clock_wall () - (now - self->arrived);
}

static void
push_start (AipExchange *self, gint64 now)
{
  AipRequestEvent draft;

  set_time (self, now);
  draft = make_draft (self);
  self->told = TRUE;
  aip_activity_push (activity_of (self), aip_request_event_new (&draft));
}

/* What browsers ask on their own before a request is none itself. */
static gboolean
is_of_interest (AipExchange *self)
{
  return self->route.kind != AIP_ROUTE_CONTROL &&
         !(self->status == 204 && self->answered_here && aip_exchange_is_preflight (self));
}

/**
 * aip_exchange_report_start:
 * @self: an exchange that is about to be served, or to wait for somebody who does
 *
 * Tells those who watch, once.
 */
void
aip_exchange_report_start (AipExchange *self)
{
  if (!self->told && aip_activity_is_watched (activity_of (self)))
    push_start (self, g_get_monotonic_time ());
}

static AipRequestEvent *
make_end (AipExchange *self, gint64 now)
{
  AipRequestEvent draft;

  set_time (self, now);
  draft = make_draft (self);
  draft.finished = TRUE;
  draft.outcome = aip_exchange_get_outcome (self);
  draft.status = self->status;
  add_candidate (self, &draft);
  draft.first_byte_us = time_to_first_byte (self, now);
  draft.duration_us = now - self->arrived;
  draft.bytes_in = self->received;
  draft.bytes_out = self->bytes_out;
  draft.usage = aip_usage_scan_get_usage (&self->scan);
  draft.trace = self->trace;
  return aip_request_event_new (&draft);
}

/**
 * aip_exchange_report_end:
 * @self: an exchange that is over
 *
 * Puts it on record. Tells those who watch, and that it has begun where they were not told yet.
 */
void
aip_exchange_report_end (AipExchange *self)
{
  AipRecords *records = aip_worker_get_shared (self->worker)->records;
  gboolean is_watched = aip_activity_is_watched (activity_of (self));
  g_autoptr (AipRequestEvent) event = NULL;
  gint64 now;

  if ((records == NULL && !is_watched) || !is_of_interest (self))
    return;
  now = g_get_monotonic_time ();
  if (is_watched && !self->told)
    push_start (self, now);
  event = make_end (self, now);
  if (is_watched)
    aip_activity_push (activity_of (self), aip_request_event_ref (event));
  if (records != NULL)
    aip_records_push (records, g_steal_pointer (&event));
}

/**
 * aip_exchange_stamp_first_byte:
 * @self: an exchange whose client sees the answer begin
 *
 * Notes the time, once.
 */
void
aip_exchange_stamp_first_byte (AipExchange *self)
{
  if (self->first_byte == 0)
    self->first_byte = g_get_monotonic_time ();
}
