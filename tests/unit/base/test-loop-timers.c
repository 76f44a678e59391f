/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "loop-bench.h"

/* Each of them once, by their time: that is the order in which they were set, unless this thread was held up
 * in between. */
static void
check_order (Bench *bench, GArray *fired, const Alarm *alarms, const int *numbers, guint n)
{
  gint64 last = 0;

  while (fired->len < n)
    g_main_context_iteration (bench->context, TRUE);
  settle (bench);
  g_assert_cmpuint (fired->len, ==, n);
  for (guint i = 0; i < n; i++)
    {
      gint64 due = alarms[g_array_index (fired, int, i)].due;
      guint times = 0;

      g_assert_cmpint (due, >=, last);
      last = due;
      for (guint j = 0; j < n; j++)
        times += g_array_index (fired, int, j) == numbers[i];
      g_assert_cmpuint (times, ==, 1);
    }
  g_array_set_size (fired, 0);
}

static void
test_timers (void)
{
  g_auto (Bench) bench = { 0 };
  g_autoptr (GArray) fired = g_array_new (FALSE, FALSE, sizeof (int));
  Alarm alarms[3];

  bench_init (&bench);
  for (int i = 0; i < 3; i++)
    {
      alarm_init (&alarms[i], &bench, fired, i);
      g_assert_false (aip_timer_is_armed (&alarms[i].timer));
    }

  alarm_set (&alarms[0], 6000);
  alarm_set (&alarms[1], 0);
  alarm_set (&alarms[2], 3000);
  g_assert_true (aip_timer_is_armed (&alarms[0].timer));
  check_order (&bench, fired, alarms, (int[]){ 1, 2, 0 }, 3);

  /* later */
  alarm_set (&alarms[0], 1000);
  alarm_set (&alarms[1], 4000);
  alarm_set (&alarms[0], 8000);
  check_order (&bench, fired, alarms, (int[]){ 1, 0 }, 2);

  /* earlier */
  alarm_set (&alarms[0], G_TIME_SPAN_DAY);
  alarm_set (&alarms[1], 4000);
  alarm_set (&alarms[0], 1000);
  check_order (&bench, fired, alarms, (int[]){ 0, 1 }, 2);

  /* later, then earlier than at first */
  alarm_set (&alarms[0], 6000);
  alarm_set (&alarms[1], 4000);
  alarm_set (&alarms[0], G_TIME_SPAN_DAY);
  alarm_set (&alarms[0], 1000);
  check_order (&bench, fired, alarms, (int[]){ 0, 1 }, 2);

  /* not at all */
  alarm_set (&alarms[0], 1000);
  alarm_set (&alarms[1], 2000);
  alarm_set (&alarms[2], 3000);
  aip_timer_disarm (&alarms[1].timer);
  aip_timer_disarm (&alarms[1].timer);
  g_assert_false (aip_timer_is_armed (&alarms[1].timer));
  check_order (&bench, fired, alarms, (int[]){ 0, 2 }, 2);
}

/* A timer that is due again at once lets the sockets in between. */
static void
test_timer_again_at_once (void)
{
  g_auto (Bench) bench = { 0 };
  g_autoptr (GArray) fired = g_array_new (FALSE, FALSE, sizeof (int));
  Alarm alarm;
  Pair pair;

  bench_init (&bench);
  pair_init (&pair, &bench);
  alarm_init (&alarm, &bench, fired, 0);
  alarm.again = G_MAXUINT;
  alarm_set (&alarm, 0);
  aip_watch_set (&pair.watch, AIP_IO_IN);
  g_main_context_iteration (bench.context, TRUE);
  pair_poke (&pair);
  g_assert_cmpint (pair_next (&pair, &bench), ==, AIP_IO_IN);

  aip_timer_disarm (&alarm.timer);
  pair_clear (&pair);
}

/* Thousands of arms, moves and disarms: none fires too early, too often or out of order, and none is lost. */
static void
test_many_timers (void)
{
  g_auto (Bench) bench = { 0 };
  g_autoptr (GArray) fired = g_array_new (FALSE, FALSE, sizeof (int));
  g_autofree Alarm *alarms = g_new (Alarm, 500);
  g_autoptr (GHashTable) armed = g_hash_table_new (NULL, NULL);
  gint64 last = 0;

  bench_init (&bench);
  for (int i = 0; i < 500; i++)
    alarm_init (&alarms[i], &bench, fired, i);
  for (int i = 0; i < 5000; i++)
    {
      Alarm *alarm = &alarms[g_test_rand_int_range (0, 500)];

      if (g_test_rand_int_range (0, 4) == 0)
        {
          aip_timer_disarm (&alarm->timer);
          g_hash_table_remove (armed, alarm);
        }
      else
        {
          alarm_set (alarm, g_test_rand_int_range (0, 20000));
          g_hash_table_add (armed, alarm);
        }
    }
  while (fired->len < g_hash_table_size (armed))
    g_main_context_iteration (bench.context, TRUE);
  settle (&bench);
  g_assert_cmpuint (fired->len, ==, g_hash_table_size (armed));
  for (guint i = 0; i < fired->len; i++)
    {
      Alarm *alarm = &alarms[g_array_index (fired, int, i)];

      g_assert_true (g_hash_table_remove (armed, alarm));
      g_assert_cmpint (alarm->timer.due, >=, last);
      last = alarm->timer.due;
    }
}

static void
disarm_all_cb (AipTimer *timer, void *user_data)
{
  AipTimer *timers = user_data;

  for (int i = 0; i < 3; i++)
    aip_timer_disarm (&timers[i]);
}

static void
never_timer_cb (AipTimer *timer, void *user_data)
{
  g_assert_not_reached ();
}

static void
test_timer_disarms_others (void)
{
  g_auto (Bench) bench = { 0 };
  AipTimer timers[3];

  bench_init (&bench);
  aip_timer_init (&timers[0], bench.loop, disarm_all_cb, timers);
  aip_timer_init (&timers[1], bench.loop, never_timer_cb, NULL);
  aip_timer_init (&timers[2], bench.loop, never_timer_cb, NULL);
  aip_timer_arm (&timers[0], 0);
  aip_timer_arm (&timers[1], 1);
  aip_timer_arm (&timers[2], 2);
  while (aip_timer_is_armed (&timers[0]))
    g_main_context_iteration (bench.context, TRUE);
  settle (&bench);
}

/* --- idles --- */

typedef struct
{
  AipIdle idle;
  GString *log;
  char letter;
  AipIdle *queues;  /* (nullable) */
  AipIdle *cancels; /* (nullable) */
} Note;

static void
note_cb (AipIdle *idle, void *user_data)
{
  Note *self = user_data;

  g_assert_true (idle == &self->idle);
  g_string_append_c (self->log, self->letter);
  if (self->queues != NULL)
    aip_idle_queue (self->queues);
  if (self->cancels != NULL)
    aip_idle_cancel (self->cancels);
}

static void
check_log (GString *log, const char *expected)
{
  g_assert_cmpstr (log->str, ==, expected);
  g_string_truncate (log, 0);
}

static void
test_idles (void)
{
  g_auto (Bench) bench = { 0 };
  g_autoptr (GString) log = g_string_new (NULL);
  Note notes[3] = { 0 };

  bench_init (&bench);
  for (int i = 0; i < 3; i++)
    {
      notes[i] = (Note){ .log = log, .letter = (char) ('a' + i) };
      aip_idle_init (&notes[i].idle, bench.loop, note_cb, &notes[i]);
    }

  for (int i = 0; i < 9; i++)
    aip_idle_queue (&notes[i % 3].idle);
  g_main_context_iteration (bench.context, TRUE);
  check_log (log, "abc");
  settle (&bench);
  check_log (log, "");

  /* from each place of the queue */
  for (int cancelled = 0; cancelled < 3; cancelled++)
    {
      for (int i = 0; i < 3; i++)
        aip_idle_queue (&notes[i].idle);
      aip_idle_cancel (&notes[cancelled].idle);
      aip_idle_cancel (&notes[cancelled].idle);
      aip_idle_queue (&notes[0].idle);
      settle (&bench);
      check_log (log, (const char *[]){ "bca", "ac", "ab" }[cancelled]);
    }

  notes[0].queues = &notes[2].idle;
  aip_idle_queue (&notes[0].idle);
  g_main_context_iteration (bench.context, TRUE);
  check_log (log, "ac");

  notes[0].queues = NULL;
  notes[0].cancels = &notes[1].idle;
  for (int i = 0; i < 3; i++)
    aip_idle_queue (&notes[i].idle);
  g_main_context_iteration (bench.context, TRUE);
  check_log (log, "ac");
}

static void
queue_note_cb (AipWatch *watch, AipIo ready, void *user_data)
{
  Note *note = user_data;

  drain (watch->fd);
  g_string_append_c (note->log, 'w');
  aip_idle_queue (&note->idle);
  aip_idle_queue (&note->idle);
}

/* What a turn's events ask for is done at the end of that turn. */
static void
test_idle_in_turn (void)
{
  g_auto (Bench) bench = { 0 };
  g_autoptr (GString) log = g_string_new (NULL);
  Note note = { .log = log, .letter = 'i' };
  Pair pairs[2];

  bench_init (&bench);
  aip_idle_init (&note.idle, bench.loop, note_cb, &note);
  for (int i = 0; i < 2; i++)
    {
      pair_init (&pairs[i], &bench);
      aip_watch_init (&pairs[i].watch, bench.loop, pairs[i].fds[0], queue_note_cb, &note);
      aip_watch_set (&pairs[i].watch, AIP_IO_IN);
      pair_poke (&pairs[i]);
    }
  while (log->len == 0)
    g_main_context_iteration (bench.context, TRUE);
  check_log (log, "wwi");
  for (int i = 0; i < 2; i++)
    pair_clear (&pairs[i]);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/loop-timers/timers", test_timers);
  g_test_add_func ("/base/loop-timers/timer-again-at-once", test_timer_again_at_once);
  g_test_add_func ("/base/loop-timers/many-timers", test_many_timers);
  g_test_add_func ("/base/loop-timers/timer-disarms-others", test_timer_disarms_others);
  g_test_add_func ("/base/loop-timers/idles", test_idles);
  g_test_add_func ("/base/loop-timers/idle-in-turn", test_idle_in_turn);

  return g_test_run ();
}
