/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "policy/aip-concurrency.h"

#define N_THREADS 4
#define N_ROUNDS 20000
#define LIMIT 3u

static void
test_limit (void)
{
  g_autoptr (AipConcurrency) concurrency = aip_concurrency_new ();
  g_autoptr (AipConcurrencySlot) slot = aip_concurrency_get (concurrency, "alice");
  g_autoptr (AipConcurrencySlot) other = aip_concurrency_get (concurrency, "bob");

  g_assert_true (aip_concurrency_slot_enter (slot, 2));
  g_assert_true (aip_concurrency_slot_enter (slot, 2));
  g_assert_false (aip_concurrency_slot_enter (slot, 2));
  g_assert_cmpuint (aip_concurrency_slot_count (slot), ==, 2);
  g_assert_true (aip_concurrency_slot_enter (other, 1));

  /* A limit that was lowered meanwhile takes nothing away from who is in. */
  g_assert_false (aip_concurrency_slot_enter (slot, 1));
  aip_concurrency_slot_leave (slot);
  g_assert_false (aip_concurrency_slot_enter (slot, 1));
  aip_concurrency_slot_leave (slot);
  g_assert_true (aip_concurrency_slot_enter (slot, 1));
  aip_concurrency_slot_leave (slot);
  aip_concurrency_slot_leave (other);
}

static void
test_slots_stay_while_they_count (void)
{
  g_autoptr (AipConcurrency) concurrency = aip_concurrency_new ();
  AipConcurrencySlot *slot = aip_concurrency_get (concurrency, "alice");

  g_assert_true (aip_concurrency_slot_enter (slot, 1));
  aip_concurrency_slot_unref (slot);

  /* A new name is when old ones are cleared away. */
  aip_concurrency_slot_unref (aip_concurrency_get (concurrency, "bob"));
  aip_concurrency_slot_unref (aip_concurrency_get (concurrency, "carol"));

  g_autoptr (AipConcurrencySlot) again = aip_concurrency_get (concurrency, "alice");
  g_assert_true (again == slot);
  g_assert_false (aip_concurrency_slot_enter (again, 1));
  aip_concurrency_slot_leave (again);
  g_assert_cmpuint (aip_concurrency_slot_count (again), ==, 0);
}

static void
test_slots_outlive_the_table (void)
{
  AipConcurrency *concurrency = aip_concurrency_new ();
  g_autoptr (AipConcurrencySlot) slot = aip_concurrency_get (concurrency, "alice");

  aip_concurrency_unref (aip_concurrency_ref (concurrency));
  aip_concurrency_unref (concurrency);
  g_assert_true (aip_concurrency_slot_enter (slot, 1));
  aip_concurrency_slot_leave (slot);
}

typedef struct
{
  AipConcurrencySlot *slot;
  int inside; /* atomic */
  int served; /* atomic */
} Crowd;

static gpointer
crowd_main (gpointer data)
{
  Crowd *crowd = data;

  for (guint i = 0; i < N_ROUNDS; i++)
    if (aip_concurrency_slot_enter (crowd->slot, LIMIT))
      {
        g_assert_cmpint (g_atomic_int_add (&crowd->inside, 1), <, (int) LIMIT);
        g_atomic_int_inc (&crowd->served);
        g_atomic_int_add (&crowd->inside, -1);
        aip_concurrency_slot_leave (crowd->slot);
      }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (AipConcurrency) concurrency = aip_concurrency_new ();
  g_autoptr (AipConcurrencySlot) slot = aip_concurrency_get (concurrency, "alice");
  Crowd crowd = { .slot = slot };
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("crowd", crowd_main, &crowd);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);

  g_assert_cmpint (crowd.served, >, 0);
  g_assert_cmpuint (aip_concurrency_slot_count (slot), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/policy/concurrency/limit", test_limit);
  g_test_add_func ("/policy/concurrency/slots-stay-while-they-count", test_slots_stay_while_they_count);
  g_test_add_func ("/policy/concurrency/slots-outlive-the-table", test_slots_outlive_the_table);
  g_test_add_func ("/policy/concurrency/threads", test_threads);

  return g_test_run ();
}
