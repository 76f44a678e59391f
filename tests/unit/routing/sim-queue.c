/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-queue.h"

#include "base/aip-clock.h"

/* A binary heap: the earliest event is the first, and of those of the same moment the one that was pushed
 * first. */

typedef struct
{
  gint64 at_us;
  guint64 serial;
  SimFunc func;
  void *data;
} Event;

static void
move_clock (SimQueue *self, gint64 now_us)
{
  self->now_us = now_us;
  aip_clock_set_fake (now_us, now_us + self->wall_us);
}

/**
 * sim_queue_init:
 * @self: (out caller-allocates): an empty queue
 * @now_us: where the steady clock begins
 * @wall_us: how far the wall clock is ahead of it
 */
void
sim_queue_init (SimQueue *self, gint64 now_us, gint64 wall_us)
{
  *self = (SimQueue){ .wall_us = wall_us, .heap = g_array_new (FALSE, FALSE, sizeof (Event)) };
  move_clock (self, now_us);
}

/**
 * sim_queue_clear:
 * @self: a queue that has run
 *
 * Lets the clocks run again.
 */
void
sim_queue_clear (SimQueue *self)
{
  g_assert_cmpuint (self->heap->len, ==, 0);
  g_array_unref (self->heap);
  aip_clock_unset_fake ();
}

static gboolean
is_before (const Event *a, const Event *b)
{
  return a->at_us < b->at_us || (a->at_us == b->at_us && a->serial < b->serial);
}

/**
 * sim_queue_push:
 * @self: a queue
 * @at_us: when; not in the past
 * @func: what happens then
 * @data: for @func
 */
void
sim_queue_push (SimQueue *self, gint64 at_us, SimFunc func, void *data)
{
  Event event = { at_us, self->n_pushed++, func, data };
  guint hole = self->heap->len;
  Event *events;

  g_assert_cmpint (at_us, >=, self->now_us);
  g_array_append_val (self->heap, event);
  events = (Event *) (void *) self->heap->data;
  for (; hole > 0 && is_before (&event, &events[(hole - 1) / 2]); hole = (hole - 1) / 2)
    events[hole] = events[(hole - 1) / 2];
  events[hole] = event;
}

static Event
pop (SimQueue *self)
{
  Event *events = (Event *) (void *) self->heap->data;
  Event first = events[0];
  guint n = self->heap->len - 1;
  Event last = events[n];
  guint hole = 0;

  for (guint child = 1; child < n; child = 2 * hole + 1)
    {
      if (child + 1 < n && is_before (&events[child + 1], &events[child]))
        child++;
      if (!is_before (&events[child], &last))
        break;
      events[hole] = events[child];
      hole = child;
    }
  events[hole] = last;
  g_array_set_size (self->heap, n);
  return first;
}

/**
 * sim_queue_run:
 * @self: a queue
 *
 * Lets everything happen, also what is pushed meanwhile.
 */
void
sim_queue_run (SimQueue *self)
{
  while (self->heap->len > 0)
    {
      Event event = pop (self);

      move_clock (self, event.at_us);
      event.func (event.data);
    }
}
