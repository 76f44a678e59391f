/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-breaker-private.h"

/* A breaker over a restart of the daemon. */

#define MAX_IN_A_ROW 1000000
#define SAVED_TYPE "(uuxxuu)"
/* What should have come back this long ago starts anew. */
#define STALE_US G_TIME_SPAN_HOUR

/**
 * aip_breaker_save:
 * @self: a breaker
 * @now_us: the time on the clock of those who settle
 * @wall_us: the time of day
 *
 * Returns: (transfer floating) (nullable): what to restore it from; %NULL: it is closed
 */
GVariant *
aip_breaker_save (AipBreaker *self, gint64 now_us, gint64 wall_us)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  if (self->until_us == 0)
    return NULL;
  return g_variant_new (SAVED_TYPE, (guint) self->fault.fault_class, self->fault.status,
                        wall_us - (now_us - self->since_us), wall_us + (self->until_us - now_us),
                        self->streak, self->in_a_row);
}

/**
 * aip_breaker_restore:
 * @self: a new breaker
 * @saved: of aip_breaker_save (), or anything else
 * @now_us: the time on the clock of those who settle
 * @wall_us: the time of day
 *
 * Opens it as it was, for at most a day whatever the clocks say. What should be back since long stays
 * closed.
 *
 * Returns: whether it is open now, or half-open
 */
gboolean
aip_breaker_restore (AipBreaker *self, GVariant *saved, gint64 now_us, gint64 wall_us)
{
  guint fault_class, status, streak, in_a_row;
  gint64 since_us, until_us;

  g_return_val_if_fail (self != NULL && saved != NULL, FALSE);

  if (!g_variant_is_of_type (saved, G_VARIANT_TYPE (SAVED_TYPE)))
    return FALSE;
  g_variant_get (saved, SAVED_TYPE, &fault_class, &status, &since_us, &until_us, &streak, &in_a_row);
  if (fault_class >= AIP_N_FAULT_CLASSES || !aip_fault_class_counts (fault_class) || status > 999)
    return FALSE;
  if (since_us < 0 || since_us > wall_us || until_us < since_us || until_us < wall_us - STALE_US)
    return FALSE;

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  if (!self->policy.enabled)
    return FALSE;
  self->fault = (AipFaultVerdict){ .fault_class = fault_class,
                                   .reason = aip_fault_class_get_reason (fault_class),
                                   .status = status,
                                   .retry_after_us = -1 };
  self->since_us = now_us - MIN (wall_us - since_us, AIP_BREAKER_MAX_HOLD_US);
  self->streak = MIN (streak, AIP_BREAKER_MAX_STREAK);
  self->in_a_row = MIN (in_a_row, MAX_IN_A_ROW);
  aip_breaker_change (self, MAX (now_us + MIN (until_us - wall_us, AIP_BREAKER_MAX_HOLD_US), 1));
  /* Whether the provider has named that time is not known any more; of a key that is refused it has not. */
  if (!aip_fault_class_opens (fault_class))
    self->floor_us = self->until_us;
  return TRUE;
}
