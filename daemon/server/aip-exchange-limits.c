/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include "server/aip-exchange-private.h"
#include "server/aip-reply.h"

/* What the client's own limits have room for. */

/* Of English a token is three to four bytes, of most else fewer. */
#define BYTES_PER_TOKEN 4

/**
 * aip_exchange_estimate_tokens:
 * @self: an exchange
 *
 * Returns: how many tokens it takes at least, as far as its body tells
 */
guint64
aip_exchange_estimate_tokens (const AipExchange *self)
{
  return self->route.json ? self->received / BYTES_PER_TOKEN : 0;
}

/**
 * aip_exchange_estimate_need:
 * @self: an exchange
 * @quota: limits of a client or a key
 *
 * Returns: how many tokens to reserve for it there: what its body tells, and as much as it lets the model
 * write
 */
guint64
aip_exchange_estimate_need (AipExchange *self, const AipQuota *quota)
{
  guint64 input = aip_exchange_estimate_tokens (self);

  /* Reading the body again is for those alone who have limits. */
  if (!self->knows_max_output)
    self->max_output = self->route.json ? aip_call_find_max_output (&self->call) : 0;
  self->knows_max_output = TRUE;
  return aip_quota_fit (quota, input, input + self->max_output);
}

static AipOutcome
refuse_limit (AipExchange *self)
{
  g_autoptr (GError) error = NULL;

  aip_reservation_set_error (self->reservation, &error);
  self->retry_after = aip_reservation_get_retry_after (self->reservation);
  self->never_fits = self->retry_after == 0;
  return aip_exchange_refuse_error (self, error);
}

static void
reserved_cb (AipReservation *reservation, AipLedgerAnswer answer, void *user_data)
{
  AipExchange *self = user_data;

  if (answer == AIP_LEDGER_GRANTED)
    {
      aip_exchange_resume_route (self);
      return;
    }
  refuse_limit (self);
  aip_exchange_settle (self);
}

/**
 * aip_exchange_reserve:
 * @self: an exchange in the step AIP_STEP_ROUTE
 *
 * Asks the client's limits for room, once.
 *
 * Returns: AIP_OUTCOME_NEXT when there is, or what else the step has to return
 */
AipOutcome
aip_exchange_reserve (AipExchange *self)
{
  if (self->asked_limits || self->client->quota == NULL)
    return AIP_OUTCOME_NEXT;
  self->asked_limits = self->has_limits = TRUE;
  switch (aip_ledger_reserve (self->snapshot->ledger, self->client->quota,
                              aip_exchange_estimate_need (self, self->client->quota), reserved_cb, self,
                              &self->reservation))
    {
    case AIP_LEDGER_GRANTED:
      return AIP_OUTCOME_NEXT;
    case AIP_LEDGER_PENDING:
      return AIP_OUTCOME_WAIT;
    case AIP_LEDGER_REFUSED:
    default:
      return refuse_limit (self);
    }
}

/* Of an answer that broke off, or was cut, the client has had its part, whatever the status is since. */
static gboolean
was_served (const AipExchange *self)
{
  return self->status < 400 || (aip_answer_has_begun (&self->answer) && self->answer.status < 400);
}

/**
 * aip_exchange_settle_limits:
 * @self: an exchange that is over
 *
 * Tells the client's limits what it has cost.
 */
void
aip_exchange_settle_limits (AipExchange *self)
{
  AipReservation *reservation = g_steal_pointer (&self->reservation);
  AipUsage usage;

  if (reservation == NULL)
    return;
  usage = aip_usage_scan_get_usage (&self->scan);
  if (usage.known)
    aip_reservation_settle (reservation, usage.input_tokens + MAX (usage.output_tokens, usage.pieces));
  else if (self->n_attempts == 0)
    aip_reservation_refund (reservation);
  else if (was_served (self))
    aip_reservation_settle (reservation, aip_exchange_estimate_tokens (self) + usage.pieces);
  else
    aip_reservation_settle (reservation, 0);
}

static void
add_rate (const AipExchange *self, AipRateUnit unit, const char *name, GString *headers)
{
  AipRate rate;
  g_autofree char *reset = NULL;

  if (!aip_reservation_get_rate (self->reservation, unit, &rate))
    return;
  reset = aip_rate_format_reset (rate.reset);
  g_string_append_printf (headers,
                          "x-ratelimit-limit-%s: %" G_GUINT64_FORMAT "\r\n"
                          "x-ratelimit-remaining-%s: %" G_GUINT64_FORMAT "\r\n"
                          "x-ratelimit-reset-%s: %s\r\n",
                          name, rate.limit, name, rate.remaining, name, reset);
}

/**
 * aip_exchange_add_limits:
 * @self: an exchange whose client has limits
 * @headers: lines of headers, added to
 *
 * Tells the client what is left of its limits.
 */
void
aip_exchange_add_limits (AipExchange *self, GString *headers)
{
  add_rate (self, AIP_RATE_REQUESTS, "requests", headers);
  add_rate (self, AIP_RATE_TOKENS, "tokens", headers);
}
