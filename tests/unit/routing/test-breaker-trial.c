/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routing/aip-breaker.h"

/* What a breaker makes of a key that has just come back. */

#define SECOND G_TIME_SPAN_SECOND
#define START (1000 * SECOND)
#define THRESHOLD 3

static void
set_up (AipBreaker *breaker, const void *data)
{
  static const AipBreakerPolicy policy = {
    .enabled = TRUE,
    .threshold = THRESHOLD,
    .window_us = 30 * SECOND,
    .cooldown_us = 15 * SECOND,
    .max_cooldown_us = 60 * SECOND,
  };

  aip_breaker_init (breaker, &policy);
}

static void
tear_down (AipBreaker *breaker, const void *data)
{
  aip_breaker_clear (breaker);
}

static void
end (AipBreaker *breaker,
     AipBreakerPass *pass,
     AipFaultClass fault_class,
     gint64 retry_after_us,
     gint64 now_us)
{
  AipFaultVerdict verdict = { fault_class, "x", 500, retry_after_us };

  aip_breaker_settle (breaker, pass, &verdict, now_us, G_MAXUINT64 / 2);
}

static void
attempt (AipBreaker *breaker, AipFaultClass fault_class, gint64 now_us)
{
  AipBreakerPass pass;

  g_assert_true (aip_breaker_enter (breaker, now_us, &pass));
  end (breaker, &pass, fault_class, -1, now_us);
}

static void
open_it (AipBreaker *breaker, gint64 now_us)
{
  for (guint i = 0; i < THRESHOLD; i++)
    attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, now_us);
  g_assert_cmpint (aip_breaker_get_state (breaker, now_us), ==, AIP_BREAKER_OPEN);
}

/* Whether it is as a new one: one fault less than the threshold leaves it closed. */
static void
assert_trusted (AipBreaker *breaker, gint64 now_us)
{
  for (guint i = 0; i + 1 < THRESHOLD; i++)
    attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, now_us);
  g_assert_cmpint (aip_breaker_get_state (breaker, now_us), ==, AIP_BREAKER_CLOSED);
}

/* One that serves probes alone costs one attempt in each window, not as many as the threshold. */
static void
test_probes_alone (AipBreaker *breaker, const void *data)
{
  gint64 now = START;

  open_it (breaker, now);
  for (guint i = 0; i < 4; i++)
    {
      now += 16 * SECOND;
      attempt (breaker, AIP_FAULT_CLASS_NONE, now);
      g_assert_cmpint (aip_breaker_get_state (breaker, now), ==, AIP_BREAKER_CLOSED);
      attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, now);
      /* The probe was good, so it is no longer than the first time. */
      g_assert_cmpint (ABS (aip_breaker_get_until (breaker) - (now + 15 * SECOND)), <=, 1);
    }
}

static void
test_next_is_served (AipBreaker *breaker, const void *data)
{
  open_it (breaker, START);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START + 16 * SECOND);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START + 16 * SECOND);
  assert_trusted (breaker, START + 16 * SECOND);
}

/* What says nothing of the key, or is of before, ends no trial. */
static void
test_no_evidence (AipBreaker *breaker, const void *data)
{
  gint64 now = START + 16 * SECOND;
  AipBreakerPass early, check;

  g_assert_true (aip_breaker_enter (breaker, START, &early));
  open_it (breaker, START);
  attempt (breaker, AIP_FAULT_CLASS_NONE, now);
  end (breaker, &early, AIP_FAULT_CLASS_NONE, -1, now);
  attempt (breaker, AIP_FAULT_CLASS_CLIENT, now);
  attempt (breaker, AIP_FAULT_CLASS_CANCELLED, now);
  g_assert_true (aip_breaker_enter_check (breaker, now, &check));
  end (breaker, &check, AIP_FAULT_CLASS_NONE, -1, now);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, now);
  g_assert_cmpint (aip_breaker_get_state (breaker, now), ==, AIP_BREAKER_OPEN);
}

/* A fault that is of before does not open it either. */
static void
test_late_fault (AipBreaker *breaker, const void *data)
{
  gint64 now = START + 16 * SECOND;
  AipBreakerPass early;

  g_assert_true (aip_breaker_enter (breaker, START, &early));
  open_it (breaker, START);
  attempt (breaker, AIP_FAULT_CLASS_NONE, now);
  end (breaker, &early, AIP_FAULT_CLASS_TRANSIENT, -1, now);
  g_assert_cmpint (aip_breaker_get_state (breaker, now), ==, AIP_BREAKER_CLOSED);
}

/* Who was only told to wait, and did, has not failed. */
static void
test_after_a_limit (AipBreaker *breaker, const void *data)
{
  AipBreakerPass pass;

  g_assert_true (aip_breaker_enter (breaker, START, &pass));
  end (breaker, &pass, AIP_FAULT_CLASS_RATE_LIMITED, 2 * SECOND, START);
  g_assert_cmpint (aip_breaker_get_state (breaker, START), ==, AIP_BREAKER_OPEN);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START + 3 * SECOND);
  assert_trusted (breaker, START + 3 * SECOND);
}

/* Its owner knows better. */
static void
test_reset (AipBreaker *breaker, const void *data)
{
  open_it (breaker, START);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START + 16 * SECOND);
  aip_breaker_reset (breaker);
  assert_trusted (breaker, START + 16 * SECOND);
}

static void
add (const char *name, void (*test) (AipBreaker *breaker, const void *data))
{
  g_autofree char *path = g_strconcat ("/routing/breaker-trial/", name, NULL);

  g_test_add (path, AipBreaker, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("probes-alone", test_probes_alone);
  add ("next-is-served", test_next_is_served);
  add ("no-evidence", test_no_evidence);
  add ("late-fault", test_late_fault);
  add ("after-a-limit", test_after_a_limit);
  add ("reset", test_reset);
  return g_test_run ();
}
