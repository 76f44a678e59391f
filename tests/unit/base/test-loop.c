/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-loop.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  GMainContext *context;
  AipLoop *loop;
} Bench;

static void
bench_init (Bench *self)
{
  self->context = g_main_context_new ();
  self->loop = aip_loop_new (self->context);
}

static void
bench_clear (Bench *self)
{
  aip_loop_free (self->loop);
  g_main_context_unref (self->context);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Bench, bench_clear)

/* Until nothing is left to do, without waiting. */
static void
settle (Bench *self)
{
  while (g_main_context_iteration (self->context, FALSE))
    ;
}

/* One watched end of a pair of sockets, and what was told of it. */
typedef struct _Pair Pair;
struct _Pair
{
  AipWatch watch;
  int fds[2];
  AipIo ready;
  guint n_calls;
  gboolean drains;
  Pair *clears; /* (nullable): the pair whose watch it clears */
};

static void
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

static void
pair_init (Pair *self, Bench *bench)
{
  *self = (Pair){ .drains = TRUE };
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, self->fds), ==, 0);
  aip_watch_init (&self->watch, bench->loop, self->fds[0], pair_cb, self);
}

static void
pair_clear (Pair *self)
{
  aip_watch_clear (&self->watch);
  close (self->fds[0]);
  if (self->fds[1] >= 0)
    close (self->fds[1]);
}

static void
pair_poke (Pair *self)
{
  g_assert_cmpint (write (self->fds[1], "x", 1), ==, 1);
}

/* What happens next on the pair; the number of calls is checked to be one. */
static AipIo
pair_next (Pair *self, Bench *bench)
{
  self->n_calls = 0;
  while (self->n_calls == 0)
    g_main_context_iteration (bench->context, TRUE);
  g_assert_cmpuint (self->n_calls, ==, 1);
  return self->ready;
}

static void
test_watch (void)
{
  g_auto (Bench) bench = { 0 };
  Pair pair;

  bench_init (&bench);
  pair_init (&pair, &bench);

  pair_poke (&pair);
  settle (&bench);
  g_assert_cmpuint (pair.n_calls, ==, 0);

  aip_watch_set (&pair.watch, AIP_IO_IN);
  g_assert_cmpint (pair_next (&pair, &bench), ==, AIP_IO_IN);
  aip_watch_set (&pair.watch, AIP_IO_OUT);
  g_assert_cmpint (pair_next (&pair, &bench), ==, AIP_IO_OUT);
  aip_watch_set (&pair.watch, AIP_IO_IN | AIP_IO_OUT);
  pair_poke (&pair);
  g_assert_cmpint (pair_next (&pair, &bench), ==, AIP_IO_IN | AIP_IO_OUT);

  pair_clear (&pair);
}

/* What is not wanted any more stays with epoll until it happens, and is told nobody. */
static void
test_watch_lazy (void)
{
  g_auto (Bench) bench = { 0 };
  Pair pair;

  bench_init (&bench);
  pair_init (&pair, &bench);

  for (int i = 0; i < 3; i++)
    {
      aip_watch_set (&pair.watch, AIP_IO_IN);
      aip_watch_set (&pair.watch, AIP_IO_NONE);
      pair.n_calls = 0;
      pair_poke (&pair);
      settle (&bench);
      g_assert_cmpuint (pair.n_calls, ==, 0);
      g_assert_false (g_main_context_pending (bench.context)); /* it is not asked for over and over */
      aip_watch_set (&pair.watch, AIP_IO_IN);
      g_assert_cmpint (pair_next (&pair, &bench), ==, AIP_IO_IN);
    }

  aip_watch_set (&pair.watch, AIP_IO_OUT);
  g_assert_cmpint (pair_next (&pair, &bench), ==, AIP_IO_OUT);
  aip_watch_set (&pair.watch, AIP_IO_IN);
  pair.n_calls = 0;
  settle (&bench);
  g_assert_cmpuint (pair.n_calls, ==, 0);
  g_assert_false (g_main_context_pending (bench.context));

  pair_clear (&pair);
}

/* Both are ready in one turn; whichever comes first takes the other's watch away. */
static void
test_watch_cleared_by_other (void)
{
  g_auto (Bench) bench = { 0 };
  Pair pairs[2];

  bench_init (&bench);
  for (int i = 0; i < 2; i++)
    {
      pair_init (&pairs[i], &bench);
      aip_watch_set (&pairs[i].watch, AIP_IO_IN);
      pair_poke (&pairs[i]);
    }
  pairs[0].clears = &pairs[1];
  pairs[1].clears = &pairs[0];
  settle (&bench);
  g_assert_cmpuint (pairs[0].n_calls + pairs[1].n_calls, ==, 1);

  for (int i = 0; i < 2; i++)
    pair_clear (&pairs[i]);
}

static void
test_watch_clears_itself (void)
{
  g_auto (Bench) bench = { 0 };
  Pair pair;

  bench_init (&bench);
  pair_init (&pair, &bench);
  pair.clears = &pair;
  pair.drains = FALSE;
  aip_watch_set (&pair.watch, AIP_IO_IN);
  pair_poke (&pair);
  settle (&bench);
  g_assert_cmpuint (pair.n_calls, ==, 1);

  pair_clear (&pair);
}

static gboolean
clear_pair_cb (int fd, GIOCondition condition, gpointer user_data)
{
  Pair *pair = user_data;

  aip_watch_clear (&pair->watch);
  return G_SOURCE_REMOVE;
}

/* A source of a higher priority runs between the waiting and the dispatching. */
static void
test_watch_cleared_between (void)
{
  g_auto (Bench) bench = { 0 };
  Pair pair;
  Pair other;
  g_autoptr (GSource) source = NULL;

  bench_init (&bench);
  pair_init (&pair, &bench);
  pair_init (&other, &bench);
  source = g_unix_fd_source_new (other.fds[0], G_IO_IN);
  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, G_SOURCE_FUNC (clear_pair_cb), &pair, NULL);
  g_source_attach (source, bench.context);
  aip_watch_set (&pair.watch, AIP_IO_IN);
  pair_poke (&pair);
  pair_poke (&other);
  settle (&bench);
  g_assert_cmpuint (pair.n_calls, ==, 0);
  g_assert_true (g_source_is_destroyed (source));

  pair_clear (&pair);
  pair_clear (&other);
}

static void
check_leaving (AipIo wanted, gboolean half, AipIo expected)
{
  g_auto (Bench) bench = { 0 };
  Pair pair;

  bench_init (&bench);
  pair_init (&pair, &bench);
  aip_watch_set (&pair.watch, wanted);
  if (half)
    shutdown (pair.fds[1], SHUT_WR);
  else
    {
      close (pair.fds[1]);
      pair.fds[1] = -1;
    }
  if (expected != AIP_IO_NONE)
    g_assert_cmpint (pair_next (&pair, &bench), ==, expected);
  else
    {
      settle (&bench);
      g_assert_cmpuint (pair.n_calls, ==, 0);
      g_assert_false (g_main_context_pending (bench.context));
    }
  pair_clear (&pair);
}

static void
test_leaving (void)
{
  check_leaving (AIP_IO_IN, FALSE, AIP_IO_IN | AIP_IO_HUP);
  check_leaving (AIP_IO_IN, TRUE, AIP_IO_IN | AIP_IO_HUP);
  check_leaving (AIP_IO_HUP, FALSE, AIP_IO_HUP);
  check_leaving (AIP_IO_HUP, TRUE, AIP_IO_HUP);
  check_leaving (AIP_IO_OUT, FALSE, AIP_IO_OUT | AIP_IO_HUP);
  check_leaving (AIP_IO_OUT, TRUE, AIP_IO_OUT);
  check_leaving (AIP_IO_NONE, FALSE, AIP_IO_NONE);
  check_leaving (AIP_IO_NONE, TRUE, AIP_IO_NONE);
}

/* The peer leaves while its bytes wait unread: they are not asked for, the leaving is told. */
static void
test_leaving_with_bytes (void)
{
  g_auto (Bench) bench = { 0 };
  Pair pair;

  bench_init (&bench);
  pair_init (&pair, &bench);
  pair.drains = FALSE;
  aip_watch_set (&pair.watch, AIP_IO_IN);
  aip_watch_set (&pair.watch, AIP_IO_HUP);
  pair_poke (&pair);
  settle (&bench);
  g_assert_cmpuint (pair.n_calls, ==, 0);
  shutdown (pair.fds[1], SHUT_WR);
  g_assert_cmpint (pair_next (&pair, &bench), ==, AIP_IO_HUP);

  pair_clear (&pair);
}

/* More at once than one wait can fetch. */
static void
test_many_watches (void)
{
  g_auto (Bench) bench = { 0 };
  Pair pairs[200];
  guint n_called;

  bench_init (&bench);
  for (gsize i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      pair_init (&pairs[i], &bench);
      aip_watch_set (&pairs[i].watch, AIP_IO_IN);
      pair_poke (&pairs[i]);
    }
  do
    {
      n_called = 0;
      g_main_context_iteration (bench.context, TRUE);
      for (gsize i = 0; i < G_N_ELEMENTS (pairs); i++)
        n_called += pairs[i].n_calls;
    }
  while (n_called < G_N_ELEMENTS (pairs));
  for (gsize i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      g_assert_cmpuint (pairs[i].n_calls, ==, 1);
      pair_clear (&pairs[i]);
    }
}

/* --- timers --- */

typedef struct
{
  AipTimer timer;
  GArray *fired; /* of int */
  int number;
  guint again; /* how often to arm itself once more */
  gint64 due;
} Alarm;

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

static void
alarm_init (Alarm *self, Bench *bench, GArray *fired, int number)
{
  *self = (Alarm){ .fired = fired, .number = number };
  aip_timer_init (&self->timer, bench->loop, alarm_cb, self);
}

static void
alarm_set (Alarm *self, gint64 delay_us)
{
  gint64 before = aip_loop_now (self->timer.loop);

  self->due = before + delay_us;
  aip_timer_arm (&self->timer, delay_us);
}

static void
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
  check_fired (&bench, fired, (int[]){ 1, 2, 0 }, 3);

  /* later */
  alarm_set (&alarms[0], 1000);
  alarm_set (&alarms[1], 4000);
  alarm_set (&alarms[0], 8000);
  check_fired (&bench, fired, (int[]){ 1, 0 }, 2);

  /* earlier */
  alarm_set (&alarms[0], G_TIME_SPAN_DAY);
  alarm_set (&alarms[1], 4000);
  alarm_set (&alarms[0], 1000);
  check_fired (&bench, fired, (int[]){ 0, 1 }, 2);

  /* later, then earlier than at first */
  alarm_set (&alarms[0], 6000);
  alarm_set (&alarms[1], 4000);
  alarm_set (&alarms[0], G_TIME_SPAN_DAY);
  alarm_set (&alarms[0], 1000);
  check_fired (&bench, fired, (int[]){ 0, 1 }, 2);

  /* not at all */
  alarm_set (&alarms[0], 1000);
  alarm_set (&alarms[1], 2000);
  alarm_set (&alarms[2], 3000);
  aip_timer_disarm (&alarms[1].timer);
  aip_timer_disarm (&alarms[1].timer);
  g_assert_false (aip_timer_is_armed (&alarms[1].timer));
  check_fired (&bench, fired, (int[]){ 0, 2 }, 2);
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

/* --- the context's other sources --- */

typedef struct
{
  GSource *source;
  int fds[2];
  guint n_calls;
} Foreign;

static gboolean
foreign_cb (int fd, GIOCondition condition, gpointer user_data)
{
  Foreign *self = user_data;

  drain (fd);
  self->n_calls++;
  return G_SOURCE_CONTINUE;
}

static void
foreign_init (Foreign *self, Bench *bench)
{
  *self = (Foreign){ 0 };
  g_assert_true (g_unix_open_pipe (self->fds, FD_CLOEXEC, NULL));
  g_unix_set_fd_nonblocking (self->fds[0], TRUE, NULL);
  self->source = g_unix_fd_source_new (self->fds[0], G_IO_IN);
  g_source_set_callback (self->source, G_SOURCE_FUNC (foreign_cb), self, NULL);
  g_source_attach (self->source, bench->context);
}

static void
foreign_clear (Foreign *self)
{
  g_source_destroy (self->source);
  g_source_unref (self->source);
  close (self->fds[0]);
  close (self->fds[1]);
}

static gboolean
set_flag_cb (gpointer flag)
{
  *(gboolean *) flag = TRUE;
  return G_SOURCE_REMOVE;
}

typedef struct
{
  GMainContext *context;
  gboolean told; /* on the loop's thread */
} Call;

static gpointer
call_thread (gpointer user_data)
{
  Call *call = user_data;

  g_main_context_invoke (call->context, set_flag_cb, &call->told);
  return NULL;
}

static void
check_wakeup (Bench *bench)
{
  for (int i = 0; i < 20; i++)
    {
      Call call = { .context = bench->context };
      GThread *thread = g_thread_new ("caller", call_thread, &call);

      while (!call.told)
        g_main_context_iteration (bench->context, TRUE);
      g_thread_join (thread);
    }
}

/* With 0, 1 and more descriptors of others beside ours, and while their number changes, each is heard. */
static void
test_foreign (void)
{
  g_auto (Bench) bench = { 0 };
  g_autoptr (GArray) fired = g_array_new (FALSE, FALSE, sizeof (int));
  Foreign foreign[4];
  Pair pair;
  Alarm alarm;

  bench_init (&bench);
  pair_init (&pair, &bench);
  alarm_init (&alarm, &bench, fired, 7);
  aip_watch_set (&pair.watch, AIP_IO_IN);

  for (guint step = 0; step < 8; step++)
    {
      guint n = step < 4 ? step : 8 - step;

      for (guint i = 0; i < n; i++)
        foreign_init (&foreign[i], &bench);
      for (guint i = 0; i < n; i++)
        {
          g_assert_cmpint (write (foreign[i].fds[1], "x", 1), ==, 1);
          while (foreign[i].n_calls == 0)
            g_main_context_iteration (bench.context, TRUE);
          pair.n_calls = 0;
          pair_poke (&pair);
          g_assert_cmpint (write (foreign[i].fds[1], "x", 1), ==, 1);
          while (foreign[i].n_calls == 1 || pair.n_calls == 0)
            g_main_context_iteration (bench.context, TRUE);
          settle (&bench);
          g_assert_cmpuint (foreign[i].n_calls, ==, 2);
          g_assert_cmpuint (pair.n_calls, ==, 1);
        }
      pair_poke (&pair);
      g_assert_cmpint (pair_next (&pair, &bench), ==, AIP_IO_IN);
      alarm_set (&alarm, 1000);
      check_fired (&bench, fired, (int[]){ 7 }, 1);
      check_wakeup (&bench);
      for (guint i = 0; i < n; i++)
        {
          g_assert_cmpuint (foreign[i].n_calls, ==, 2);
          foreign_clear (&foreign[i]);
        }
    }
  pair_clear (&pair);
}

/* Others' timeouts and idles run as ever. */
static void
test_foreign_timeout (void)
{
  g_auto (Bench) bench = { 0 };
  gboolean told = FALSE;
  g_autoptr (GSource) timeout = g_timeout_source_new (2);
  g_autoptr (GSource) idle = g_idle_source_new ();

  bench_init (&bench);
  g_source_set_callback (timeout, set_flag_cb, &told, NULL);
  g_source_attach (timeout, bench.context);
  while (!told)
    g_main_context_iteration (bench.context, TRUE);
  told = FALSE;
  g_source_set_callback (idle, set_flag_cb, &told, NULL);
  g_source_attach (idle, bench.context);
  while (!told)
    g_main_context_iteration (bench.context, TRUE);
}

/* Two loops on one thread, as tests and the main thread have them. */
static void
test_two_loops (void)
{
  Bench benches[2] = { 0 };
  Pair pairs[2];

  for (int i = 0; i < 2; i++)
    {
      bench_init (&benches[i]);
      pair_init (&pairs[i], &benches[i]);
      aip_watch_set (&pairs[i].watch, AIP_IO_IN);
    }
  for (int i = 0; i < 6; i++)
    {
      pair_poke (&pairs[i % 2]);
      g_assert_cmpint (pair_next (&pairs[i % 2], &benches[i % 2]), ==, AIP_IO_IN);
      check_wakeup (&benches[i % 2]);
    }
  for (int i = 0; i < 2; i++)
    {
      pair_clear (&pairs[i]);
      bench_clear (&benches[i]);
    }
}

static void
test_after_it (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  AipLoop *loop = aip_loop_new (context);
  Call call = { .context = context };
  GThread *thread;

  g_assert_true (aip_loop_get_context (loop) == context);
  g_main_context_iteration (context, FALSE);
  aip_loop_free (loop);
  thread = g_thread_new ("caller", call_thread, &call);
  while (!call.told)
    g_main_context_iteration (context, TRUE);
  g_thread_join (thread);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/loop/watch", test_watch);
  g_test_add_func ("/base/loop/watch-lazy", test_watch_lazy);
  g_test_add_func ("/base/loop/watch-cleared-by-other", test_watch_cleared_by_other);
  g_test_add_func ("/base/loop/watch-clears-itself", test_watch_clears_itself);
  g_test_add_func ("/base/loop/watch-cleared-between", test_watch_cleared_between);
  g_test_add_func ("/base/loop/leaving", test_leaving);
  g_test_add_func ("/base/loop/leaving-with-bytes", test_leaving_with_bytes);
  g_test_add_func ("/base/loop/many-watches", test_many_watches);
  g_test_add_func ("/base/loop/timers", test_timers);
  g_test_add_func ("/base/loop/timer-again-at-once", test_timer_again_at_once);
  g_test_add_func ("/base/loop/many-timers", test_many_timers);
  g_test_add_func ("/base/loop/timer-disarms-others", test_timer_disarms_others);
  g_test_add_func ("/base/loop/idles", test_idles);
  g_test_add_func ("/base/loop/idle-in-turn", test_idle_in_turn);
  g_test_add_func ("/base/loop/foreign", test_foreign);
  g_test_add_func ("/base/loop/foreign-timeout", test_foreign_timeout);
  g_test_add_func ("/base/loop/two-loops", test_two_loops);
  g_test_add_func ("/base/loop/after-it", test_after_it);

  return g_test_run ();
}
