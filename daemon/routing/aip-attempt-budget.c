/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-attempt-budget.h"

/*
 * The number of attempts is bounded for two reasons: no client should wait for one hang after the other, and
 * no upstream should do the same work over and over. Neither holds for an attempt that was turned away at the
 * door: the key is refused, has no money left or is told when to come back, or there is no connection to be
 * had. So that does not count, and the request goes on to whoever is left, each of them once: a round. One
 * that asks the same candidates again counts as one attempt at least.
 *
 * Who turns away has to be left out by the next requests, or else each of them would knock at all the doors:
 * a rate limit does not count only where the provider says for how long it holds. A refused connection leaves
 * the breaker to count, but costs next to nothing until then; one that does not come about in time costs the
 * client that time, so it counts.
 */
static gboolean
is_turned_away (const AipFaultVerdict *verdict, AipTransportFault transport)
{
  switch (verdict->fault_class)
    {
    case AIP_FAULT_CLASS_AUTH:
    case AIP_FAULT_CLASS_BILLING:
      return TRUE;
    case AIP_FAULT_CLASS_RATE_LIMITED:
      return verdict->retry_after_us > 0;
    case AIP_FAULT_CLASS_TRANSIENT:
      return transport == AIP_TRANSPORT_CONNECT;
    default:
      return FALSE;
    }
}

/**
 * aip_attempt_budget_spend:
 * @self: a request's
 * @verdict: how its attempt has ended
 * @transport: what went wrong on the way
 * @max: attempts in all
 *
 * Counts an attempt that has failed, unless it was turned away.
 *
 * Returns: whether somebody else may be asked
 */
gboolean
aip_attempt_budget_spend (AipAttemptBudget *self,
                          const AipFaultVerdict *verdict,
                          AipTransportFault transport,
                          guint max)
{
  g_return_val_if_fail (self != NULL && verdict != NULL, FALSE);

  self->asked = TRUE;
  if (!is_turned_away (verdict, transport))
    self->n_counted++;
  return self->n_counted < max;
}

/**
 * aip_attempt_budget_begin_round:
 * @self: a request's
 * @max: attempts in all
 *
 * Counts the round that is over where none of its attempts did.
 *
 * Returns: whether those may be asked again who were asked before
 */
gboolean
aip_attempt_budget_begin_round (AipAttemptBudget *self, guint max)
{
  g_return_val_if_fail (self != NULL, FALSE);

  if (self->asked && self->n_counted == self->n_before)
    self->n_counted++;
  self->n_before = self->n_counted;
  self->asked = FALSE;
  return self->n_counted < max;
}
