/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-ledger-local.h"

G_BEGIN_DECLS

/**
 * AipLedgerStore: the file of the counts: written a little after a change, and when it is closed. What
 * changes in between is in a diary.
 */
typedef struct _AipLedgerStore AipLedgerStore;

typedef GBytes *(*AipLedgerStoreFunc) (void *user_data);

AipLedgerStore *
aip_ledger_store_new (const char *state_dir, GMainContext *context, AipLedgerStoreFunc dump, void *user_data);
void aip_ledger_store_free (AipLedgerStore *self);
void aip_ledger_store_load (AipLedgerStore *self, AipLedgerLocal *local);
void aip_ledger_store_note (AipLedgerStore *self, const AipQuota *quota);
void aip_ledger_store_close (AipLedgerStore *self);

G_END_DECLS
