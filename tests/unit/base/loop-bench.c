/* SPDX-License-Identifier: MIT */
#include "loop-bench.h"

#include <sys/socket.h>
#include <unistd.h>

void
bench_init (Bench *self)
{
  self->context = g_main_context_new ();
  self->loop = aip_loop_new (self->context);
}

void
bench_clear (Bench *self)
{
  aip_loop_free (self->loop);
  g_main_context_unref (self->context);
}

/* Until nothing is left to do, without waiting. */
void
settle (Bench *self)
{
  while (g_main_context_iteration (self->context, FALSE))
    ;
}

void
drain (int fd)
{
  char buffer[64];

  while (read (fd, buffer, sizeof buffer) > 0)
    ;
}

static void
pair_cb (AipWatch *watch, AipIo ready, void *user_data)
{
  Pair *self = user_data;

  g_assert_true (watch == &self->watch);
  self->ready = ready;
  self->n_calls++;
  if (self->drains)
    drain (self->fds[0]);
  if (self->clears != NULL)
    aip_watch_clear (&self->clears->watch);
}

void
pair_init (Pair *self, Bench *bench)
{
  *self = (Pair){ .drains = TRUE };
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, self->fds), ==, 0);
  aip_watch_init (&self->watch, bench->loop, self->fds[0], pair_cb, self);
}

void
pair_clear (Pair *self)
{
  aip_watch_clear (&self->watch);
  close (self->fds[0]);
  if (self->fds[1] >= 0)
    close (self->fds[1]);
}

void
pair_poke (Pair *self)
{
  g_assert_cmpint (write (self->fds[1], "x", 1), ==, 1);
}

/* What happens next on the pair; the number of calls is checked to be one. */
AipIo
pair_next (Pair *self, Bench *bench)
{
  self->n_calls = 0;
  while (self->n_calls == 0)
    g_main_context_iteration (bench->context, TRUE);
  g_assert_cmpuint (self->n_calls, ==, 1);
  return self->ready;
}

static void
alarm_cb (AipTimer *timer, void *user_data)
{
  Alarm *self = user_data;

  g_assert_true (timer == &self->timer);
  g_assert_false (aip_timer_is_armed (timer));
  g_assert_cmpint (aip_loop_now (timer->loop), >=, self->due);
  g_array_append_val (self->fired, self->number);
  if (self->again-- > 0)
    {
      aip_timer_arm (timer, 0);
      g_assert_true (aip_timer_is_armed (timer));
    }
  else
    self->again = 0;
}

void
alarm_init (Alarm *self, Bench *bench, GArray *fired, int number)
{
  *self = (Alarm){ .fired = fired, .number = number };
  aip_timer_init (&self->timer, bench->loop, alarm_cb, self);
}

void
alarm_set (Alarm *self, gint64 delay_us)
{
  aip_timer_arm (&self->timer, delay_us);
  self->due = self->timer.due;
}

void
check_fired (Bench *bench, GArray *fired, const int *numbers, guint n)
{
  while (fired->len < n)
    g_main_context_iteration (bench->context, TRUE);
  settle (bench);
  g_assert_cmpuint (fired->len, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (g_array_index (fired, int, i), ==, numbers[i]);
  g_array_set_size (fired, 0);
}
