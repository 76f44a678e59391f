/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-clock.h"
#include "policy/aip-ledger-local.h"

G_BEGIN_DECLS

/* Private to aip-ledger-local.c and aip-ledger-kept.c. */

struct _AipLedgerLocal
{
  GMutex lock;          /* of the table, not of what is in it */
  GHashTable *accounts; /* name -> AipAccount, owned */
};

/* Both clocks, read once for all windows of a call: days go by the wall's, what slides never jumps. */
typedef struct
{
  gint64 steady;
  gint64 wall;
} AipLedgerNow;

static inline AipLedgerNow
aip_ledger_now (void)
{
  return (AipLedgerNow){ aip_clock_now (), aip_clock_wall () };
}

static inline gint64
aip_ledger_now_for (const AipLedgerNow *now, AipLimitKind kind)
{
  return aip_limit_is_daily (kind) ? now->wall : now->steady;
}

AipAccount *aip_ledger_local_find (AipLedgerLocal *self, const char *name);

G_END_DECLS
