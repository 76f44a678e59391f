/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routing/aip-breaker.h"

#define SECOND G_TIME_SPAN_SECOND
#define MINUTE G_TIME_SPAN_MINUTE
#define START (1000 * SECOND)
#define WALL G_GINT64_CONSTANT (1767225600000000)
#define MIDDLE G_MAXUINT64 / 2 /* no jitter */
#define N_THREADS 4

static const AipBreakerPolicy policy = {
  .enabled = TRUE,
  .threshold = 3,
  .error_rate = 0.5,
  .window_us = 30 * SECOND,
  .cooldown_us = 15 * SECOND,
  .max_cooldown_us = 60 * SECOND,
};

static AipFaultVerdict
make_verdict (AipFaultClass fault_class)
{
  return (AipFaultVerdict){ .fault_class = fault_class, .reason = "x", .status = 500, .retry_after_us = -1 };
}

static void
end (AipBreaker *breaker, AipBreakerPass *pass, AipFaultClass fault_class, gint64 now_us)
{
  AipFaultVerdict verdict = make_verdict (fault_class);

  aip_breaker_settle (breaker, pass, &verdict, now_us, MIDDLE);
}

static void
attempt (AipBreaker *breaker, AipFaultClass fault_class, gint64 now_us)
{
  AipBreakerPass pass;

  g_assert_true (aip_breaker_enter (breaker, now_us, &pass));
  end (breaker, &pass, fault_class, now_us);
}

static void
attempt_with_retry_after (AipBreaker *breaker,
                          AipFaultClass fault_class,
                          gint64 now_us,
                          gint64 retry_after_us)
{
  AipFaultVerdict verdict = make_verdict (fault_class);
  AipBreakerPass pass;

  verdict.retry_after_us = retry_after_us;
  g_assert_true (aip_breaker_enter (breaker, now_us, &pass));
  aip_breaker_settle (breaker, &pass, &verdict, now_us, MIDDLE);
}

static void
fail_thrice (AipBreaker *breaker, gint64 now_us)
{
  for (guint i = 0; i < 3; i++)
    attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, now_us);
}

static void
assert_open_for (AipBreaker *breaker, gint64 now_us, gint64 hold_us)
{
  AipBreakerPass pass;

  /* The jitter is computed in floating point. */
  g_assert_cmpint (ABS (aip_breaker_get_until (breaker) - (now_us + hold_us)), <=, 1);
  g_assert_cmpint (aip_breaker_get_state (breaker, now_us), ==, AIP_BREAKER_OPEN);
  g_assert_cmpint (aip_breaker_get_state (breaker, now_us + hold_us - 2), ==, AIP_BREAKER_OPEN);
  g_assert_cmpint (aip_breaker_get_state (breaker, now_us + hold_us + 1), ==, AIP_BREAKER_HALF_OPEN);
  g_assert_false (aip_breaker_enter (breaker, now_us, &pass));
}

static void
test_in_a_row (AipBreaker *breaker, const void *data)
{
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START);
  attempt (breaker, AIP_FAULT_CLASS_RATE_LIMITED, START + MINUTE);
  g_assert_cmpint (aip_breaker_get_state (breaker, START + MINUTE), ==, AIP_BREAKER_CLOSED);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START + MINUTE);
  assert_open_for (breaker, START + MINUTE, 15 * SECOND);
}

static void
test_neutral (AipBreaker *breaker, const void *data)
{
  static const AipFaultClass classes[] = { AIP_FAULT_CLASS_CLIENT, AIP_FAULT_CLASS_CONTEXT_LENGTH,
                                           AIP_FAULT_CLASS_MODEL_MISSING, AIP_FAULT_CLASS_CANCELLED };
  AipBreakerView view;

  for (guint i = 0; i < 100; i++)
    attempt (breaker, classes[i % G_N_ELEMENTS (classes)], START);
  aip_breaker_get_view (breaker, START, &view);
  g_assert_cmpint (view.state, ==, AIP_BREAKER_CLOSED);
  g_assert_cmpuint (view.window_requests, ==, 0);
  g_assert_cmpuint (view.in_a_row, ==, 0);
}

static void
test_error_rate (AipBreaker *breaker, const void *data)
{
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START + SECOND);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START + 2 * SECOND);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START + 3 * SECOND);
  /* 3 of 5. */
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START + 4 * SECOND);
  assert_open_for (breaker, START + 4 * SECOND, 15 * SECOND);
}

static void
test_window_slides (AipBreaker *breaker, const void *data)
{
  AipBreakerView view;

  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START + 31 * SECOND);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START + 31 * SECOND);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START + 31 * SECOND);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START + 31 * SECOND);
  aip_breaker_get_view (breaker, START + 31 * SECOND, &view);
  g_assert_cmpint (view.state, ==, AIP_BREAKER_CLOSED);
  g_assert_cmpuint (view.window_requests, ==, 4);
  g_assert_cmpuint (view.window_faults, ==, 1);
}

static void
test_probe (AipBreaker *breaker, const void *data)
{
  gint64 due = START + 16 * SECOND;
  AipBreakerPass probe, other;

  fail_thrice (breaker, START);
  /* However often one looks, the place stays free. */
  for (guint i = 0; i < 10; i++)
    g_assert_cmpint (aip_breaker_get_state (breaker, due), ==, AIP_BREAKER_HALF_OPEN);
  g_assert_true (aip_breaker_enter (breaker, due, &probe));
  g_assert_true (aip_breaker_is_probing (breaker));
  g_assert_false (aip_breaker_enter (breaker, due, &other));
  end (breaker, &probe, AIP_FAULT_CLASS_CANCELLED, due);
  g_assert_cmpint (aip_breaker_get_state (breaker, due), ==, AIP_BREAKER_HALF_OPEN);
  g_assert_true (aip_breaker_enter (breaker, due, &probe));
  end (breaker, &probe, AIP_FAULT_CLASS_NONE, due);
  g_assert_cmpint (aip_breaker_get_state (breaker, due), ==, AIP_BREAKER_CLOSED);
  g_assert_false (aip_breaker_is_probing (breaker));
  /* Once it has served another one, it starts anew. */
  attempt (breaker, AIP_FAULT_CLASS_NONE, due);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, due);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, due);
  g_assert_cmpint (aip_breaker_get_state (breaker, due), ==, AIP_BREAKER_CLOSED);
}

static void
test_back_off (AipBreaker *breaker, const void *data)
{
  static const gint64 holds[] = { 15, 30, 60, 60, 60 };
  gint64 now = START;

  fail_thrice (breaker, now);
  for (gsize i = 0; i < G_N_ELEMENTS (holds); i++)
    {
      assert_open_for (breaker, now, holds[i] * SECOND);
      now += (holds[i] + 1) * SECOND;
      attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, now);
    }
  attempt (breaker, AIP_FAULT_CLASS_NONE, now + 61 * SECOND);
  attempt (breaker, AIP_FAULT_CLASS_NONE, now + 61 * SECOND);
  fail_thrice (breaker, now + 62 * SECOND);
  assert_open_for (breaker, now + 62 * SECOND, 15 * SECOND);
}

static void
test_jitter (AipBreaker *breaker, const void *data)
{
  AipFaultVerdict verdict = make_verdict (AIP_FAULT_CLASS_TRANSIENT);
  static const guint64 randoms[] = { 0, G_MAXUINT64 };
  static const gint64 holds[] = { 13500, 16500 };

  for (gsize i = 0; i < G_N_ELEMENTS (randoms); i++)
    {
      aip_breaker_reset (breaker);
      for (guint k = 0; k < 3; k++)
        {
          AipBreakerPass pass;

          g_assert_true (aip_breaker_enter (breaker, START, &pass));
          aip_breaker_settle (breaker, &pass, &verdict, START, randoms[i]);
        }
      assert_open_for (breaker, START, holds[i] * 1000);
    }
}

static void
test_retry_after (AipBreaker *breaker, const void *data)
{
  /* One is enough, for it says when to come back: shorter than a cooldown, longer than the longest one. */
  attempt_with_retry_after (breaker, AIP_FAULT_CLASS_RATE_LIMITED, START, 2 * SECOND);
  assert_open_for (breaker, START, 2 * SECOND);
  attempt_with_retry_after (breaker, AIP_FAULT_CLASS_RATE_LIMITED, START + 3 * SECOND, 90 * SECOND);
  assert_open_for (breaker, START + 3 * SECOND, 90 * SECOND);
  aip_breaker_reset (breaker);
  attempt_with_retry_after (breaker, AIP_FAULT_CLASS_TRANSIENT, START, 40 * G_TIME_SPAN_HOUR);
  assert_open_for (breaker, START, 24 * G_TIME_SPAN_HOUR);
  aip_breaker_reset (breaker);
  attempt_with_retry_after (breaker, AIP_FAULT_CLASS_CLIENT, START, 90 * SECOND);
  g_assert_cmpint (aip_breaker_get_state (breaker, START), ==, AIP_BREAKER_CLOSED);
}

static void
test_hard_down (AipBreaker *breaker, const void *data)
{
  static const AipFaultClass classes[] = { AIP_FAULT_CLASS_AUTH, AIP_FAULT_CLASS_BILLING };

  for (gsize i = 0; i < G_N_ELEMENTS (classes); i++)
    {
      gint64 due = START + 31 * MINUTE;
      AipBreakerView view;

      aip_breaker_reset (breaker);
      attempt (breaker, classes[i], START);
      assert_open_for (breaker, START, 30 * MINUTE);
      aip_breaker_get_view (breaker, START, &view);
      g_assert_cmpint (view.fault_class, ==, classes[i]);
      /* A bad request is turned down before anybody looks at the account. */
      attempt (breaker, AIP_FAULT_CLASS_CLIENT, due);
      g_assert_cmpint (aip_breaker_get_state (breaker, due), ==, AIP_BREAKER_HALF_OPEN);
      attempt (breaker, AIP_FAULT_CLASS_NONE, due);
      g_assert_cmpint (aip_breaker_get_state (breaker, due), ==, AIP_BREAKER_CLOSED);
    }
}

/* What began before a change of state does not undo it. */
static void
test_late (AipBreaker *breaker, const void *data)
{
  AipBreakerPass served, failed, refused, held;
  gint64 due = START + 16 * SECOND;

  g_assert_true (aip_breaker_enter (breaker, START, &served));
  g_assert_true (aip_breaker_enter (breaker, START, &failed));
  g_assert_true (aip_breaker_enter (breaker, START, &held));
  g_assert_true (aip_breaker_enter (breaker, START, &refused));
  fail_thrice (breaker, START);
  end (breaker, &served, AIP_FAULT_CLASS_NONE, START + 1);
  assert_open_for (breaker, START, 15 * SECOND);
  attempt (breaker, AIP_FAULT_CLASS_NONE, due);
  attempt (breaker, AIP_FAULT_CLASS_NONE, due);
  for (guint i = 0; i < 2; i++)
    attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, due);
  end (breaker, &failed, AIP_FAULT_CLASS_TRANSIENT, due);
  g_assert_cmpint (aip_breaker_get_state (breaker, due), ==, AIP_BREAKER_CLOSED);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, due);
  assert_open_for (breaker, due, 15 * SECOND);
  /* It can only become longer. */
  AipFaultVerdict verdict = make_verdict (AIP_FAULT_CLASS_RATE_LIMITED);
  verdict.retry_after_us = 20 * SECOND;
  aip_breaker_settle (breaker, &held, &verdict, due, MIDDLE);
  assert_open_for (breaker, due, 20 * SECOND);
  end (breaker, &refused, AIP_FAULT_CLASS_AUTH, due);
  assert_open_for (breaker, due, 30 * MINUTE);
}

static void
test_reset_while_probing (AipBreaker *breaker, const void *data)
{
  gint64 due = START + 16 * SECOND;
  AipBreakerPass probe;

  fail_thrice (breaker, START);
  g_assert_true (aip_breaker_enter (breaker, due, &probe));
  aip_breaker_reset (breaker);
  g_assert_cmpint (aip_breaker_get_state (breaker, due), ==, AIP_BREAKER_CLOSED);
  end (breaker, &probe, AIP_FAULT_CLASS_TRANSIENT, due);
  g_assert_cmpint (aip_breaker_get_state (breaker, due), ==, AIP_BREAKER_CLOSED);
  g_assert_false (aip_breaker_is_probing (breaker));
}

static void
test_check (AipBreaker *breaker, const void *data)
{
  AipBreakerPass check, other;

  fail_thrice (breaker, START);
  g_assert_true (aip_breaker_enter_check (breaker, START + SECOND, &check));
  g_assert_false (aip_breaker_enter_check (breaker, START + SECOND, &other));
  end (breaker, &check, AIP_FAULT_CLASS_TRANSIENT, START + SECOND);
  assert_open_for (breaker, START, 15 * SECOND);
  g_assert_true (aip_breaker_enter_check (breaker, START + 2 * SECOND, &check));
  end (breaker, &check, AIP_FAULT_CLASS_NONE, START + 2 * SECOND);
  /* That the list of models is there does not say that requests are served: one is to find out. */
  g_assert_cmpint (aip_breaker_get_state (breaker, START + 2 * SECOND), ==, AIP_BREAKER_HALF_OPEN);
  g_assert_false (aip_breaker_awaits_check (breaker));
  attempt (breaker, AIP_FAULT_CLASS_NONE, START + 2 * SECOND);
  g_assert_cmpint (aip_breaker_get_state (breaker, START + 2 * SECOND), ==, AIP_BREAKER_CLOSED);

  attempt (breaker, AIP_FAULT_CLASS_BILLING, START);
  g_assert_false (aip_breaker_enter_check (breaker, START + SECOND, &check));
  aip_breaker_reset (breaker);
  attempt_with_retry_after (breaker, AIP_FAULT_CLASS_RATE_LIMITED, START, 5 * SECOND);
  g_assert_false (aip_breaker_enter_check (breaker, START + SECOND, &check));
}

/* The check is passed all the time, and all requests fail: each that is spent on it doubles the wait. */
static void
test_check_of_what_fails (AipBreaker *breaker, const void *data)
{
  static const AipFaultClass classes[] = { AIP_FAULT_CLASS_TRANSIENT, AIP_FAULT_CLASS_AUTH };
  static const guint n_spent[] = { 21, 9 };

  for (gsize i = 0; i < G_N_ELEMENTS (classes); i++)
    {
      AipBreakerPass pass;
      guint n = 0;

      aip_breaker_reset (breaker);
      for (gint64 now = START; now < START + 1000 * SECOND; now += SECOND)
        {
          if (aip_breaker_enter (breaker, now, &pass))
            {
              end (breaker, &pass, classes[i], now);
              n++;
            }
          if (aip_breaker_enter_check (breaker, now, &pass))
            end (breaker, &pass, AIP_FAULT_CLASS_NONE, now);
        }
      g_assert_cmpuint (n, <=, n_spent[i]);
      /* It is not given up either. */
      g_assert_cmpuint (n, >=, 5);
    }
}

/* While it is closed, a check is no excuse for requests that fail, but a failure of its own counts. */
static void
test_check_while_closed (AipBreaker *breaker, const void *data)
{
  AipBreakerPass pass;

  for (guint i = 0; i < 3; i++)
    {
      attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START);
      g_assert_true (aip_breaker_enter_check (breaker, START, &pass));
      end (breaker, &pass, AIP_FAULT_CLASS_NONE, START);
      if (i < 2)
        g_assert_cmpint (aip_breaker_get_state (breaker, START), ==, AIP_BREAKER_CLOSED);
    }
  /* The first check that is passed makes it half-open. */
  g_assert_cmpint (aip_breaker_get_state (breaker, START), ==, AIP_BREAKER_HALF_OPEN);
  aip_breaker_reset (breaker);
  g_assert_true (aip_breaker_enter_check (breaker, START, &pass));
  end (breaker, &pass, AIP_FAULT_CLASS_AUTH, START);
  assert_open_for (breaker, START, 30 * MINUTE);
}

/* A provider that has said when to come back is not asked before, whatever its list of models says. */
static void
test_check_before_retry_after (AipBreaker *breaker, const void *data)
{
  AipBreakerPass check;

  attempt_with_retry_after (breaker, AIP_FAULT_CLASS_TRANSIENT, START, 10 * SECOND);
  g_assert_false (aip_breaker_enter_check (breaker, START + 9 * SECOND, &check));
  assert_open_for (breaker, START, 10 * SECOND);
}

static void
test_disabled (AipBreaker *breaker, const void *data)
{
  AipBreakerPolicy off = policy;
  AipBreakerPass pass, other;

  fail_thrice (breaker, START);
  off.enabled = FALSE;
  aip_breaker_set_policy (breaker, &off);
  g_assert_cmpint (aip_breaker_get_state (breaker, START), ==, AIP_BREAKER_CLOSED);
  for (guint i = 0; i < 20; i++)
    attempt (breaker, AIP_FAULT_CLASS_AUTH, START);
  g_assert_cmpint (aip_breaker_get_state (breaker, START), ==, AIP_BREAKER_CLOSED);
  /* What the provider asks for is no matter of taste. */
  attempt_with_retry_after (breaker, AIP_FAULT_CLASS_RATE_LIMITED, START, 10 * SECOND);
  assert_open_for (breaker, START, 10 * SECOND);
  aip_breaker_set_policy (breaker, &off);
  assert_open_for (breaker, START, 10 * SECOND);
  /* Then all go through again, not one at a time. */
  g_assert_true (aip_breaker_enter (breaker, START + 10 * SECOND, &pass));
  g_assert_true (aip_breaker_enter (breaker, START + 10 * SECOND, &other));
  end (breaker, &pass, AIP_FAULT_CLASS_TRANSIENT, START + 10 * SECOND);
  g_assert_cmpint (aip_breaker_get_state (breaker, START + 10 * SECOND), ==, AIP_BREAKER_CLOSED);
}

/* A check finds out nothing for one that has only waited for what its provider asked for. */
static void
test_disabled_check (AipBreaker *breaker, const void *data)
{
  AipBreakerPolicy off = policy;
  AipBreakerPass check, pass, other;

  off.enabled = FALSE;
  aip_breaker_set_policy (breaker, &off);
  attempt_with_retry_after (breaker, AIP_FAULT_CLASS_TRANSIENT, START, 10 * SECOND);
  g_assert_false (aip_breaker_enter_check (breaker, START + 9 * SECOND, &check));
  g_assert_true (aip_breaker_enter_check (breaker, START + 10 * SECOND, &check));
  g_assert_false (aip_breaker_is_probing (breaker));
  g_assert_true (aip_breaker_enter (breaker, START + 10 * SECOND, &pass));
  g_assert_true (aip_breaker_enter (breaker, START + 10 * SECOND, &other));
  end (breaker, &check, AIP_FAULT_CLASS_TRANSIENT, START + 11 * SECOND);
  g_assert_cmpint (aip_breaker_get_state (breaker, START + 11 * SECOND), ==, AIP_BREAKER_CLOSED);
}

static void
test_restart (AipBreaker *breaker, const void *data)
{
  AipBreaker other;
  AipBreakerView view;
  g_autoptr (GVariant) saved = NULL;

  g_assert_null (aip_breaker_save (breaker, START, WALL));
  fail_thrice (breaker, START);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START + 20 * SECOND);
  saved = g_variant_ref_sink (aip_breaker_save (breaker, START + 25 * SECOND, WALL));
  /* 25 s of 30 are left; 5 s later, on another clock. */
  aip_breaker_init (&other, &policy);
  g_assert_true (aip_breaker_restore (&other, saved, 7 * SECOND, WALL + 5 * SECOND));
  assert_open_for (&other, 7 * SECOND, 20 * SECOND);
  aip_breaker_get_view (&other, 7 * SECOND, &view);
  g_assert_cmpuint (view.streak, ==, 1);
  g_assert_cmpint (view.fault_class, ==, AIP_FAULT_CLASS_TRANSIENT);
  aip_breaker_clear (&other);
  /* Its time came while the daemon was down. */
  aip_breaker_init (&other, &policy);
  g_assert_true (aip_breaker_restore (&other, saved, 7 * SECOND, WALL + MINUTE));
  g_assert_cmpint (aip_breaker_get_state (&other, 7 * SECOND), ==, AIP_BREAKER_HALF_OPEN);
  aip_breaker_clear (&other);
  /* Long ago. */
  aip_breaker_init (&other, &policy);
  g_assert_false (aip_breaker_restore (&other, saved, 7 * SECOND, WALL + 2 * G_TIME_SPAN_HOUR));
  g_assert_cmpint (aip_breaker_get_state (&other, 7 * SECOND), ==, AIP_BREAKER_CLOSED);
  aip_breaker_clear (&other);
}

static void
test_restore_nonsense (AipBreaker *breaker, const void *data)
{
  static const char *const texts[] = {
    "'text'",
    "(uint32 99, uint32 500, int64 1, int64 9223372036854775807, uint32 0, uint32 0)",
    "(uint32 5, uint32 500, int64 1, int64 1767225700000000, uint32 0, uint32 0)",
    "(uint32 1, uint32 500, int64 -9223372036854775808, int64 9223372036854775807, uint32 0, uint32 0)",
    "(uint32 1, uint32 500, int64 9223372036854775807, int64 9223372036854775807, uint32 0, uint32 0)",
    "(uint32 1, uint32 500, int64 1767225500000000, int64 5, uint32 0, uint32 0)",
  };
  g_autoptr (GVariant) far =
      g_variant_ref_sink (g_variant_new ("(uuxxuu)", 1, 500, WALL, G_MAXINT64, G_MAXUINT, 3));

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GVariant) saved = g_variant_new_parsed (texts[i]);

      g_assert_false (aip_breaker_restore (breaker, saved, START, WALL));
      g_assert_cmpint (aip_breaker_get_state (breaker, START), ==, AIP_BREAKER_CLOSED);
    }
  g_assert_true (aip_breaker_restore (breaker, far, START, WALL));
  assert_open_for (breaker, START, 24 * G_TIME_SPAN_HOUR);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START + 25 * G_TIME_SPAN_HOUR);
  assert_open_for (breaker, START + 25 * G_TIME_SPAN_HOUR, 60 * SECOND);
}

/* Clients give up a probe that hangs, one after the other: most of the time nobody is sent there. */
static void
test_probes_that_hang (AipBreaker *breaker, const void *data)
{
  static const struct
  {
    gint64 took_us, hold_us;
  } probes[] = {
    { 0, 0 },
    { 10000, 10000 },
    { 10 * SECOND, 10 * SECOND },
    { 15 * SECOND, 15 * SECOND },
    { 100 * SECOND, 15 * SECOND },
  };
  gint64 now = START + 15 * SECOND;
  AipBreakerView view;
  AipBreakerPass probe;

  fail_thrice (breaker, START);
  for (gsize i = 0; i < G_N_ELEMENTS (probes); i++)
    {
      g_assert_true (aip_breaker_enter (breaker, now, &probe));
      now += probes[i].took_us;
      end (breaker, &probe, AIP_FAULT_CLASS_CANCELLED, now);
      g_assert_false (aip_breaker_is_probing (breaker));
      if (probes[i].hold_us > 0)
        g_assert_false (aip_breaker_enter (breaker, now + probes[i].hold_us - 1, &probe));
      now += probes[i].hold_us;
    }
  /* That is all that it does. */
  aip_breaker_get_view (breaker, now, &view);
  g_assert_cmpuint (view.streak, ==, 0);
  g_assert_cmpuint (view.n_opened, ==, 1);
  g_assert_cmpint (view.since_us, ==, START);
  attempt (breaker, AIP_FAULT_CLASS_NONE, now);
  g_assert_cmpint (aip_breaker_get_state (breaker, now), ==, AIP_BREAKER_CLOSED);
}

/* The longest that the configuration takes, and a provider that asks for more. */
static void
test_extremes (AipBreaker *breaker, const void *data)
{
  static const AipBreakerPolicy longest = {
    .enabled = TRUE,
    .threshold = 1,
    .error_rate = 1,
    .window_us = G_TIME_SPAN_HOUR,
    .cooldown_us = G_TIME_SPAN_DAY,
    .max_cooldown_us = G_TIME_SPAN_DAY,
  };
  static const gint64 nows[] = { 0, 1, START, G_MAXINT64 / 4 };

  for (gsize i = 0; i < G_N_ELEMENTS (nows); i++)
    {
      gint64 now = nows[i];

      aip_breaker_reset (breaker);
      aip_breaker_set_policy (breaker, &longest);
      for (guint k = 0; k < 40; k++)
        {
          attempt_with_retry_after (breaker, AIP_FAULT_CLASS_TRANSIENT, now, k % 2 == 0 ? -1 : G_MAXINT64);
          g_assert_cmpint (aip_breaker_get_until (breaker), ==, now + G_TIME_SPAN_DAY);
          now += G_TIME_SPAN_DAY;
        }
    }
}

/* The shortest: it never is open for no time at all, which would mean that it is closed. */
static void
test_shortest (AipBreaker *breaker, const void *data)
{
  static const AipBreakerPolicy shortest = {
    .enabled = TRUE, .threshold = 1, .window_us = SECOND, .cooldown_us = 1000, .max_cooldown_us = 1000
  };

  aip_breaker_set_policy (breaker, &shortest);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START);
  g_assert_cmpint (aip_breaker_get_until (breaker), ==, START + 1000);
  attempt_with_retry_after (breaker, AIP_FAULT_CLASS_TRANSIENT, START + 1000, 0);
  g_assert_cmpint (aip_breaker_get_until (breaker), ==, START + 2000);
}

static void *
enter_cb (void *data)
{
  AipBreakerPass pass;
  guint n = 0;

  for (guint i = 0; i < 1000; i++)
    n += aip_breaker_enter (data, START + MINUTE, &pass) ? 1 : 0;
  return GUINT_TO_POINTER (n);
}

static void
test_one_probe_of_many_threads (AipBreaker *breaker, const void *data)
{
  GThread *threads[N_THREADS];
  guint n = 0;

  fail_thrice (breaker, START);
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("enter", enter_cb, breaker);
  for (guint i = 0; i < N_THREADS; i++)
    n += GPOINTER_TO_UINT (g_thread_join (threads[i]));
  g_assert_cmpuint (n, ==, 1);
}

static void
count_cb (void *user_data)
{
  (*(guint *) user_data)++;
}

/* Each change is told, and nothing else; nobody is told any more who has gone. */
static void
test_watch (AipBreaker *breaker, const void *data)
{
  g_autoptr (AipBreakerWatch) watch = aip_breaker_watch_new ();
  AipBreakerPass late, later, pass;
  guint n = 0;
  guint others = 0;
  guint serial;

  aip_breaker_set_watch (breaker, watch);
  fail_thrice (breaker, START);
  aip_breaker_reset (breaker);
  aip_breaker_watch_add (watch, count_cb, &others);
  aip_breaker_watch_add (watch, count_cb, &n);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START);
  attempt (breaker, AIP_FAULT_CLASS_CLIENT, START);
  attempt (breaker, AIP_FAULT_CLASS_NONE, START);
  g_assert_cmpuint (n, ==, 0);
  g_assert_true (aip_breaker_enter (breaker, START, &late));
  g_assert_true (aip_breaker_enter (breaker, START, &later));
  fail_thrice (breaker, START);
  g_assert_cmpuint (n, ==, 1);
  serial = aip_breaker_get_serial (breaker);
  end (breaker, &late, AIP_FAULT_CLASS_AUTH, START);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (aip_breaker_get_serial (breaker), !=, serial);
  /* Another reason, at no later time. */
  serial = aip_breaker_get_serial (breaker);
  end (breaker, &later, AIP_FAULT_CLASS_BILLING, START);
  g_assert_cmpuint (aip_breaker_get_serial (breaker), !=, serial);
  g_assert_cmpuint (n, ==, 3);
  serial = aip_breaker_get_serial (breaker);
  g_assert_true (aip_breaker_enter (breaker, START + 24 * 3600 * SECOND, &pass));
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpuint (aip_breaker_get_serial (breaker), ==, serial);
  end (breaker, &pass, AIP_FAULT_CLASS_NONE, START + 24 * 3600 * SECOND);
  g_assert_cmpuint (n, ==, 4);
  g_assert_cmpuint (others, ==, 4);
  aip_breaker_watch_remove (watch, count_cb, &n);
  fail_thrice (breaker, START);
  g_assert_cmpuint (n, ==, 4);
  g_assert_cmpuint (others, ==, 5);
}

static void
set_up (AipBreaker *breaker, const void *data)
{
  aip_breaker_init (breaker, &policy);
}

static void
tear_down (AipBreaker *breaker, const void *data)
{
  aip_breaker_clear (breaker);
}

static void
add (const char *name, void (*test) (AipBreaker *, const void *))
{
  g_autofree char *path = g_strconcat ("/routing/breaker/", name, NULL);

  g_test_add (path, AipBreaker, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("in-a-row", test_in_a_row);
  add ("neutral", test_neutral);
  add ("error-rate", test_error_rate);
  add ("window-slides", test_window_slides);
  add ("probe", test_probe);
  add ("back-off", test_back_off);
  add ("jitter", test_jitter);
  add ("retry-after", test_retry_after);
  add ("hard-down", test_hard_down);
  add ("late", test_late);
  add ("reset-while-probing", test_reset_while_probing);
  add ("check", test_check);
  add ("check-of-what-fails", test_check_of_what_fails);
  add ("check-while-closed", test_check_while_closed);
  add ("check-before-retry-after", test_check_before_retry_after);
  add ("disabled", test_disabled);
  add ("disabled-check", test_disabled_check);
  add ("restart", test_restart);
  add ("watch", test_watch);
  add ("restore-nonsense", test_restore_nonsense);
  add ("probes-that-hang", test_probes_that_hang);
  add ("extremes", test_extremes);
  add ("shortest", test_shortest);
  add ("one-probe-of-many-threads", test_one_probe_of_many_threads);

  return g_test_run ();
}
