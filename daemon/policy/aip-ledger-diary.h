/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-quota.h"

G_BEGIN_DECLS

/**
 * AipLedgerDiary: what has changed since the file of the counts was written, so that a daemon that is killed
 * forgets nothing but the last moment. A thread writes down the accounts that were noted, each with all that
 * it holds, behind what is there.
 */
typedef struct _AipLedgerDiary AipLedgerDiary;

/**
 * AipLedgerDiaryFunc:
 * @name: of an account
 * @data: (array length=size): what it held then, for aip_ledger_local_replace (); or anything
 * @size: of @data in bytes
 */
typedef void (*AipLedgerDiaryFunc) (const char *name, const guint8 *data, gsize size, void *user_data);

AipLedgerDiary *aip_ledger_diary_new (const char *directory);
void aip_ledger_diary_free (AipLedgerDiary *self);
gsize aip_ledger_diary_parse (const guint8 *data, gsize size, AipLedgerDiaryFunc func, void *user_data);
void aip_ledger_diary_read (AipLedgerDiary *self, AipLedgerDiaryFunc func, void *user_data);
void aip_ledger_diary_note (AipLedgerDiary *self, AipAccount *account);
void aip_ledger_diary_turn (AipLedgerDiary *self);
void aip_ledger_diary_close (AipLedgerDiary *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipLedgerDiary, aip_ledger_diary_free)

G_END_DECLS
