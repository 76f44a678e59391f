/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-quota.h"

G_BEGIN_DECLS

/* Private to aip-ledger.c, aip-ledger-quotas.c and aip-reservation.c. */

typedef struct _AipLedgerCall AipLedgerCall;

struct _AipReservation
{
  AipLedger *ledger;
  AipQuota *quota;
  guint64 tokens; /* that were asked for */
  AipTally tally;
  AipLedgerCall *call; /* (nullable) (not owned): the answer is still to come */
  AipLedgerFunc callback;
  void *user_data;
};

void
aip_ledger_correct (AipLedger *self, AipQuota *quota, const AipTally *tally, gint64 requests, gint64 tokens);
void aip_ledger_open_part (AipLedger *self, AipQuotaPart *part, const char *kind, const char *account);
void aip_ledger_touch (AipLedger *self, const AipQuota *quota);
void aip_ledger_call_abandon (AipLedgerCall *call);

G_END_DECLS
