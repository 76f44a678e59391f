/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include "base/aip-clock.h"
#include "server/aip-exchange-private.h"

/* Where nobody can serve a request just now, or nobody is left who has not failed it, it may wait until
 * somebody can: `max-wait` in [routing]. */

/* What comes back without being announced, such as a key that a check has found well, is seen within: */
#define LOOK_AGAIN_US (250 * G_TIME_SPAN_MILLISECOND)

static void
queue_cb (AipTimer *timer, void *user_data)
{
  AipExchange *self = user_data;
  gint64 left = self->not_before - aip_clock_now ();

  if (left <= 0)
    aip_exchange_route_again (self);
  else if (!aip_worker_is_draining (self->worker))
    aip_timer_arm (&self->queue_timer, MIN (left, LOOK_AGAIN_US));
  else if (aip_exchange_tell (self) == AIP_OUTCOME_ANSWER)
    aip_exchange_settle (self);
}

static gint64
get_time_left (const AipExchange *self, gint64 now)
{
  gint64 left = (gint64) self->snapshot->config->routing.max_wait * 1000;

  if (self->queued_since != 0)
    left -= now - self->queued_since;
  return MIN (left, self->sent_to != NULL ? aip_exchange_get_time_left (self, self->sent_to->provider)
                                          : aip_exchange_get_patience (self));
}

/* One that has its answer is not kept from it for nothing. */
static gboolean
may_be_in_time (const AipExchange *self, gint64 retry_after_us, gint64 pause_us, gint64 left)
{
  if (retry_after_us < 0 || pause_us >= left)
    return FALSE;
  return self->n_attempts == 0 || retry_after_us < left ||
         (self->may_be_checked && self->snapshot->config->health_check.enabled);
}

static gboolean
enter_queue (AipExchange *self, gint64 now)
{
  if (!aip_worker_enter_queue (self->worker))
    return FALSE;
  self->queued = TRUE;
  if (self->queued_since == 0)
    self->queued_since = now;
  if (self->asked == 0)
    self->asked = now;
  aip_timer_init (&self->queue_timer, aip_worker_get_loop (self->worker), queue_cb, self);
  return TRUE;
}

/**
 * aip_exchange_wait_in_queue:
 * @self: an exchange in the step AIP_STEP_ROUTE for which there is nobody, or one all of whose candidates
 * have failed
 * @retry_after_us: when there will be somebody, in microseconds from now; -1: not known, then it does not
 * wait
 * @pause_us: how long not to ask anybody in any case, in microseconds
 *
 * Has the step repeated after a while, as long as the operator and the client allow and unless too many wait.
 *
 * Returns: whether it waits
 */
gboolean
aip_exchange_wait_in_queue (AipExchange *self, gint64 retry_after_us, gint64 pause_us)
{
  gint64 now = aip_clock_now ();
  gint64 left = get_time_left (self, now);

  if (!may_be_in_time (self, retry_after_us, pause_us, left) || aip_worker_is_draining (self->worker))
    return FALSE;
  if (!self->queued && !enter_queue (self, now))
    return FALSE;
  self->not_before = now + pause_us;
  left = MIN (left, MAX (retry_after_us + 1000, pause_us));
  aip_timer_arm (&self->queue_timer, MIN (left, LOOK_AGAIN_US));
  return TRUE;
}

/**
 * aip_exchange_leave_queue:
 * @self: an exchange that does not wait any longer, or never did
 */
void
aip_exchange_leave_queue (AipExchange *self)
{
  if (!self->queued)
    return;
  aip_timer_disarm (&self->queue_timer);
  self->queued = FALSE;
  aip_worker_leave_queue (self->worker);
}
