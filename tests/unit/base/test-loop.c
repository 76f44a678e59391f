/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "loop-bench.h"

#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* Whichever of them the context's poll function takes for its own: no loop's sockets are left out, and none
 * of them is asked for over and over. */
static void
test_shared_context (void)
{
  g_auto (Bench) bench = { 0 };
  Bench other;
  Pair pairs[2];

  bench_init (&bench);
  other = (Bench){ .context = bench.context, .loop = aip_loop_new (bench.context) };
  pair_init (&pairs[0], &bench);
  pair_init (&pairs[1], &other);
  for (int i = 0; i < 2; i++)
    aip_watch_set (&pairs[i].watch, AIP_IO_IN);

  for (int i = 0; i < 6; i++)
    {
      Pair *pair = &pairs[i % 2];

      pair->n_calls = 0;
      pair_poke (pair);
      for (int turn = 0; turn < 100 && pair->n_calls == 0; turn++)
        g_main_context_iteration (bench.context, FALSE);
      g_assert_cmpuint (pair->n_calls, ==, 1);
      g_assert_false (g_main_context_pending (bench.context));
    }
  pair_clear (&pairs[1]);
  aip_loop_free (other.loop);

  pairs[0].n_calls = 0;
  pair_poke (&pairs[0]);
  for (int turn = 0; turn < 100 && pairs[0].n_calls == 0; turn++)
    g_main_context_iteration (bench.context, FALSE);
  g_assert_cmpuint (pairs[0].n_calls, ==, 1);
  pair_clear (&pairs[0]);
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
  g_test_add_func ("/base/loop/foreign", test_foreign);
  g_test_add_func ("/base/loop/foreign-timeout", test_foreign_timeout);
  g_test_add_func ("/base/loop/two-loops", test_two_loops);
  g_test_add_func ("/base/loop/shared-context", test_shared_context);
  g_test_add_func ("/base/loop/after-it", test_after_it);

  return g_test_run ();
}
