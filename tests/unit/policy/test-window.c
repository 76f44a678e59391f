/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "policy/aip-window.h"

#define MINUTE (60 * (gint64) G_USEC_PER_SEC)
#define SECOND ((gint64) G_USEC_PER_SEC)

static void
test_slides (void)
{
  g_autofree AipWindow *window = aip_window_new_sliding (MINUTE);
  gint64 now = 1000 * MINUTE;

  g_assert_cmpint (aip_window_get_length (window), ==, MINUTE);
  g_assert_cmpuint (aip_window_get_used (window, now), ==, 0);
  g_assert_cmpint (aip_window_get_wait (window, now, 10, 10), ==, 0);
  g_assert_cmpint (aip_window_get_reset (window, now), ==, 0);

  aip_window_add (window, now, 6);
  aip_window_add (window, now + 30 * SECOND, 4);
  g_assert_cmpuint (aip_window_get_used (window, now + 59 * SECOND), ==, 10);
  /* It counts for a window, no longer. */
  g_assert_cmpuint (aip_window_get_used (window, now + MINUTE - 1), ==, 10);
  g_assert_cmpuint (aip_window_get_used (window, now + MINUTE), ==, 4);
  g_assert_cmpuint (aip_window_get_used (window, now + 90 * SECOND), ==, 0);
  /* What shares a slot stays as long as the last of it. */
  now += 1000 * MINUTE;
  aip_window_add (window, now + 100, 6);
  aip_window_add (window, now + 900, 4);
  g_assert_cmpint (aip_window_get_wait (window, now + 1000, 10, 1), ==, MINUTE - 100);
  g_assert_cmpuint (aip_window_get_used (window, now + MINUTE + 899), ==, 10);
  g_assert_cmpuint (aip_window_get_used (window, now + MINUTE + 900), ==, 0);
}

static void
test_wait (void)
{
  g_autofree AipWindow *window = aip_window_new_sliding (MINUTE);
  gint64 now = 1000 * MINUTE;

  aip_window_add (window, now, 6);
  aip_window_add (window, now + 30 * SECOND, 4);
  now += 40 * SECOND;
  g_assert_cmpint (aip_window_get_wait (window, now, 11, 1), ==, 0);
  g_assert_cmpint (aip_window_get_wait (window, now, 10, 1), ==, 20 * SECOND);
  g_assert_cmpint (aip_window_get_wait (window, now, 10, 6), ==, 20 * SECOND);
  g_assert_cmpint (aip_window_get_wait (window, now, 10, 7), ==, 50 * SECOND);
  g_assert_cmpint (aip_window_get_wait (window, now, 10, 11), ==, AIP_WINDOW_NEVER);
  /* A limit that was lowered below what is used. */
  g_assert_cmpint (aip_window_get_wait (window, now, 4, 1), ==, 50 * SECOND);
  g_assert_cmpint (aip_window_get_reset (window, now), ==, 50 * SECOND);
  /* What is told is right: there is room then, and not before. */
  g_assert_cmpint (aip_window_get_wait (window, now + 20 * SECOND - 1, 10, 1), ==, 1);
  g_assert_cmpint (aip_window_get_wait (window, now + 20 * SECOND, 10, 1), ==, 0);
}

static void
test_take_back (void)
{
  g_autofree AipWindow *window = aip_window_new_sliding (MINUTE);
  gint64 now = 1000 * MINUTE;
  gint64 slot = aip_window_add (window, now, 6);

  g_assert_cmpuint (aip_window_take_back (window, now + SECOND, slot, 2), ==, 2);
  g_assert_cmpuint (aip_window_get_used (window, now + SECOND), ==, 4);
  g_assert_cmpuint (aip_window_take_back (window, now + SECOND, slot, 9), ==, 4);
  g_assert_cmpuint (aip_window_get_used (window, now + SECOND), ==, 0);
  now += SECOND;
  /* What has left the window is not given back a second time, nor is what is in its slot's place now. */
  slot = aip_window_add (window, now, 6);
  aip_window_add (window, now + 61 * SECOND, 5);
  g_assert_cmpuint (aip_window_take_back (window, now + 61 * SECOND, slot, 6), ==, 0);
  g_assert_cmpuint (aip_window_get_used (window, now + 61 * SECOND), ==, 5);
}

static void
test_bounds (void)
{
  g_autofree AipWindow *window = aip_window_new_sliding (MINUTE);

  aip_window_add (window, MINUTE, G_MAXUINT64);
  aip_window_add (window, MINUTE, G_MAXUINT64);
  g_assert_cmpuint (aip_window_get_used (window, MINUTE), ==, G_MAXINT64);
  g_assert_cmpint (aip_window_get_wait (window, MINUTE, G_MAXUINT64, 1), ==, 0);
}

static void
test_day (void)
{
  g_autofree AipWindow *window = aip_window_new_day ();
  gint64 midnight = 20000 * AIP_WINDOW_DAY;

  aip_window_add (window, midnight - 3600 * SECOND, 7);
  g_assert_cmpint (aip_window_get_wait (window, midnight - 3600 * SECOND, 7, 1), ==, 3600 * SECOND);
  g_assert_cmpuint (aip_window_get_used (window, midnight - 1), ==, 7);
  g_assert_cmpuint (aip_window_get_used (window, midnight), ==, 0);
  aip_window_add (window, midnight, 3);
  /* The clock is set back a little, over midnight: the day goes on. */
  g_assert_cmpuint (aip_window_get_used (window, midnight - 10 * SECOND), ==, 3);
  g_assert_cmpuint (aip_window_get_used (window, midnight), ==, 3);
  /* It was wrong, and far ahead: what was counted then does not stay for ever. */
  g_assert_cmpuint (aip_window_get_used (window, midnight - 5 * AIP_WINDOW_DAY), ==, 0);
}

typedef struct
{
  gint64 time;
  guint64 amount;
} Grant;

/* Whatever is asked for and when: no window of that length, wherever it begins, has more than the limit. */
static void
test_never_above_the_limit (void)
{
  enum
  {
    LIMIT = 50,
    N = 20000
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  g_autoptr (GArray) grants = g_array_new (FALSE, FALSE, sizeof (Grant));
  g_autofree AipWindow *window = aip_window_new_sliding (MINUTE);
  gint64 now = 777 * MINUTE + 12345;
  guint64 sum = 0;
  guint first = 0;
  guint refused = 0;

  for (guint i = 0; i < N; i++)
    {
      guint64 amount = (guint64) g_rand_int_range (rand, 1, 6);
      gint64 wait = aip_window_get_wait (window, now, LIMIT, amount);

      if (wait == 0)
        {
          Grant grant = { now, amount };

          aip_window_add (window, now, amount);
          g_array_append_val (grants, grant);
          sum += amount;
          while (now - g_array_index (grants, Grant, first).time >= MINUTE)
            sum -= g_array_index (grants, Grant, first++).amount;
          g_assert_cmpuint (sum, <=, LIMIT);
        }
      else
        {
          refused++;
          /* Nobody waits longer than a window. */
          g_assert_cmpint (wait, <=, MINUTE);
        }
      now += g_rand_int_range (rand, 0, g_rand_boolean (rand) ? 100 : 5 * SECOND);
    }
  g_assert_cmpuint (refused, >, 1000);
  g_assert_cmpuint (grants->len, >, 1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/window/slides", test_slides);
  g_test_add_func ("/window/wait", test_wait);
  g_test_add_func ("/window/take-back", test_take_back);
  g_test_add_func ("/window/bounds", test_bounds);
  g_test_add_func ("/window/day", test_day);
  g_test_add_func ("/window/never-above-the-limit", test_never_above_the_limit);
  return g_test_run ();
}
