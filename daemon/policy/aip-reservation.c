/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ledger"

#include "base/aip-error.h"
#include "policy/aip-ledger-local.h"
#include "policy/aip-ledger-private.h"

/* Redis is tried again within this time. */
#define UNAVAILABLE_WAIT 5 /* s */

static void
reservation_free (AipReservation *self)
{
  if (self->call != NULL)
    aip_ledger_call_abandon (self->call);
  if (self->tally.granted)
    aip_ledger_local_release (self->quota, self->tokens);
  aip_quota_unref (self->quota);
  aip_ledger_unref (self->ledger);
  g_free (self);
}

/**
 * aip_reservation_free:
 * @self: (transfer full) (nullable): a reservation
 *
 * Lets go of it: one that is pending is taken back, one that was granted stays charged as it is.
 */
void
aip_reservation_free (AipReservation *self)
{
  if (self != NULL)
    reservation_free (self);
}

/**
 * aip_reservation_settle:
 * @self: (transfer full) (nullable): a reservation
 * @tokens: how many tokens the request took; %AIP_TOKENS_UNKNOWN: as many as were asked for
 *
 * Puts what it took in place of what it was thought to take. Where it took more, a limit on tokens may be
 * exceeded by that; what comes next is then refused until there is room again.
 */
void
aip_reservation_settle (AipReservation *self, guint64 tokens)
{
  if (self == NULL)
    return;
  if (self->tally.granted && tokens != AIP_TOKENS_UNKNOWN && tokens != self->tokens)
    {
      tokens = MIN (tokens, G_MAXINT64);
      aip_ledger_local_settle (self->quota, &self->tally, self->tokens, tokens);
      aip_ledger_correct (self->ledger, self->quota, &self->tally, 0,
                          (gint64) tokens - (gint64) self->tokens);
      aip_ledger_touch (self->ledger, self->quota);
    }
  reservation_free (self);
}

/**
 * aip_reservation_refund:
 * @self: (transfer full) (nullable): a reservation
 *
 * Takes it back: nothing was sent.
 */
void
aip_reservation_refund (AipReservation *self)
{
  if (self == NULL)
    return;
  if (self->tally.granted)
    {
      aip_ledger_local_refund (self->quota, &self->tally, self->tokens);
      aip_ledger_correct (self->ledger, self->quota, &self->tally, -1, -(gint64) self->tokens);
      aip_ledger_touch (self->ledger, self->quota);
    }
  reservation_free (self);
}

/**
 * aip_reservation_get_rate:
 * @self: (nullable): a reservation that was answered
 * @unit: requests or tokens
 * @rate: (out): the limit with the least room, with this request counted if it was granted
 *
 * Returns: whether there is a limit on @unit
 */
gboolean
aip_reservation_get_rate (const AipReservation *self, AipRateUnit unit, AipRate *rate)
{
  g_return_val_if_fail (unit < AIP_N_RATES && rate != NULL, FALSE);

  if (self == NULL || !self->tally.has_rate[unit])
    return FALSE;
  *rate = self->tally.rates[unit];
  return TRUE;
}

static guint
get_retry_after (const AipTally *tally)
{
  if (tally->unavailable)
    return UNAVAILABLE_WAIT;
  if (tally->wait == AIP_WINDOW_NEVER)
    return 0;
  return (guint) ((tally->wait + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
}

/**
 * aip_reservation_get_retry_after:
 * @self: a reservation that was refused
 *
 * Returns: seconds until it is of use to ask again; 0: it never is
 */
guint
aip_reservation_get_retry_after (const AipReservation *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return get_retry_after (&self->tally);
}

/* --- telling why --- */

static char *
describe_window (const AipQuotaPart *part, AipLimitKind kind)
{
  if (aip_limit_is_daily (kind))
    return g_strdup ("a day (UTC)");
  if (kind == AIP_LIMIT_TOKENS || part->window == 60 * G_USEC_PER_SEC)
    return g_strdup ("a minute");
  return g_strdup_printf ("%g seconds", (double) part->window / G_USEC_PER_SEC);
}

/* What to change, and where. */
static char *
describe_setting (const AipQuotaPart *part, AipLimitKind kind)
{
  static const char *const settings[AIP_N_LIMITS] = {
    [AIP_LIMIT_REQUESTS] = "rpm",
    [AIP_LIMIT_TOKENS] = "tpm",
    [AIP_LIMIT_DAY_REQUESTS] = "daily-requests",
    [AIP_LIMIT_DAY_TOKENS] = "daily-tokens",
  };
  static const char *const groups[] = {
    [AIP_PARTY_CLIENT] = "client",
    [AIP_PARTY_TENANT] = "tenant",
    [AIP_PARTY_KEY] = "key",
  };

  if (kind == AIP_LIMIT_REQUESTS && part->is_default)
    return g_strdup (part->in_config ? "`requests` in [rate-limit], or set `rpm` for this client,"
                                     : "`requests` in [rate-limit]");
  return g_strdup_printf ("`%s` in [%s %s]", settings[kind], groups[part->party], part->name);
}

static void
set_error (const AipQuota *quota, const AipTally *tally, guint64 tokens, GError **error)
{
  static const char *const parties[] = {
    [AIP_PARTY_CLIENT] = "client",
    [AIP_PARTY_TENANT] = "tenant",
    [AIP_PARTY_KEY] = "key",
  };
  const AipQuotaPart *part;
  AipLimitKind kind;
  const char *unit;
  g_autofree char *window = NULL;
  g_autofree char *setting = NULL;

  if (tally->unavailable)
    {
      g_set_error_literal (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
                           "Redis, which keeps the limits, cannot be reached: wait until it is back, or set "
                           "`on-failure=local` in [redis] of aiproxy.conf");
      return;
    }
  kind = tally->kind;
  part = &quota->parts[tally->part];
  unit = aip_limit_is_on_tokens (kind) ? "tokens" : "requests";
  window = describe_window (part, kind);
  setting = describe_setting (part, kind);
  if (tally->wait == AIP_WINDOW_NEVER)
    g_set_error (error, AIP_ERROR, AIP_ERROR_RATE_LIMITED,
                 "the request may take %" G_GUINT64_FORMAT " tokens, and %s `%s` has %" G_GUINT64_FORMAT
                 " %s in %s: ask for less, or raise %s of aiproxy.conf",
                 tokens, parties[part->party], part->name, part->limits[kind], unit, window, setting);
  else
    g_set_error (
        error, AIP_ERROR, AIP_ERROR_RATE_LIMITED,
        "%s `%s` has used up its %" G_GUINT64_FORMAT " %s in %s: wait %u s, or raise %s of aiproxy.conf",
        parties[part->party], part->name, part->limits[kind], unit, window, get_retry_after (tally), setting);
}

/**
 * aip_reservation_set_error:
 * @self: a reservation that was refused
 * @error: where to put an %AIP_ERROR_RATE_LIMITED; an %AIP_ERROR_UNAVAILABLE where Redis is gone and nothing
 *   is granted without it
 *
 * Tells which limit has no room, how large it is, when to come back and what to change.
 */
void
aip_reservation_set_error (const AipReservation *self, GError **error)
{
  g_return_if_fail (self != NULL && !self->tally.granted);

  set_error (self->quota, &self->tally, self->tokens, error);
}

/**
 * aip_quota_check:
 * @self: (nullable): a quota
 * @tokens: what a request would take
 * @error: where to put what aip_reservation_set_error () would say of it
 *
 * From any thread; with the same restriction as aip_quota_get_wait ().
 *
 * Returns: whether a request would be granted now
 */
gboolean
aip_quota_check (const AipQuota *self, guint64 tokens, GError **error)
{
  AipTally tally;

  if (self == NULL)
    return TRUE;
  aip_ledger_local_check (self, tokens, &tally);
  if (!tally.granted)
    set_error (self, &tally, tokens, error);
  return tally.granted;
}

/**
 * aip_rate_format_reset:
 * @reset: microseconds
 *
 * Writes a time as OpenAI's x-ratelimit-reset-* headers do, which is how Go writes one: "0s", "12ms",
 * "8.64s", "6m0s", "1h0m0.5s". Parts of a millisecond count as one.
 *
 * Returns: (transfer full): the header's value
 */
char *
aip_rate_format_reset (gint64 reset)
{
  gint64 ms = (MAX (reset, 0) + 999) / 1000;
  gint64 seconds = ms / 1000;
  GString *out = g_string_new (NULL);

  if (ms > 0 && seconds == 0)
    {
      g_string_printf (out, "%" G_GINT64_FORMAT "ms", ms);
      return g_string_free (out, FALSE);
    }
  if (seconds >= 3600)
    g_string_append_printf (out, "%" G_GINT64_FORMAT "h", seconds / 3600);
  if (seconds >= 60)
    g_string_append_printf (out, "%" G_GINT64_FORMAT "m", seconds / 60 % 60);
  g_string_append_printf (out, "%" G_GINT64_FORMAT, seconds % 60);
  if (ms % 1000 != 0)
    {
      g_string_append_printf (out, ".%03" G_GINT64_FORMAT, ms % 1000);
      while (out->str[out->len - 1] == '0')
        g_string_truncate (out, out->len - 1);
    }
  g_string_append_c (out, 's');
  return g_string_free (out, FALSE);
}
