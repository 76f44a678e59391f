/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include "base/aip-clock.h"
#include "server/aip-exchange-private.h"

/* Why a request goes where it goes. The names are borrowed: what they belong to outlives the trace. */

static const char *
key_of (const AipCandidate *candidate)
{
  return candidate->key != NULL ? candidate->key->name : NULL;
}

/**
 * aip_exchange_trace_plan:
 * @self: an exchange that has a new plan
 *
 * Notes the plan's candidates.
 */
void
aip_exchange_trace_plan (AipExchange *self)
{
  if (self->trace == NULL)
    self->trace = aip_request_trace_new ();
  aip_request_trace_begin_plan (self->trace, self->strategy);
  for (guint i = 0; i < self->plan->len; i++)
    {
      const AipCandidate *candidate = &g_array_index (self->plan, AipCandidate, i);
      AipTracedCandidate *traced = aip_request_trace_add_candidate (self->trace);

      if (traced != NULL)
        *traced = (AipTracedCandidate){
          .provider = candidate->provider->name,
          .key = key_of (candidate),
          .model = candidate->model,
          .score = candidate->score,
        };
    }
}

/**
 * aip_exchange_trace_refusal:
 * @self: an exchange that nobody can serve
 * @query: what was asked for
 *
 * Notes who might have served it, and why nobody does.
 */
void
aip_exchange_trace_refusal (AipExchange *self, const AipRouteQuery *query)
{
  if (query->model == NULL || self->refused != NULL)
    return;
  self->refused = aip_router_explain (self->snapshot->router, query, AIP_REQUEST_TRACE_MAX, NULL);
  if (self->refused == NULL)
    return;
  if (self->trace == NULL)
    self->trace = aip_request_trace_new ();
  aip_request_trace_begin_plan (self->trace, self->strategy);
  for (guint i = 0; i < self->refused->len; i++)
    {
      const AipRouteExplanation *one = g_ptr_array_index (self->refused, i);
      AipTracedCandidate *traced = aip_request_trace_add_candidate (self->trace);

      if (traced != NULL)
        *traced = (AipTracedCandidate){
          .provider = one->provider,
          .key = one->key,
          .model = one->model,
          .reason = one->reason,
          .score = one->score,
        };
    }
}

static AipTracedTry *
add_try (AipExchange *self, const AipCandidate *candidate, const char *fault, const char *reason)
{
  AipTracedTry *traced = self->trace != NULL ? aip_request_trace_add_try (self->trace) : NULL;

  if (traced != NULL)
    *traced = (AipTracedTry){
      .provider = candidate->provider->name,
      .key = key_of (candidate),
      .model = candidate->model,
      .fault = fault,
      .reason = reason,
    };
  return traced;
}

/**
 * aip_exchange_trace_skip:
 * @self: an exchange
 * @candidate: who is not tried although it is its turn
 * @limited: its own limits have no room; else its breaker lets others through first
 */
void
aip_exchange_trace_skip (AipExchange *self, const AipCandidate *candidate, gboolean limited)
{
  AipTracedTry *traced = add_try (self, candidate, limited ? "limited" : "busy",
                                  limited ? "its own limits have no room"
                                          : "another request finds out whether it is well again");

  if (traced != NULL)
    traced->begun_us = g_get_monotonic_time () - self->arrived;
}

/**
 * aip_exchange_trace_attempt:
 * @self: an exchange whose attempt ends now, with its verdict
 */
void
aip_exchange_trace_attempt (AipExchange *self)
{
  const AipAttempt *attempt = &self->attempt;
  AipFaultClass fault_class = attempt->verdict.fault_class;
  AipTracedTry *traced;

  if (!attempt->sent)
    return;
  traced = add_try (self, attempt->candidate, aip_fault_class_to_string (fault_class),
                    fault_class != AIP_FAULT_CLASS_NONE ? attempt->verdict.reason : NULL);
  if (traced == NULL)
    return;
  /* What the client was told in its place may be there already. */
  traced->status = fault_class == AIP_FAULT_CLASS_NONE ? self->status : attempt->verdict.status;
  traced->begun_us = self->sent - self->arrived;
  traced->duration_us = g_get_monotonic_time () - self->sent;
}
