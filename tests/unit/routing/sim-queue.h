/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef void (*SimFunc) (void *data);

/**
 * SimQueue: what happens when, over the daemon's own clock, which it stops and moves.
 * @now_us: the steady clock
 * @wall_us: how far the wall clock is ahead of it
 */
typedef struct
{
  gint64 now_us;
  gint64 wall_us;
  GArray *heap;
  guint64 n_pushed;
} SimQueue;

void sim_queue_init (SimQueue *self, gint64 now_us, gint64 wall_us);
void sim_queue_clear (SimQueue *self);
void sim_queue_push (SimQueue *self, gint64 at_us, SimFunc func, void *data);
void sim_queue_run (SimQueue *self);

G_END_DECLS
