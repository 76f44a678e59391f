/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define SIM_NEVER G_MAXINT64

/**
 * SimLimit: what one limit has to come to: the log of all that was ever charged to it.
 * @size: 0: there is none
 * @length_us: of the window; 0: a day of UTC
 * @shift_us: what its clock is ahead of the steady one
 * @first: of @charges, the first that counts
 * @sum: of those that count
 */
typedef struct
{
  guint64 size;
  gint64 length_us;
  gint64 shift_us;
  GArray *charges;
  guint first;
  guint64 sum;
} SimLimit;

typedef enum
{
  SIM_LIMIT_REQUESTS,
  SIM_LIMIT_TOKENS,
  SIM_LIMIT_DAY_REQUESTS,
  SIM_LIMIT_DAY_TOKENS,
  SIM_N_LIMITS,
} SimLimitKind;

/* One client, tenant or key; @pending: tokens held by requests that run. */
typedef struct
{
  SimLimit limits[SIM_N_LIMITS];
  guint64 pending;
} SimParty;

#define SIM_MAX_PARTIES 2

/**
 * SimQuota: the parties whose limits all have to have room.
 */
typedef struct
{
  SimParty *parties[SIM_MAX_PARTIES]; /* (nullable) */
} SimQuota;

/* What one request or attempt holds of a quota. */
typedef struct
{
  guint charges[SIM_MAX_PARTIES][SIM_N_LIMITS];
  guint64 tokens;
} SimHold;

void sim_party_init (SimParty *self, const guint64 sizes[SIM_N_LIMITS], gint64 wall_us);
void sim_party_clear (SimParty *self);

guint64 sim_quota_fit (const SimQuota *self, gint64 now_us, guint64 least, guint64 most);
gint64 sim_quota_get_wait (const SimQuota *self, gint64 now_us, guint64 tokens);
void sim_quota_charge (const SimQuota *self, gint64 now_us, guint64 tokens, SimHold *hold);
void sim_quota_settle (const SimQuota *self, gint64 now_us, const SimHold *hold, guint64 tokens);
void sim_quota_refund (const SimQuota *self, gint64 now_us, const SimHold *hold);

guint64 sim_limit_get_peak (const SimLimit *self);
guint64 sim_limit_get_total (const SimLimit *self);

G_END_DECLS
