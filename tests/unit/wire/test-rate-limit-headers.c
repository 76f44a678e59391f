/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "wire/aip-rate-limit-headers.h"

#include <string.h>

#define SECOND G_TIME_SPAN_SECOND
/* 2026-01-01T00:00:00Z */
#define WALL G_GINT64_CONSTANT (1767225600000000)

static gboolean
take (AipRateLimits *limits, const char *name, const char *value)
{
  return aip_rate_limits_take_header (limits, name, strlen (name), value, strlen (value), WALL);
}

static void
test_openai (void)
{
  AipRateLimits limits;

  aip_rate_limits_init (&limits);
  g_assert_false (take (&limits, "content-type", "application/json"));
  g_assert_false (take (&limits, "x-request-id", "req_1"));
  g_assert_false (limits.known);
  g_assert_true (take (&limits, "x-ratelimit-limit-requests", "60"));
  g_assert_true (take (&limits, "X-RateLimit-Remaining-Requests", " 59 "));
  g_assert_true (take (&limits, "x-ratelimit-reset-requests", "1s"));
  g_assert_true (take (&limits, "x-ratelimit-limit-tokens", "150000"));
  g_assert_true (take (&limits, "x-ratelimit-remaining-tokens", "149984"));
  g_assert_true (take (&limits, "x-ratelimit-reset-tokens", "6m0s"));
  g_assert_true (limits.known);
  g_assert_cmpint (limits.requests.limit, ==, 60);
  g_assert_cmpint (limits.requests.remaining, ==, 59);
  g_assert_cmpint (limits.requests.reset_us, ==, SECOND);
  g_assert_cmpint (limits.tokens.limit, ==, 150000);
  g_assert_cmpint (limits.tokens.remaining, ==, 149984);
  g_assert_cmpint (limits.tokens.reset_us, ==, 360 * SECOND);
  g_assert_cmpint (limits.retry_after_us, ==, -1);
}

static void
test_anthropic (void)
{
  AipRateLimits limits;

  aip_rate_limits_init (&limits);
  g_assert_true (take (&limits, "anthropic-ratelimit-requests-limit", "50"));
  g_assert_true (take (&limits, "anthropic-ratelimit-requests-remaining", "0"));
  g_assert_true (take (&limits, "anthropic-ratelimit-requests-reset", "2026-01-01T00:00:30Z"));
  g_assert_true (take (&limits, "anthropic-ratelimit-tokens-remaining", "1000"));
  g_assert_true (take (&limits, "anthropic-ratelimit-tokens-reset", "2025-12-31T23:00:00Z"));
  g_assert_false (take (&limits, "anthropic-ratelimit-input-tokens-remaining", "7"));
  g_assert_cmpint (limits.requests.limit, ==, 50);
  g_assert_cmpint (limits.requests.remaining, ==, 0);
  g_assert_cmpint (limits.requests.reset_us, ==, 30 * SECOND);
  g_assert_cmpint (limits.tokens.limit, ==, -1);
  g_assert_cmpint (limits.tokens.remaining, ==, 1000);
  g_assert_cmpint (limits.tokens.reset_us, ==, 0);
}

static void
test_durations (void)
{
  static const struct
  {
    const char *text;
    gint64 us;
  } cases[] = {
    { "17ms", 17000 },
    { "2m59.56s", 179560000 },
    { "1h2m3s", 3723 * SECOND },
    { "20", 20 * SECOND },
    { "0", 0 },
    { "0.5", 500000 },
    { "1d", 86400 * SECOND },
    { "8.64s", 8640000 },
    { "1ns", 1 },
    { "9999999999s", 31622400 * SECOND },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      AipRateLimits limits;

      aip_rate_limits_init (&limits);
      g_assert_true (take (&limits, "x-ratelimit-reset-requests", cases[i].text));
      g_assert_cmpint (limits.requests.reset_us, ==, cases[i].us);
    }
}

static void
test_retry_after (void)
{
  static const struct
  {
    const char *text;
    gint64 us;
  } cases[] = {
    { "7", 7 * SECOND },
    { "0.25", 250000 },
    { "Thu, 01 Jan 2026 00:01:30 GMT", 90 * SECOND },
    { "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      AipRateLimits limits;

      aip_rate_limits_init (&limits);
      g_assert_true (take (&limits, "Retry-After", cases[i].text));
      g_assert_cmpint (limits.retry_after_us, ==, cases[i].us);
    }
}

/* The finer one counts, whichever comes first. */
static void
test_retry_after_ms (void)
{
  static const char *const names[] = { "retry-after", "retry-after-ms", "retry-after" };
  static const char *const values[] = { "2", "1234", "2" };

  for (gsize first = 0; first < 2; first++)
    {
      AipRateLimits limits;

      aip_rate_limits_init (&limits);
      for (gsize i = first; i < first + 2; i++)
        g_assert_true (take (&limits, names[i], values[i]));
      g_assert_cmpint (limits.retry_after_us, ==, 1234000);
    }
}

static void
test_nonsense (void)
{
  static const char *const values[] = {
    "",
    "-1",
    "soon",
    "1x",
    "0x10",
    "1s2",
    "nan",
    "inf",
    "1e999",
    "1 2",
    "2026-",
    "--1",
    "s",
    "1;2",
    "1,2",
    "\xff",
    "Thu, 99 Jan 2026 00:01:30 GMT",
    "Thu, 01 Xxx 2026 00:01:30 GMT",
  };
  static const char *const names[] = { "retry-after", "retry-after-ms", "x-ratelimit-reset-requests",
                                       "x-ratelimit-remaining-requests", "anthropic-ratelimit-tokens-reset" };
  AipRateLimits limits;

  aip_rate_limits_init (&limits);
  for (gsize n = 0; n < G_N_ELEMENTS (names); n++)
    for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
      g_assert_false (take (&limits, names[n], values[i]));
  g_assert_false (aip_rate_limits_take_header (&limits, "retry-after", 11, "1\0002", 3, WALL));
  g_assert_cmpint (limits.requests.remaining, ==, -1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/wire/rate-limit-headers/openai", test_openai);
  g_test_add_func ("/wire/rate-limit-headers/anthropic", test_anthropic);
  g_test_add_func ("/wire/rate-limit-headers/durations", test_durations);
  g_test_add_func ("/wire/rate-limit-headers/retry-after", test_retry_after);
  g_test_add_func ("/wire/rate-limit-headers/retry-after-ms", test_retry_after_ms);
  g_test_add_func ("/wire/rate-limit-headers/nonsense", test_nonsense);

  return g_test_run ();
}
