/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-quota"

#include "policy/aip-quota.h"

#include "base/aip-clock.h"

/**
 * aip_account_unref:
 * @self: (transfer full): an account
 *
 * From any thread.
 */
void
aip_account_unref (AipAccount *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  for (guint kind = 0; kind < AIP_N_LIMITS; kind++)
    g_free (self->windows[kind]);
  g_mutex_clear (&self->lock);
  g_free (self->name);
  g_free (self);
}

/**
 * aip_quota_new:
 *
 * Returns: (transfer full): a quota without parts, to be filled before anybody else sees it
 */
AipQuota *
aip_quota_new (void)
{
  AipQuota *self = g_new0 (AipQuota, 1);

  g_atomic_ref_count_init (&self->refs);
  return self;
}

/**
 * aip_quota_add_part:
 * @self: a quota that is being filled
 * @party: whose limits are added; in the order of AipParty
 * @name: of the party
 *
 * Returns: (transfer none): the part, without account and limits
 */
AipQuotaPart *
aip_quota_add_part (AipQuota *self, AipParty party, const char *name)
{
  AipQuotaPart *part;

  g_return_val_if_fail (self != NULL && self->n_parts < AIP_QUOTA_MAX_PARTS, NULL);

  part = &self->parts[self->n_parts++];
  part->party = party;
  part->name = g_strdup (name);
  part->window = 60 * G_USEC_PER_SEC;
  return part;
}

/**
 * aip_quota_ref:
 * @self: (nullable): a quota
 *
 * From any thread.
 *
 * Returns: (transfer full) (nullable): the same
 */
AipQuota *
aip_quota_ref (AipQuota *self)
{
  if (self != NULL)
    g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * aip_quota_unref:
 * @self: (transfer full) (nullable): a quota
 *
 * From any thread. The counts stay with the ledger.
 */
void
aip_quota_unref (AipQuota *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->refs))
    return;
  for (guint i = 0; i < self->n_parts; i++)
    {
      g_free (self->parts[i].name);
      g_clear_pointer (&self->parts[i].account, aip_account_unref);
    }
  g_free (self);
}

/**
 * aip_tally_add_rate:
 * @self: a tally
 * @kind: a limit
 * @limit: its size
 * @used: what is used of it
 * @reset: microseconds until nothing is
 *
 * Keeps it if it has less room than those on the same unit so far.
 */
void
aip_tally_add_rate (AipTally *self, AipLimitKind kind, guint64 limit, guint64 used, gint64 reset)
{
  AipRateUnit unit = aip_limit_is_on_tokens (kind) ? AIP_RATE_TOKENS : AIP_RATE_REQUESTS;
  guint64 remaining = limit - MIN (used, limit);

  g_return_if_fail (self != NULL);

  if (self->has_rate[unit] && self->rates[unit].remaining <= remaining)
    return;
  self->has_rate[unit] = TRUE;
  self->rates[unit] = (AipRate){ limit, remaining, reset };
}

/**
 * aip_tally_add_refusal:
 * @self: a tally
 * @part: of the quota
 * @kind: the limit that has no room
 * @wait: microseconds until it has
 *
 * Of several limits, the one that takes the longest counts: before that, it is no use to ask again.
 */
void
aip_tally_add_refusal (AipTally *self, guint part, AipLimitKind kind, gint64 wait)
{
  g_return_if_fail (self != NULL);

  self->granted = FALSE;
  if (wait <= self->wait)
    return;
  self->part = part;
  self->kind = kind;
  self->wait = wait;
}
