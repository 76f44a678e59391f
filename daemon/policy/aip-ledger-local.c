/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ledger"

#include "policy/aip-ledger-local-private.h"

/* How long what Redis has refused is not asked for again. */
#define TRUST_REFUSAL G_USEC_PER_SEC

static void
lock_quota (const AipQuota *quota)
{
  for (guint i = 0; i < quota->n_parts; i++)
    g_mutex_lock (&quota->parts[i].account->lock);
}

static void
unlock_quota (const AipQuota *quota)
{
  for (guint i = quota->n_parts; i > 0; i--)
    g_mutex_unlock (&quota->parts[i - 1].account->lock);
}

typedef struct
{
  guint part;
  int kind; /* AipLimitKind */
  guint64 limit;
  AipWindow *window;
} Cursor;

/* The next limit that there is; begin with a kind of -1. */
static gboolean
next_limit (const AipQuota *quota, Cursor *cursor)
{
  for (;;)
    {
      const AipQuotaPart *part;

      cursor->kind++;
      if (cursor->kind == AIP_N_LIMITS)
        {
          cursor->kind = 0;
          cursor->part++;
        }
      if (cursor->part >= quota->n_parts)
        return FALSE;
      part = &quota->parts[cursor->part];
      cursor->limit = part->limits[cursor->kind];
      cursor->window = part->account->windows[cursor->kind];
      if (cursor->limit > 0)
        return TRUE;
    }
}

static guint64
amount_of (AipLimitKind kind, guint64 tokens)
{
  return aip_limit_is_on_tokens (kind) ? tokens : 1;
}

static void
tell_rates (const AipQuota *quota, const AipLedgerNow *now, AipTally *tally)
{
  Cursor cursor = { .kind = -1 };

  while (next_limit (quota, &cursor))
    {
      gint64 time = aip_ledger_now_for (now, cursor.kind);

      aip_tally_add_rate (tally, cursor.kind, cursor.limit, aip_window_get_used (cursor.window, time),
                          aip_window_get_reset (cursor.window, time));
    }
}

static void
check (const AipQuota *quota, const AipLedgerNow *now, guint64 tokens, AipTally *tally)
{
  Cursor cursor = { .kind = -1 };

  while (next_limit (quota, &cursor))
    {
      gint64 wait = aip_window_get_wait (cursor.window, aip_ledger_now_for (now, cursor.kind), cursor.limit,
                                         amount_of (cursor.kind, tokens));

      if (wait > 0)
        aip_tally_add_refusal (tally, cursor.part, cursor.kind, wait);
    }
}

static void
charge (const AipQuota *quota, const AipLedgerNow *now, guint64 tokens, AipTally *tally)
{
  Cursor cursor = { .kind = -1 };

  while (next_limit (quota, &cursor))
    tally->slots[cursor.part][cursor.kind] = aip_window_add (
        cursor.window, aip_ledger_now_for (now, cursor.kind), amount_of (cursor.kind, tokens));
  for (guint i = 0; i < quota->n_parts; i++)
    quota->parts[i].account->pending += tokens;
}

/**
 * aip_ledger_local_reserve:
 * @quota: the limits
 * @tokens: the most that the request is thought to take
 * @tally: (out): what came of it
 *
 * Charges a request and @tokens to all accounts of @quota if all of their limits have room, else to none.
 */
void
aip_ledger_local_reserve (const AipQuota *quota, guint64 tokens, AipTally *tally)
{
  AipLedgerNow now;

  g_return_if_fail (quota != NULL && tally != NULL);

  *tally = (AipTally){ .granted = TRUE };
  lock_quota (quota);
  now = aip_ledger_now ();
  check (quota, &now, tokens, tally);
  if (tally->granted)
    charge (quota, &now, tokens, tally);
  tell_rates (quota, &now, tally);
  unlock_quota (quota);
}

/**
 * aip_ledger_local_charge:
 * @quota: the limits
 * @tokens: what the request is thought to take
 * @tally: where the slots are put
 *
 * Charges what was granted elsewhere, whether there is room or not.
 */
void
aip_ledger_local_charge (const AipQuota *quota, guint64 tokens, AipTally *tally)
{
  AipLedgerNow now;

  g_return_if_fail (quota != NULL && tally != NULL);

  lock_quota (quota);
  now = aip_ledger_now ();
  charge (quota, &now, tokens, tally);
  unlock_quota (quota);
}

/**
 * aip_ledger_local_note_refusal:
 * @quota: the limits
 * @tokens: what a request was thought to take
 * @tally: how Redis has refused it
 *
 * Keeps in mind, for a second, what others have used up, so that the same is not asked for at once.
 */
void
aip_ledger_local_note_refusal (const AipQuota *quota, guint64 tokens, const AipTally *tally)
{
  AipAccount *account;
  gint64 now = aip_clock_now ();

  g_return_if_fail (quota != NULL && tally != NULL && tally->part < quota->n_parts);

  if (tally->wait == AIP_WINDOW_NEVER)
    return;
  account = quota->parts[tally->part].account;
  g_mutex_lock (&account->lock);
  account->refused_kind = tally->kind;
  account->refused_tokens = aip_limit_is_on_tokens (tally->kind) ? tokens : 0;
  account->refused_until = now + tally->wait;
  account->ask_again = MIN (account->refused_until, now + TRUST_REFUSAL);
  g_mutex_unlock (&account->lock);
}

/* More than was reserved is charged now, as it is now known; less goes back to where it was reserved. */
static void
correct (const AipQuota *quota, const AipTally *tally, guint64 reserved, guint64 tokens, gboolean requests)
{
  Cursor cursor = { .kind = -1 };
  AipLedgerNow now;

  lock_quota (quota);
  now = aip_ledger_now ();
  while (next_limit (quota, &cursor))
    {
      gint64 time = aip_ledger_now_for (&now, cursor.kind);
      gint64 slot = tally->slots[cursor.part][cursor.kind];

      if (!aip_limit_is_on_tokens (cursor.kind))
        aip_window_take_back (cursor.window, time, slot, requests ? 1 : 0);
      else if (tokens > reserved)
        aip_window_add (cursor.window, time, tokens - reserved);
      else
        aip_window_take_back (cursor.window, time, slot, reserved - tokens);
    }
  unlock_quota (quota);
}

/**
 * aip_ledger_local_settle:
 * @quota: the limits
 * @tally: where it was charged
 * @reserved: tokens that were charged
 * @tokens: tokens that it took
 */
void
aip_ledger_local_settle (const AipQuota *quota, const AipTally *tally, guint64 reserved, guint64 tokens)
{
  g_return_if_fail (quota != NULL && tally != NULL);

  if (reserved != tokens)
    correct (quota, tally, reserved, tokens, FALSE);
}

/**
 * aip_ledger_local_refund:
 * @quota: the limits
 * @tally: where it was charged
 * @reserved: tokens that were charged
 *
 * Takes the request and its tokens back.
 */
void
aip_ledger_local_refund (const AipQuota *quota, const AipTally *tally, guint64 reserved)
{
  g_return_if_fail (quota != NULL && tally != NULL);

  correct (quota, tally, reserved, 0, TRUE);
}

/**
 * aip_ledger_local_release:
 * @quota: the limits
 * @reserved: tokens that were charged
 *
 * Nothing of it is given back any more.
 */
void
aip_ledger_local_release (const AipQuota *quota, guint64 reserved)
{
  g_return_if_fail (quota != NULL);

  lock_quota (quota);
  for (guint i = 0; i < quota->n_parts; i++)
    quota->parts[i].account->pending -= reserved;
  unlock_quota (quota);
}

/* --- what others ask of a quota --- */

static void
check_shared (const AipQuota *quota, const AipLedgerNow *now, guint64 tokens, AipTally *tally)
{
  for (guint i = 0; i < quota->n_parts; i++)
    {
      const AipAccount *account = quota->parts[i].account;

      if (now->steady < account->ask_again && tokens >= account->refused_tokens)
        aip_tally_add_refusal (tally, i, account->refused_kind, account->refused_until - now->steady);
    }
}

/**
 * aip_ledger_local_check:
 * @quota: the limits
 * @tokens: what a request would take
 * @tally: (out): what would come of it, as far as aip_quota_get_wait () knows; without rates
 */
void
aip_ledger_local_check (const AipQuota *quota, guint64 tokens, AipTally *tally)
{
  AipLedgerNow now;

  g_return_if_fail (quota != NULL && tally != NULL);

  *tally = (AipTally){ .granted = TRUE };
  lock_quota (quota);
  now = aip_ledger_now ();
  check (quota, &now, tokens, tally);
  check_shared (quota, &now, tokens, tally);
  unlock_quota (quota);
}

/**
 * aip_quota_get_wait:
 * @self: (nullable): a quota
 * @tokens: what a request would take
 *
 * From any thread. Where limits are shared over Redis, only what went through this daemon is known here, and
 * what Redis has refused within the last second.
 *
 * Returns: microseconds until the request would be granted, 0 if it would be now; %G_MAXINT64 if never
 */
gint64
aip_quota_get_wait (const AipQuota *self, guint64 tokens)
{
  AipTally tally;

  if (self == NULL)
    return 0;
  aip_ledger_local_check (self, tokens, &tally);
  return tally.wait;
}

/* What there will be once all that runs is over, if it takes nothing. */
static guint64
get_most_room (const AipQuota *quota, const Cursor *cursor, const AipLedgerNow *now)
{
  guint64 used = aip_window_get_used (cursor->window, aip_ledger_now_for (now, cursor->kind));

  used -= MIN (quota->parts[cursor->part].account->pending, used);
  return cursor->limit - MIN (used, cursor->limit);
}

/**
 * aip_quota_fit:
 * @self: a quota
 * @least: how many tokens a request takes at least
 * @most: how many it may take
 *
 * No limit on tokens shall be exceeded by what runs at the same time, but a client that lets the model write
 * more than there is left, as many do each time, shall have what is left: it is served when nothing else
 * runs. From any thread; with the same restriction as aip_quota_get_wait ().
 *
 * Returns: how many to reserve: @most, but for more than @least no more than the smallest limit leaves
 */
guint64
aip_quota_fit (const AipQuota *self, guint64 least, guint64 most)
{
  Cursor cursor = { .kind = -1 };
  AipLedgerNow now;

  g_return_val_if_fail (self != NULL, least);

  if (most <= least)
    return least;
  lock_quota (self);
  now = aip_ledger_now ();
  while (next_limit (self, &cursor))
    if (aip_limit_is_on_tokens (cursor.kind))
      most = MIN (most, get_most_room (self, &cursor, &now));
  unlock_quota (self);
  return MAX (least, most);
}

/**
 * aip_quota_get_headroom:
 * @self: (nullable): a quota
 *
 * From any thread; with the same restriction as aip_quota_get_wait ().
 *
 * Returns: what share of its tightest limit is left, from 0 to 1
 */
double
aip_quota_get_headroom (const AipQuota *self)
{
  Cursor cursor = { .kind = -1 };
  double headroom = 1;
  AipLedgerNow now;

  if (self == NULL)
    return 1;
  lock_quota (self);
  now = aip_ledger_now ();
  while (next_limit (self, &cursor))
    {
      guint64 used = aip_window_get_used (cursor.window, aip_ledger_now_for (&now, cursor.kind));

      headroom = MIN (headroom, (double) (cursor.limit - MIN (used, cursor.limit)) / (double) cursor.limit);
    }
  unlock_quota (self);
  return headroom;
}

/**
 * aip_quota_get_rate:
 * @self: (nullable): a quota
 * @unit: requests or tokens
 * @rate: (out): the limit with the least room
 *
 * From any thread; with the same restriction as aip_quota_get_wait ().
 *
 * Returns: whether there is a limit on @unit
 */
gboolean
aip_quota_get_rate (const AipQuota *self, AipRateUnit unit, AipRate *rate)
{
  AipTally tally = { .granted = TRUE };
  AipLedgerNow now;

  g_return_val_if_fail (unit < AIP_N_RATES && rate != NULL, FALSE);

  if (self == NULL)
    return FALSE;
  lock_quota (self);
  now = aip_ledger_now ();
  tell_rates (self, &now, &tally);
  unlock_quota (self);
  *rate = tally.rates[unit];
  return tally.has_rate[unit];
}

static AipLimitUse
get_use (const AipQuota *quota, const Cursor *cursor, gint64 now)
{
  static const char *const parties[] = {
    [AIP_PARTY_CLIENT] = "client",
    [AIP_PARTY_TENANT] = "tenant",
    [AIP_PARTY_KEY] = "key",
  };
  static const char *const limits[] = {
    [AIP_LIMIT_REQUESTS] = "requests",
    [AIP_LIMIT_TOKENS] = "tokens",
    [AIP_LIMIT_DAY_REQUESTS] = "daily-requests",
    [AIP_LIMIT_DAY_TOKENS] = "daily-tokens",
  };

  const AipQuotaPart *part = &quota->parts[cursor->part];

  return (AipLimitUse){
    .party = parties[part->party],
    .name = part->name,
    .limit = limits[cursor->kind],
    .size = cursor->limit,
    .used = aip_window_get_used (cursor->window, now),
    .window = cursor->kind == AIP_LIMIT_REQUESTS ? part->window : aip_window_get_length (cursor->window),
    .reset = aip_window_get_reset (cursor->window, now),
  };
}

/**
 * aip_quota_get_uses:
 * @self: (nullable): a quota
 * @uses: (out caller-allocates) (array fixed-size=8): how far each of its limits is used; as long as @self
 *
 * From any thread; with the same restriction as aip_quota_get_wait ().
 *
 * Returns: how many limits there are
 */
guint
aip_quota_get_uses (const AipQuota *self, AipLimitUse *uses)
{
  Cursor cursor = { .kind = -1 };
  guint n = 0;
  AipLedgerNow now;

  G_STATIC_ASSERT (AIP_MAX_LIMIT_USES == AIP_QUOTA_MAX_PARTS * AIP_N_LIMITS);
  g_return_val_if_fail (uses != NULL, 0);

  if (self == NULL)
    return 0;
  lock_quota (self);
  now = aip_ledger_now ();
  while (next_limit (self, &cursor))
    uses[n++] = get_use (self, &cursor, aip_ledger_now_for (&now, cursor.kind));
  unlock_quota (self);
  return n;
}

/* --- the accounts --- */

/**
 * aip_ledger_local_new:
 *
 * Returns: (transfer full): a ledger without accounts
 */
AipLedgerLocal *
aip_ledger_local_new (void)
{
  AipLedgerLocal *self = g_new0 (AipLedgerLocal, 1);

  g_mutex_init (&self->lock);
  self->accounts = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) aip_account_unref);
  return self;
}

/**
 * aip_ledger_local_free:
 * @self: (transfer full): a ledger that no other thread uses; quotas may outlive it
 */
void
aip_ledger_local_free (AipLedgerLocal *self)
{
  g_return_if_fail (self != NULL);

  g_hash_table_unref (self->accounts);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/**
 * aip_ledger_local_find:
 * @self: a ledger, locked
 * @name: of an account
 *
 * Returns: (transfer none): the account of that name, which is made if need be
 */
AipAccount *
aip_ledger_local_find (AipLedgerLocal *self, const char *name)
{
  AipAccount *account = g_hash_table_lookup (self->accounts, name);

  if (account != NULL)
    return account;
  account = g_new0 (AipAccount, 1);
  g_atomic_ref_count_init (&account->refs);
  g_mutex_init (&account->lock);
  account->name = g_strdup (name);
  g_hash_table_insert (self->accounts, account->name, account);
  return account;
}

/**
 * aip_ledger_local_get_account:
 * @self: a ledger
 * @name: of the account
 *
 * Returns: (transfer full): the account of that name, which is made if need be
 */
AipAccount *
aip_ledger_local_get_account (AipLedgerLocal *self, const char *name)
{
  AipAccount *account;

  g_return_val_if_fail (self != NULL && name != NULL, NULL);

  g_mutex_lock (&self->lock);
  account = aip_ledger_local_find (self, name);
  g_atomic_ref_count_inc (&account->refs);
  g_mutex_unlock (&self->lock);
  return account;
}

/* What the old window held counts in the new one as if it were charged now: longer than it would, never
 * shorter. */
static void
open_window (AipWindow **window, gint64 length)
{
  gint64 now = aip_clock_now ();
  AipWindow *opened = aip_window_new_sliding (length);
  g_autofree AipWindow *old = *window;

  if (old != NULL && old->slot_length == opened->slot_length)
    {
      g_free (opened);
      *window = g_steal_pointer (&old);
      return;
    }
  if (old != NULL)
    aip_window_add (opened, now, aip_window_get_used (old, now));
  *window = opened;
}

/**
 * aip_ledger_local_open_windows:
 * @part: a part of a quota, with its account and limits
 *
 * Sees to it that the account has a window for each limit. Once it has one it keeps it, so that a limit that
 * is taken away and comes back finds its count. The request windows of an account have the length that was
 * set last.
 */
void
aip_ledger_local_open_windows (AipQuotaPart *part)
{
  AipWindow **windows;

  g_return_if_fail (part != NULL && part->account != NULL);

  windows = part->account->windows;
  g_mutex_lock (&part->account->lock);
  if (part->limits[AIP_LIMIT_REQUESTS] > 0)
    open_window (&windows[AIP_LIMIT_REQUESTS], part->window);
  if (part->limits[AIP_LIMIT_TOKENS] > 0)
    open_window (&windows[AIP_LIMIT_TOKENS], 60 * G_USEC_PER_SEC);
  for (AipLimitKind kind = AIP_LIMIT_DAY_REQUESTS; kind < AIP_N_LIMITS; kind++)
    if (part->limits[kind] > 0 && windows[kind] == NULL)
      windows[kind] = aip_window_new_day ();
  g_mutex_unlock (&part->account->lock);
}
