/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-limits.h"

/*
 * What the ledger has to do, told by a log of single charges: a window is cut into 60 pieces, and what was
 * charged in one leaves it together with the last of them; a day is one of UTC. Where less was used than was
 * reserved, the charge itself becomes smaller, wherever it stands; what was used beyond it is a charge of its
 * own, of now.
 */

#define N_PIECES 60
#define DAY_US (24 * G_TIME_SPAN_HOUR)
#define MINUTE_US G_TIME_SPAN_MINUTE

typedef struct
{
  gint64 at_us;
  guint64 amount;
} Charge;

static gboolean
is_on_tokens (int kind)
{
  return kind == SIM_LIMIT_TOKENS || kind == SIM_LIMIT_DAY_TOKENS;
}

static Charge *
get_charge (const SimLimit *self, guint i)
{
  return &g_array_index (self->charges, Charge, i);
}

/* --- parties --- */

/**
 * sim_party_init:
 * @self: (out caller-allocates): a party that has used nothing
 * @sizes: of its limits; 0: there is none
 * @wall_us: how far the wall clock, which days go by, is ahead of the steady one
 */
void
sim_party_init (SimParty *self, const guint64 sizes[SIM_N_LIMITS], gint64 wall_us)
{
  self->pending = 0;
  for (guint kind = 0; kind < SIM_N_LIMITS; kind++)
    {
      gboolean daily = kind == SIM_LIMIT_DAY_REQUESTS || kind == SIM_LIMIT_DAY_TOKENS;

      self->limits[kind] = (SimLimit){
        .size = sizes[kind],
        .length_us = daily ? 0 : MINUTE_US,
        .shift_us = daily ? wall_us : 0,
        .charges = g_array_new (FALSE, FALSE, sizeof (Charge)),
      };
    }
}

/**
 * sim_party_clear:
 * @self: a party
 */
void
sim_party_clear (SimParty *self)
{
  for (guint kind = 0; kind < SIM_N_LIMITS; kind++)
    g_array_unref (self->limits[kind].charges);
}

/* --- one limit --- */

/* When a charge no longer counts, by the limit's own clock. */
static gint64
get_end (const SimLimit *self, guint i)
{
  gint64 piece_us = self->length_us / N_PIECES;
  gint64 at_us = get_charge (self, i)->at_us;

  if (self->length_us == 0)
    return (at_us / DAY_US + 1) * DAY_US;
  while (i + 1 < self->charges->len && get_charge (self, i + 1)->at_us / piece_us == at_us / piece_us)
    i++;
  return get_charge (self, i)->at_us + self->length_us;
}

static void
forget_old (SimLimit *self, gint64 now_us)
{
  for (; self->first < self->charges->len; self->first++)
    {
      if (get_end (self, self->first) > now_us)
        break;
      self->sum -= get_charge (self, self->first)->amount;
    }
}

static gint64
get_wait (SimLimit *self, gint64 steady_us, guint64 amount)
{
  gint64 now_us = steady_us + self->shift_us;
  guint64 sum;
  guint i;

  forget_old (self, now_us);
  if (amount > self->size)
    return SIM_NEVER;
  sum = self->sum;
  if (sum + amount <= self->size)
    return 0;
  for (i = self->first; sum + amount > self->size; i++)
    sum -= get_charge (self, i)->amount;
  return get_end (self, i - 1) - now_us;
}

static guint
charge (SimLimit *self, gint64 steady_us, guint64 amount)
{
  Charge charge = { steady_us + self->shift_us, amount };

  forget_old (self, charge.at_us);
  g_array_append_val (self->charges, charge);
  self->sum += amount;
  return self->charges->len - 1;
}

static void
correct (SimLimit *self, gint64 steady_us, guint i, guint64 amount)
{
  Charge *old = get_charge (self, i);

  forget_old (self, steady_us + self->shift_us);
  if (amount > old->amount)
    {
      charge (self, steady_us, amount - old->amount);
      return;
    }
  /* What has left the window has left it as it was. */
  if (i < self->first)
    return;
  self->sum -= old->amount - amount;
  old->amount = amount;
}

/**
 * sim_limit_get_peak:
 * @self: a limit
 *
 * Goes through the log, without any pieces: windows end with each charge.
 *
 * Returns: the most that has counted in any window, or on any day
 */
guint64
sim_limit_get_peak (const SimLimit *self)
{
  guint64 sum = 0, peak = 0;
  guint first = 0;

  for (guint i = 0; i < self->charges->len; i++)
    {
      gint64 at_us = get_charge (self, i)->at_us;
      gint64 from_us = self->length_us == 0 ? at_us / DAY_US * DAY_US : at_us - self->length_us + 1;

      sum += get_charge (self, i)->amount;
      for (; get_charge (self, first)->at_us < from_us; first++)
        sum -= get_charge (self, first)->amount;
      peak = MAX (peak, sum);
    }
  return peak;
}

/**
 * sim_limit_get_total:
 * @self: a limit
 *
 * Returns: all that was ever charged and not given back
 */
guint64
sim_limit_get_total (const SimLimit *self)
{
  guint64 total = 0;

  for (guint i = 0; i < self->charges->len; i++)
    total += get_charge (self, i)->amount;
  return total;
}

/* --- quotas --- */

typedef struct
{
  guint party;
  int kind; /* begins with -1 */
  SimLimit *limit;
} Cursor;

/* The next limit that there is. */
static gboolean
next_limit (const SimQuota *self, Cursor *cursor)
{
  for (cursor->kind++; cursor->party < SIM_MAX_PARTIES; cursor->party++, cursor->kind = 0)
    for (; self->parties[cursor->party] != NULL && cursor->kind < SIM_N_LIMITS; cursor->kind++)
      {
        cursor->limit = &self->parties[cursor->party]->limits[cursor->kind];
        if (cursor->limit->size > 0)
          return TRUE;
      }
  return FALSE;
}

static guint64
get_most_room (const SimParty *party, SimLimit *limit, gint64 steady_us)
{
  guint64 used;

  forget_old (limit, steady_us + limit->shift_us);
  used = limit->sum - MIN (party->pending, limit->sum);
  return limit->size - MIN (used, limit->size);
}

/**
 * sim_quota_fit:
 * @self: a quota
 * @now_us: the steady clock
 * @least: how many tokens a request takes at least
 * @most: how many it may take
 *
 * Returns: how many it has to reserve: no more than there is when nothing runs
 */
guint64
sim_quota_fit (const SimQuota *self, gint64 now_us, guint64 least, guint64 most)
{
  Cursor cursor = { .kind = -1 };

  while (next_limit (self, &cursor))
    if (is_on_tokens (cursor.kind))
      most = MIN (most, get_most_room (self->parties[cursor.party], cursor.limit, now_us));
  return MAX (least, most);
}

/**
 * sim_quota_get_wait:
 * @self: a quota
 * @now_us: the steady clock
 * @tokens: what a request would take
 *
 * Returns: microseconds until all limits have room; 0: now; SIM_NEVER
 */
gint64
sim_quota_get_wait (const SimQuota *self, gint64 now_us, guint64 tokens)
{
  Cursor cursor = { .kind = -1 };
  gint64 wait_us = 0;

  while (next_limit (self, &cursor))
    wait_us = MAX (wait_us, get_wait (cursor.limit, now_us, is_on_tokens (cursor.kind) ? tokens : 1));
  return wait_us;
}

static void
change_pending (const SimQuota *self, gint64 tokens)
{
  for (guint i = 0; i < SIM_MAX_PARTIES; i++)
    if (self->parties[i] != NULL)
      self->parties[i]->pending += tokens;
}

/**
 * sim_quota_charge:
 * @self: a quota with room
 * @now_us: the steady clock
 * @tokens: what a request may take
 * @hold: (out): what it holds
 */
void
sim_quota_charge (const SimQuota *self, gint64 now_us, guint64 tokens, SimHold *hold)
{
  Cursor cursor = { .kind = -1 };

  hold->tokens = tokens;
  change_pending (self, (gint64) tokens);
  while (next_limit (self, &cursor))
    hold->charges[cursor.party][cursor.kind] =
        charge (cursor.limit, now_us, is_on_tokens (cursor.kind) ? tokens : 1);
}

/**
 * sim_quota_settle:
 * @self: a quota
 * @now_us: the steady clock
 * @hold: what a request holds
 * @tokens: what it took
 */
void
sim_quota_settle (const SimQuota *self, gint64 now_us, const SimHold *hold, guint64 tokens)
{
  Cursor cursor = { .kind = -1 };

  while (next_limit (self, &cursor))
    if (is_on_tokens (cursor.kind))
      correct (cursor.limit, now_us, hold->charges[cursor.party][cursor.kind], tokens);
  change_pending (self, -(gint64) hold->tokens);
}

/**
 * sim_quota_refund:
 * @self: a quota
 * @now_us: the steady clock
 * @hold: what a request holds that was not sent
 */
void
sim_quota_refund (const SimQuota *self, gint64 now_us, const SimHold *hold)
{
  Cursor cursor = { .kind = -1 };

  while (next_limit (self, &cursor))
    correct (cursor.limit, now_us, hold->charges[cursor.party][cursor.kind], 0);
  change_pending (self, -(gint64) hold->tokens);
}
