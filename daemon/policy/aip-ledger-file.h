/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-quota.h"

G_BEGIN_DECLS

#define AIP_LEDGER_FILE_MAX_SIZE (32 * 1024 * 1024)

/**
 * AipLedgerRecord: one slot of one window, as it was written down.
 * @name: of the account
 * @age: of what slides: how many slots before the present one, with the time that has gone by since
 * @day: of what is daily: its number since 1970
 */
typedef struct
{
  char name[256];
  AipLimitKind kind;
  gint64 slot_length;
  gint64 age;
  gint64 day;
  guint64 amount;
} AipLedgerRecord;

typedef void (*AipLedgerRecordFunc) (const AipLedgerRecord *record, void *user_data);

GByteArray *aip_ledger_file_begin (gint64 wall);
void
aip_ledger_file_add (GByteArray *file, const char *name, AipLimitKind kind, AipWindow *window, gint64 now);
gint64 aip_ledger_file_get_time (const guint8 *data, gsize size);
gboolean
aip_ledger_file_read (const guint8 *data, gsize size, gint64 wall, AipLedgerRecordFunc func, void *user_data);

G_END_DECLS
