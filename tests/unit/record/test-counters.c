/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "record/aip-counters.h"

#include <string.h>

#define N_WORKERS 4
#define N_TURNS 20000

static void
test_sum (void)
{
  g_autoptr (AipCounters) counters = aip_counters_new (2);
  AipCountersSnapshot snapshot;

  memset (&snapshot, 0xFF, sizeof snapshot);
  aip_counters_read (counters, &snapshot);
  for (guint i = 0; i < AIP_N_COUNTERS; i++)
    g_assert_cmpuint (snapshot.counters[i], ==, 0);
  for (guint i = 0; i < AIP_N_GAUGES; i++)
    g_assert_cmpint (snapshot.gauges[i], ==, 0);

  /* The last index is the main thread's. */
  aip_counters_add (counters, 0, AIP_COUNT_CONNECTIONS, 1);
  aip_counters_add (counters, 1, AIP_COUNT_CONNECTIONS, 2);
  aip_counters_add (counters, 2, AIP_COUNT_CONNECTIONS, 4);
  aip_counters_add (counters, 2, AIP_COUNT_BYTES_OUT, G_GUINT64_CONSTANT (5000000000));
  aip_counters_read (counters, &snapshot);

  g_assert_cmpuint (snapshot.counters[AIP_COUNT_CONNECTIONS], ==, 7);
  g_assert_cmpuint (snapshot.counters[AIP_COUNT_BYTES_OUT], ==, G_GUINT64_CONSTANT (5000000000));
  g_assert_cmpuint (snapshot.counters[AIP_COUNT_REQUESTS], ==, 0);
}

static void
test_gauge (void)
{
  g_autoptr (AipCounters) counters = aip_counters_new (2);
  AipCountersSnapshot snapshot;

  /* One worker's slot goes below zero; the sum is what counts. */
  aip_counters_change (counters, 0, AIP_GAUGE_CONNECTIONS, 3);
  aip_counters_change (counters, 1, AIP_GAUGE_CONNECTIONS, -2);
  aip_counters_change (counters, 2, AIP_GAUGE_ACTIVE_REQUESTS, 1);
  aip_counters_read (counters, &snapshot);

  g_assert_cmpint (snapshot.gauges[AIP_GAUGE_CONNECTIONS], ==, 1);
  g_assert_cmpint (snapshot.gauges[AIP_GAUGE_ACTIVE_REQUESTS], ==, 1);
}

typedef struct
{
  AipCounters *counters;
  guint worker;
} Work;

static void *
count_cb (void *data)
{
  const Work *work = data;

  for (guint i = 0; i < N_TURNS; i++)
    {
      /* The last two share an index, which may be slow but must not lose anything. */
      aip_counters_add (work->counters, MIN (work->worker, N_WORKERS - 2), AIP_COUNT_REQUESTS, 1);
      aip_counters_change (work->counters, work->worker, AIP_GAUGE_ACTIVE_REQUESTS, 1);
      aip_counters_change (work->counters, (work->worker + 1) % N_WORKERS, AIP_GAUGE_ACTIVE_REQUESTS, -1);
    }

  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (AipCounters) counters = aip_counters_new (N_WORKERS);
  AipCountersSnapshot snapshot;
  GThread *threads[N_WORKERS];
  Work work[N_WORKERS];

  for (guint i = 0; i < N_WORKERS; i++)
    {
      work[i] = (Work){ counters, i };
      threads[i] = g_thread_new ("count", count_cb, &work[i]);
    }
  for (guint i = 0; i < N_WORKERS; i++)
    g_thread_join (threads[i]);

  aip_counters_read (counters, &snapshot);
  g_assert_cmpuint (snapshot.counters[AIP_COUNT_REQUESTS], ==, (guint64) N_WORKERS * N_TURNS);
  g_assert_cmpint (snapshot.gauges[AIP_GAUGE_ACTIVE_REQUESTS], ==, 0);
}

static void
test_names (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < AIP_N_COUNTERS; i++)
    {
      const char *name = aip_counter_get_name (i);
      const char *help = aip_counter_get_help (i);

      g_assert_true (g_str_has_suffix (name, "_total"));
      g_assert_cmpuint (strspn (name, "abcdefghijklmnopqrstuvwxyz_"), ==, strlen (name));
      g_assert_true (g_hash_table_add (seen, (void *) name));
      /* One line, which the text format needs no escapes for. */
      g_assert_cmpuint (strcspn (help, "\\\n"), ==, strlen (help));
      g_assert_true (g_str_has_suffix (help, "."));
    }

  g_assert_cmpstr (aip_counter_get_name (AIP_COUNT_CONNECTIONS), ==, "connections_total");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/record/counters/sum", test_sum);
  g_test_add_func ("/record/counters/gauge", test_gauge);
  g_test_add_func ("/record/counters/threads", test_threads);
  g_test_add_func ("/record/counters/names", test_names);

  return g_test_run ();
}
