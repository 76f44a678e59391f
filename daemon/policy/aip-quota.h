/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-ledger.h"
#include "policy/aip-window.h"

G_BEGIN_DECLS

/* Private to the files aip-ledger*, aip-quota* and aip-reservation*. */

#define AIP_QUOTA_MAX_PARTS 2

typedef enum
{
  AIP_LIMIT_REQUESTS,
  AIP_LIMIT_TOKENS,
  AIP_LIMIT_DAY_REQUESTS,
  AIP_LIMIT_DAY_TOKENS,
  AIP_N_LIMITS,
} AipLimitKind;

typedef enum
{
  AIP_PARTY_CLIENT,
  AIP_PARTY_TENANT,
  AIP_PARTY_KEY,
} AipParty;

/**
 * AipAccount: what one client, tenant or key has used. Several are locked in the order of AipParty.
 * @name: "client:NAME", "tenant:NAME", "key:NAME": one of each
 * @windows: (nullable): each made when it is first limited
 * @pending: tokens of what is charged that are reserved, and may be given back
 * @noted: atomic: it is to be written into the diary
 * @refused_kind: as the next three, what Redis has last refused, and by which limit
 * @refused_tokens: it has no room for so many tokens
 * @refused_until: microseconds of aip_clock_now (): when there will be room
 * @ask_again: the same: until when that is believed, as others may give back what they have not used
 */
typedef struct
{
  gatomicrefcount refs;
  char *name;
  GMutex lock;
  AipWindow *windows[AIP_N_LIMITS];
  guint64 pending;
  int noted;
  AipLimitKind refused_kind;
  guint64 refused_tokens;
  gint64 refused_until;
  gint64 ask_again;
} AipAccount;

/**
 * AipQuotaPart: one account and what it is limited to.
 * @limits: 0: no limit
 * @window: of the requests that slide, in microseconds; the other windows' lengths are fixed
 * @is_default: the limit on requests is that of [rate-limit]
 * @in_config: there is a group of this name, which can be told to set a limit in
 */
typedef struct
{
  AipParty party;
  char *name; /* as people know it */
  AipAccount *account;
  guint64 limits[AIP_N_LIMITS];
  gint64 window;
  gboolean is_default;
  gboolean in_config;
} AipQuotaPart;

struct _AipQuota
{
  gatomicrefcount refs;
  guint n_parts;
  AipQuotaPart parts[AIP_QUOTA_MAX_PARTS];
};

/**
 * AipTally: what came of asking for room.
 * @unavailable: refused because nobody could tell
 * @part: of the quota: whose limit refused it; so is the next
 * @kind: which limit
 * @wait: microseconds until there is room; AIP_WINDOW_NEVER
 * @slots: where it was charged in this process
 * @shared: it was also charged on Redis
 * @shared_slots: where
 */
typedef struct
{
  gboolean granted;
  gboolean unavailable;
  guint part;
  AipLimitKind kind;
  gint64 wait;
  gboolean has_rate[AIP_N_RATES];
  AipRate rates[AIP_N_RATES];
  gint64 slots[AIP_QUOTA_MAX_PARTS][AIP_N_LIMITS];
  gboolean shared;
  gint64 shared_slots[AIP_QUOTA_MAX_PARTS][AIP_N_LIMITS];
} AipTally;

static inline gboolean
aip_limit_is_on_tokens (AipLimitKind kind)
{
  return kind == AIP_LIMIT_TOKENS || kind == AIP_LIMIT_DAY_TOKENS;
}

static inline gboolean
aip_limit_is_daily (AipLimitKind kind)
{
  return kind == AIP_LIMIT_DAY_REQUESTS || kind == AIP_LIMIT_DAY_TOKENS;
}

void aip_account_unref (AipAccount *self);
AipQuota *aip_quota_new (void);
AipQuotaPart *aip_quota_add_part (AipQuota *self, AipParty party, const char *name);
void aip_tally_add_rate (AipTally *self, AipLimitKind kind, guint64 limit, guint64 used, gint64 reset);
void aip_tally_add_refusal (AipTally *self, guint part, AipLimitKind kind, gint64 wait);

G_END_DECLS
