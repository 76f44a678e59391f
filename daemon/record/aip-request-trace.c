/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-activity"

#include "record/aip-request-trace.h"

/**
 * aip_request_trace_new:
 *
 * Returns: (transfer full): a trace of nothing yet
 */
AipRequestTrace *
aip_request_trace_new (void)
{
  return g_new0 (AipRequestTrace, 1);
}

static void
clear_candidates (AipRequestTrace *self)
{
  for (guint i = 0; i < MIN (self->n_candidates, AIP_REQUEST_TRACE_MAX); i++)
    {
      g_free (self->candidates[i].provider);
      g_free (self->candidates[i].key);
      g_free (self->candidates[i].model);
      self->candidates[i] = (AipTracedCandidate){ 0 };
    }
  self->n_candidates = 0;
}

/**
 * aip_request_trace_free:
 * @self: (transfer full): a trace
 */
void
aip_request_trace_free (AipRequestTrace *self)
{
  g_return_if_fail (self != NULL);

  clear_candidates (self);
  for (guint i = 0; i < MIN (self->n_tries, AIP_REQUEST_TRACE_MAX); i++)
    {
      g_free (self->tries[i].provider);
      g_free (self->tries[i].key);
      g_free (self->tries[i].model);
    }
  g_free (self);
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
    clear_candidates (self);
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
