/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-quota.h"

G_BEGIN_DECLS

/**
 * AipLedgerLocal: the accounts in this process. From any thread: each account has a short lock of its own.
 */
typedef struct _AipLedgerLocal AipLedgerLocal;

AipLedgerLocal *aip_ledger_local_new (void);
void aip_ledger_local_free (AipLedgerLocal *self);

AipAccount *aip_ledger_local_get_account (AipLedgerLocal *self, const char *name);
void aip_ledger_local_open_windows (AipQuotaPart *part);

void aip_ledger_local_reserve (const AipQuota *quota, guint64 tokens, AipTally *tally);
void aip_ledger_local_check (const AipQuota *quota, guint64 tokens, AipTally *tally);
void aip_ledger_local_note_refusal (const AipQuota *quota, guint64 tokens, const AipTally *tally);
void aip_ledger_local_charge (const AipQuota *quota, guint64 tokens, AipTally *tally);
void aip_ledger_local_settle (const AipQuota *quota, const AipTally *tally, guint64 reserved, guint64 tokens);
void aip_ledger_local_refund (const AipQuota *quota, const AipTally *tally, guint64 reserved);
void aip_ledger_local_release (const AipQuota *quota, guint64 reserved);

GBytes *aip_ledger_local_dump (AipLedgerLocal *self);
GByteArray *aip_ledger_local_dump_account (AipAccount *account);
gboolean aip_ledger_local_restore (AipLedgerLocal *self, const guint8 *data, gsize size);
gboolean aip_ledger_local_replace (AipLedgerLocal *self, const char *name, const guint8 *data, gsize size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipLedgerLocal, aip_ledger_local_free)

G_END_DECLS
