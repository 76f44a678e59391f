/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-wire"

#include "wire/aip-rate-limit-headers.h"

#include <math.h>
#include <string.h>

#include "base/aip-ascii.h"

/*
 * OpenAI, Azure, DeepSeek, Groq: x-ratelimit-{limit,remaining,reset}-{requests,tokens}, the reset as a
 * duration
 * ("1s", "6m0s", "17ms") or in seconds. Anthropic: anthropic-ratelimit-{requests,tokens,input-tokens,
 * output-tokens}-{limit,remaining,reset}, the reset as a date (RFC 3339). All: retry-after in seconds or as
 * an HTTP date, or retry-after-ms.
 */

#define MAX_VALUE 64
#define MAX_AMOUNT (G_GINT64_CONSTANT (1) << 53) /* as far as doubles count */
#define MAX_SECONDS (366.0 * 24 * 3600)

typedef enum
{
  PART_LIMIT,
  PART_REMAINING,
  PART_RESET,
  PART_RETRY_AFTER,
  PART_RETRY_AFTER_MS,
} Part;

typedef enum
{
  TARGET_NONE,
  TARGET_REQUESTS,
  TARGET_TOKENS,
} Target;

typedef struct
{
  AipAsciiName name;
  Target target;
  Part part;
} Header;

static const Header headers[] = {
  { AIP_ASCII_NAME ("retry-after"), TARGET_NONE, PART_RETRY_AFTER },
  { AIP_ASCII_NAME ("retry-after-ms"), TARGET_NONE, PART_RETRY_AFTER_MS },
  { AIP_ASCII_NAME ("x-ratelimit-limit-requests"), TARGET_REQUESTS, PART_LIMIT },
  { AIP_ASCII_NAME ("x-ratelimit-remaining-requests"), TARGET_REQUESTS, PART_REMAINING },
  { AIP_ASCII_NAME ("x-ratelimit-reset-requests"), TARGET_REQUESTS, PART_RESET },
  { AIP_ASCII_NAME ("x-ratelimit-limit-tokens"), TARGET_TOKENS, PART_LIMIT },
  { AIP_ASCII_NAME ("x-ratelimit-remaining-tokens"), TARGET_TOKENS, PART_REMAINING },
  { AIP_ASCII_NAME ("x-ratelimit-reset-tokens"), TARGET_TOKENS, PART_RESET },
  { AIP_ASCII_NAME ("anthropic-ratelimit-requests-limit"), TARGET_REQUESTS, PART_LIMIT },
  { AIP_ASCII_NAME ("anthropic-ratelimit-requests-remaining"), TARGET_REQUESTS, PART_REMAINING },
  { AIP_ASCII_NAME ("anthropic-ratelimit-requests-reset"), TARGET_REQUESTS, PART_RESET },
  /* The most restrictive one of the limits on tokens; the others only tell its parts. */
  { AIP_ASCII_NAME ("anthropic-ratelimit-tokens-limit"), TARGET_TOKENS, PART_LIMIT },
  { AIP_ASCII_NAME ("anthropic-ratelimit-tokens-remaining"), TARGET_TOKENS, PART_REMAINING },
  { AIP_ASCII_NAME ("anthropic-ratelimit-tokens-reset"), TARGET_TOKENS, PART_RESET },
};

/**
 * aip_rate_limits_init:
 * @self: (out caller-allocates): limits of which nothing is known
 */
void
aip_rate_limits_init (AipRateLimits *self)
{
  g_return_if_fail (self != NULL);

  *self = (AipRateLimits){
    .requests = { -1, -1, -1 },
    .tokens = { -1, -1, -1 },
    .retry_after_us = -1,
  };
}

static gboolean
parse_amount (const char *text, gint64 *amount)
{
  guint64 value = 0;

  if (!g_ascii_string_to_unsigned (text, 10, 0, MAX_AMOUNT, &value, NULL))
    return FALSE;
  *amount = (gint64) value;
  return TRUE;
}

static gint64
get_us (double seconds)
{
  return (gint64) ceil (CLAMP (seconds, 0, MAX_SECONDS) * G_USEC_PER_SEC);
}

/* A number as decimal digits with at most one point; strtod () takes more than that. */
static gboolean
parse_number (const char **text, double *number)
{
  char *end = NULL;

  if (!g_ascii_isdigit (**text) || ((*text)[0] == '0' && g_ascii_tolower ((*text)[1]) == 'x'))
    return FALSE;
  *number = g_ascii_strtod (*text, &end);
  *text = end;
  return isfinite (*number);
}

/* "6m0s", "1h2m3.5s", "17ms"; without a unit: seconds. */
static gboolean
parse_duration (const char *text, gint64 *us)
{
  static const struct
  {
    const char *name;
    double seconds;
  } units[] = { { "ms", 1e-3 }, { "us", 1e-6 }, { "µs", 1e-6 }, { "ns", 1e-9 },
                { "s", 1 },     { "m", 60 },    { "h", 3600 },  { "d", 86400 } };
  double sum = 0, number;
  gboolean first = TRUE;

  if (*text == '\0')
    return FALSE;
  for (; *text != '\0'; first = FALSE)
    {
      gsize unit = 0;

      if (!parse_number (&text, &number))
        return FALSE;
      if (*text == '\0' && first)
        {
          *us = get_us (number);
          return TRUE;
        }
      while (unit < G_N_ELEMENTS (units) && !g_str_has_prefix (text, units[unit].name))
        unit++;
      if (unit == G_N_ELEMENTS (units))
        return FALSE;
      text += strlen (units[unit].name);
      sum += number * units[unit].seconds;
    }
  *us = get_us (sum);
  return TRUE;
}

static gint64
get_difference (GDateTime *then, gint64 wall_us)
{
  gint64 then_us = g_date_time_to_unix (then) * G_USEC_PER_SEC + g_date_time_get_microsecond (then);

  return CLAMP (then_us - wall_us, 0, (gint64) (MAX_SECONDS * G_USEC_PER_SEC));
}

/* RFC 3339: "2026-01-02T03:04:05Z". */
static gboolean
parse_date (const char *text, gint64 wall_us, gint64 *us)
{
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) date = g_date_time_new_from_iso8601 (text, utc);

  if (date == NULL)
    return FALSE;
  *us = get_difference (date, wall_us);
  return TRUE;
}

static int
find_month (const char *name)
{
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

  for (int i = 0; i < 12; i++)
    if (memcmp (months + 3 * (gsize) i, name, 3) == 0)
      return i + 1;
  return 0;
}

static gboolean
matches (const char *text, const char *pattern)
{
  for (; *pattern != '\0'; text++, pattern++)
    if (*pattern == '9'   ? !g_ascii_isdigit (*text)
        : *pattern == 'a' ? !g_ascii_isalpha (*text)
                          : *text != *pattern)
      return FALSE;
  return *text == '\0';
}

static int
get_digits (const char *text, guint n)
{
  int value = 0;

  for (guint i = 0; i < n; i++)
    value = value * 10 + g_ascii_digit_value (text[i]);
  return value;
}

/* RFC 9110, the one form that servers may send: "Sun, 06 Nov 1994 08:49:37 GMT". */
static gboolean
parse_http_date (const char *text, gint64 wall_us, gint64 *us)
{
  g_autoptr (GDateTime) date = NULL;

  if (!matches (text, "aaa, 99 aaa 9999 99:99:99 GMT"))
    return FALSE;
  date =
      g_date_time_new_utc (get_digits (text + 12, 4), find_month (text + 8), get_digits (text + 5, 2),
                           get_digits (text + 17, 2), get_digits (text + 20, 2), get_digits (text + 23, 2));
  if (date == NULL)
    return FALSE;
  *us = get_difference (date, wall_us);
  return TRUE;
}

static gboolean
parse_reset (const char *text, gint64 wall_us, gint64 *us)
{
  if (strchr (text, '-') != NULL)
    return parse_date (text, wall_us, us);
  return parse_duration (text, us);
}

static gboolean
parse_retry_after (const char *text, gint64 wall_us, gint64 *us)
{
  return parse_duration (text, us) || parse_http_date (text, wall_us, us);
}

static gboolean
parse_milliseconds (const char *text, gint64 *us)
{
  double number = 0;

  if (!parse_number (&text, &number) || *text != '\0')
    return FALSE;
  *us = get_us (number / 1000);
  return TRUE;
}

static gboolean
take (AipRateLimits *self, const Header *header, const char *text, gint64 wall_us)
{
  AipRateLimit *limit = header->target == TARGET_REQUESTS ? &self->requests : &self->tokens;

  switch (header->part)
    {
    case PART_LIMIT:
      return parse_amount (text, &limit->limit);
    case PART_REMAINING:
      return parse_amount (text, &limit->remaining);
    case PART_RESET:
      return parse_reset (text, wall_us, &limit->reset_us);
    case PART_RETRY_AFTER:
      /* The finer one counts, whichever comes first. */
      return self->retry_after_us >= 0 || parse_retry_after (text, wall_us, &self->retry_after_us);
    case PART_RETRY_AFTER_MS:
    default:
      return parse_milliseconds (text, &self->retry_after_us);
    }
}

/**
 * aip_rate_limits_take_header:
 * @self: what is known so far
 * @name: a header's name, not 0-terminated, in any case
 * @name_length: its length
 * @value: its value, not 0-terminated
 * @value_length: its length
 * @wall_us: the time of day, for dates
 *
 * Takes what one header of an answer says about limits. Values that are not understood change nothing.
 *
 * Returns: whether it said anything
 */
gboolean
aip_rate_limits_take_header (AipRateLimits *self,
                             const char *name,
                             gsize name_length,
                             const char *value,
                             gsize value_length,
                             gint64 wall_us)
{
  char text[MAX_VALUE];

  g_return_val_if_fail (self != NULL && name != NULL && value != NULL, FALSE);

  /* All begin with one of these; most headers do not. */
  if (name_length == 0 || strchr ("rRxXaA", name[0]) == NULL || value_length >= MAX_VALUE)
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (headers); i++)
    {
      if (!aip_ascii_is (name, name_length, &headers[i].name))
        continue;
      memcpy (text, value, value_length);
      text[value_length] = '\0';
      if (strlen (text) != value_length || !take (self, &headers[i], g_strstrip (text), wall_us))
        return FALSE;
      self->known = TRUE;
      return TRUE;
    }
  return FALSE;
}
