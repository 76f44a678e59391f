/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-handshakes"

#include "server/aip-handshakes.h"

/* A handshake takes some round trips; who needs longer may have it as long as nobody waits for the place. */
#define PATIENCE (3 * G_TIME_SPAN_SECOND)

static void
arm_patience (AipHandshakes *self)
{
  AipHandshakeTurn *oldest = g_queue_peek_head (&self->running);

  if (oldest == NULL || self->waiting.length == 0)
    aip_timer_disarm (&self->patience);
  else
    aip_timer_arm (&self->patience, MAX (oldest->begun + PATIENCE - g_get_monotonic_time (), 0));
}

static void
enqueue (AipHandshakeTurn *turn, GQueue *queue)
{
  turn->queue = queue;
  turn->link.data = turn;
  g_queue_push_tail_link (queue, &turn->link);
}

static void
dequeue (AipHandshakeTurn *turn)
{
  g_queue_unlink (turn->queue, &turn->link);
  turn->queue = NULL;
}

/* Who came last is next: where more come than can be served, those who have waited longest are about to give
 * up, and serving them in order would mean that everybody is served too late. */
static void
begin_next (AipHandshakes *self)
{
  while (self->waiting.length > 0 && self->running.length < self->limit)
    {
      AipHandshakeTurn *turn = g_queue_peek_tail (&self->waiting);

      dequeue (turn);
      enqueue (turn, &self->running);
      turn->begun = g_get_monotonic_time ();
      turn->func (turn, TRUE, turn->user_data);
    }
  arm_patience (self);
}

static void
patience_cb (AipTimer *timer, void *user_data)
{
  AipHandshakes *self = user_data;
  gint64 too_old = g_get_monotonic_time () - PATIENCE;
  AipHandshakeTurn *oldest;

  while (self->waiting.length > 0 && (oldest = g_queue_peek_head (&self->running)) != NULL &&
         oldest->begun <= too_old)
    {
      oldest->func (oldest, FALSE, oldest->user_data);
      /* Who was told to end has done so, but does not have to. */
      if (g_queue_peek_head (&self->running) == oldest)
        aip_handshake_turn_end (oldest);
    }
  arm_patience (self);
}

/**
 * aip_handshakes_init:
 * @self: memory of the caller's
 * @loop: the worker's loop
 * @limit: how many may run at a time, at least 1
 */
void
aip_handshakes_init (AipHandshakes *self, AipLoop *loop, guint limit)
{
  g_return_if_fail (self != NULL && loop != NULL && limit > 0);

  *self = (AipHandshakes){ .limit = limit, .running = G_QUEUE_INIT, .waiting = G_QUEUE_INIT };
  aip_timer_init (&self->patience, loop, patience_cb, self);
}

/**
 * aip_handshakes_clear:
 * @self: one in which nobody runs or waits any more
 */
void
aip_handshakes_clear (AipHandshakes *self)
{
  g_return_if_fail (self->running.length == 0 && self->waiting.length == 0);

  aip_timer_disarm (&self->patience);
}

/**
 * aip_handshake_turn_take:
 * @turn: one that is in no queue
 * @handshakes: where to wait; outlives @turn
 * @func: called with its turn, from within this function where there is room
 * @user_data: for @func
 *
 * Waits for a turn, before those who came earlier. Ends with aip_handshake_turn_end ().
 */
void
aip_handshake_turn_take (AipHandshakeTurn *turn,
                         AipHandshakes *handshakes,
                         AipHandshakeFunc func,
                         void *user_data)
{
  g_return_if_fail (turn != NULL && turn->queue == NULL && handshakes != NULL && func != NULL);

  turn->handshakes = handshakes;
  turn->func = func;
  turn->user_data = user_data;
  enqueue (turn, &handshakes->waiting);
  begin_next (handshakes);
}

/**
 * aip_handshake_turn_end:
 * @turn: one that runs, waits, or does neither
 *
 * Leaves, and makes room for the next.
 */
void
aip_handshake_turn_end (AipHandshakeTurn *turn)
{
  g_return_if_fail (turn != NULL);

  if (turn->queue == NULL)
    return;
  dequeue (turn);
  begin_next (turn->handshakes);
}
