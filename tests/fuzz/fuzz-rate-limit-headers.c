/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include "wire/aip-rate-limit-headers.h"

#include <string.h>

#include "fuzz.h"

#define WALL G_GINT64_CONSTANT (1767225600000000)
#define A_YEAR_US (G_GINT64_CONSTANT (366) * 24 * 3600 * G_USEC_PER_SEC)

static void
check_limit (const AipRateLimit *limit)
{
  g_assert_cmpint (limit->limit, >=, -1);
  g_assert_cmpint (limit->remaining, >=, -1);
  g_assert_cmpint (limit->reset_us, >=, -1);
  g_assert_cmpint (limit->reset_us, <=, A_YEAR_US);
}

/* The input is a head: "name: value" lines. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *line = (const char *) data;
  const char *end = line + size;
  AipRateLimits limits;

  aip_rate_limits_init (&limits);
  while (line < end)
    {
      const char *next = memchr (line, '\n', (gsize) (end - line));
      const char *line_end = next != NULL ? next : end;
      const char *colon = memchr (line, ':', (gsize) (line_end - line));

      if (colon != NULL)
        aip_rate_limits_take_header (&limits, line, (gsize) (colon - line), colon + 1,
                                     (gsize) (line_end - colon - 1), WALL);
      line = line_end + 1;
    }
  check_limit (&limits.requests);
  check_limit (&limits.tokens);
  g_assert_cmpint (limits.retry_after_us, >=, -1);
  g_assert_cmpint (limits.retry_after_us, <=, A_YEAR_US);
  return 0;
}
