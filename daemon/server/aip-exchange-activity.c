/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include "base/aip-clock.h"
#include "server/aip-exchange-private.h"

/* What those who watch the requests are told. Nothing of it is made while nobody does. */

static AipActivity *
activity_of (const AipExchange *self)
{
  return aip_worker_get_shared (self->worker)->activity;
}

/* What clients and upstreams send may be anything. */
static char *
dup_text (const char *text)
{
  return text != NULL ? g_utf8_make_valid (text, -1) : NULL;
}

static AipRequestEvent *
make_event (const AipExchange *self)
{
  AipRequestEvent *event = g_new0 (AipRequestEvent, 1);

  event->id = g_strdup (self->request_id);
  event->time_us = self->time;
  event->client = self->client != NULL ? dup_text (self->client->name) : NULL;
  event->method = dup_text (self->head->method);
  event->path = dup_text (self->head->path);
  event->model = dup_text (self->call.model);
  event->stream = self->call.stream;
  return event;
}

static void
add_candidate (const AipExchange *self, AipRequestEvent *event)
{
  const AipCandidate *candidate = self->sent_to;

  if (candidate == NULL)
    return;
  event->provider = dup_text (candidate->provider->name);
  event->key = candidate->key != NULL ? dup_text (candidate->key->name) : NULL;
  event->upstream_model = dup_text (candidate->model);
  event->attempts = self->n_attempts;
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
push_start (AipExchange *self)
{
  self->time = aip_clock_wall () - (g_get_monotonic_time () - self->arrived);
  aip_activity_push (activity_of (self), make_event (self));
}

/* What browsers ask on their own before a request is none itself. */
static gboolean
is_of_interest (AipExchange *self)
{
  return self->route.kind != AIP_ROUTE_CONTROL &&
         !(self->status == 204 && self->answered_here && aip_exchange_is_preflight (self));
}

/**
 * aip_exchange_report_plan:
 * @self: an exchange that has just got a plan
 *
 * Tells those who watch that it begins, once, and keeps the plan for them.
 */
void
aip_exchange_report_plan (AipExchange *self)
{
  if (self->time == 0 && aip_activity_is_watched (activity_of (self)))
    push_start (self);
  if (self->time != 0)
    aip_exchange_trace_plan (self);
}

/**
 * aip_exchange_report_end:
 * @self: an exchange that is over
 *
 * Tells those who watch, and that it has begun where they were not told yet.
 */
void
aip_exchange_report_end (AipExchange *self)
{
  gint64 now;
  AipRequestEvent *event;

  if (!aip_activity_is_watched (activity_of (self)) || !is_of_interest (self))
    return;
  if (self->time == 0)
    push_start (self);
  now = g_get_monotonic_time ();
  event = make_event (self);
  event->finished = TRUE;
  event->outcome = aip_exchange_get_outcome (self);
  event->status = self->status;
  add_candidate (self, event);
  event->first_byte_us = time_to_first_byte (self, now);
  event->duration_us = now - self->arrived;
  event->bytes_in = self->received;
  event->bytes_out = self->bytes_out;
  event->usage = aip_usage_scan_get_usage (&self->scan);
  event->trace = g_steal_pointer (&self->trace);
  aip_activity_push (activity_of (self), event);
}

/**
 * aip_exchange_stamp_first_byte:
 * @self: an exchange whose beginning was told
 *
 * Notes the time, once.
 */
void
aip_exchange_stamp_first_byte (AipExchange *self)
{
  if (self->first_byte == 0)
    self->first_byte = g_get_monotonic_time ();
}
