/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include "base/aip-clock.h"
#include "server/aip-exchange-private.h"

/* Where nobody can serve a request just now, it may wait until somebody can: `max-wait` in [routing]. */

/* What comes back without being announced, such as a key that a check has found well, is seen within: */
#define LOOK_AGAIN_US (250 * G_TIME_SPAN_MILLISECOND)

static void
queue_cb (AipTimer *timer, void *user_data)
{
  AipExchange *self = user_data;

  aip_exchange_route_again (self);
}

/**
 * aip_exchange_wait_in_queue:
 * @self: an exchange in the step AIP_STEP_ROUTE for which there is nobody
 * @retry_after_us: when there will be, in microseconds from now; -1: not known, then it does not wait
 *
 * Has the step repeated after a while, as long as the operator and the client allow and unless too many wait.
 *
 * Returns: whether it waits
 */
gboolean
aip_exchange_wait_in_queue (AipExchange *self, gint64 retry_after_us)
{
  gint64 max_wait = (gint64) self->snapshot->config->routing.max_wait * 1000;
  gint64 now = aip_clock_now ();
  gint64 left = max_wait - (self->queued != 0 ? now - self->queued : 0);

  left = MIN (left, aip_exchange_get_patience (self));
  if (retry_after_us < 0 || left <= 0 || aip_worker_is_draining (self->worker))
    return FALSE;
  if (self->queued == 0)
    {
      if (!aip_worker_enter_queue (self->worker))
        return FALSE;
      self->queued = now;
      if (self->asked == 0)
        self->asked = now;
      aip_timer_init (&self->queue_timer, aip_worker_get_loop (self->worker), queue_cb, self);
    }
  left = MIN (left, retry_after_us + 1000);
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
  if (self->queued == 0)
    return;
  aip_timer_disarm (&self->queue_timer);
  self->queued = 0;
  aip_worker_leave_queue (self->worker);
}
