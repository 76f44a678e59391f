/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-clock.h"

#include <time.h>

/* It goes on while the machine sleeps. */
static gint64
get_boot_time (void)
{
  struct timespec now;

  g_assert_cmpint (clock_gettime (CLOCK_BOOTTIME, &now), ==, 0);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static void
test_real (void)
{
  gint64 before = get_boot_time ();
  gint64 now = aip_clock_now ();
  gint64 after = get_boot_time ();

  g_assert_cmpint (before, <=, now);
  g_assert_cmpint (now, <=, after);

  /* 2020-01-01; a wall clock in other units would be far off. */
  g_assert_cmpint (aip_clock_wall (), >, G_GINT64_CONSTANT (1577836800) * G_USEC_PER_SEC);
  g_assert_cmpint (aip_clock_wall (), <, G_GINT64_CONSTANT (4102444800) * G_USEC_PER_SEC);
}

static void
test_fake (void)
{
  aip_clock_set_fake (5, 7);
  g_assert_cmpint (aip_clock_now (), ==, 5);
  g_assert_cmpint (aip_clock_wall (), ==, 7);

  aip_clock_set_fake (6, 3);
  g_assert_cmpint (aip_clock_now (), ==, 6);
  g_assert_cmpint (aip_clock_wall (), ==, 3);

  aip_clock_unset_fake ();
  test_real ();
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/clock/real", test_real);
  g_test_add_func ("/base/clock/fake", test_fake);

  return g_test_run ();
}
