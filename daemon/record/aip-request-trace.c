/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-activity"

#include "record/aip-request-trace.h"

/* One that is being made has room for all that is kept. */
typedef struct
{
  AipRequestTrace trace;
  AipTracedCandidate candidates[AIP_REQUEST_TRACE_MAX];
  AipTracedTry tries[AIP_REQUEST_TRACE_MAX];
} Draft;

/**
 * aip_request_trace_new:
 *
 * Returns: (transfer full): a trace of nothing yet
 */
AipRequestTrace *
aip_request_trace_new (void)
{
  Draft *draft = g_new (Draft, 1);

  draft->trace = (AipRequestTrace){ .candidates = draft->candidates, .tries = draft->tries };
  return &draft->trace;
}

/**
 * aip_request_trace_free:
 * @self: (transfer full): a trace
 */
void
aip_request_trace_free (AipRequestTrace *self)
{
  g_return_if_fail (self != NULL);

  g_free ((Draft *) self);
}

/**
 * aip_request_trace_begin_plan:
 * @self: a trace
 * @strategy: (nullable): static: what put the plan in order
 *
 * A new plan is made. The candidates of one of which nobody was tried are forgotten; else the new ones come
 * behind them.
 */
void
aip_request_trace_begin_plan (AipRequestTrace *self, const char *strategy)
{
  g_return_if_fail (self != NULL);

  self->strategy = strategy;
  if (self->n_tries == 0)
    self->n_candidates = 0;
}

/**
 * aip_request_trace_add_candidate:
 * @self: a trace
 *
 * Returns: (transfer none) (nullable): one more candidate, to be filled in; %NULL: it is only counted
 */
AipTracedCandidate *
aip_request_trace_add_candidate (AipRequestTrace *self)
{
  guint n;

  g_return_val_if_fail (self != NULL, NULL);

  n = self->n_candidates++;
  return n < AIP_REQUEST_TRACE_MAX ? &self->candidates[n] : NULL;
}

/**
 * aip_request_trace_add_try:
 * @self: a trace
 *
 * Returns: (transfer none) (nullable): one more try, to be filled in; %NULL: it is only counted
 */
AipTracedTry *
aip_request_trace_add_try (AipRequestTrace *self)
{
  guint n;

  g_return_val_if_fail (self != NULL, NULL);

  n = self->n_tries++;
  return n < AIP_REQUEST_TRACE_MAX ? &self->tries[n] : NULL;
}

/**
 * aip_request_trace_count_candidates:
 * @self: a trace
 *
 * Returns: how many of its candidates are kept
 */
guint
aip_request_trace_count_candidates (const AipRequestTrace *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return MIN (self->n_candidates, AIP_REQUEST_TRACE_MAX);
}

/**
 * aip_request_trace_count_tries:
 * @self: a trace
 *
 * Returns: how many of its tries are kept
 */
guint
aip_request_trace_count_tries (const AipRequestTrace *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return MIN (self->n_tries, AIP_REQUEST_TRACE_MAX);
}
