/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ledger"

#include "policy/aip-ledger-file.h"

#include <string.h>

/*
 * The file: "AIPL", a version byte, the wall's time of writing in microseconds; then for each window that is
 * not empty: the length of the account's name and the name, the kind, the slot's length in microseconds, the
 * number of slots that are not empty, and of each its age in slots (of what slides) or its day's number, and
 * what was charged. Numbers of more than a byte are 64 bits, little-endian.
 */

#define MAGIC "AIPL"
#define VERSION 1
#define MAX_NAME 255

static void
put_byte (GByteArray *file, guint value)
{
  guint8 byte = (guint8) value;

  g_byte_array_append (file, &byte, 1);
}

static void
put_number (GByteArray *file, gint64 value)
{
  guint64 bytes = GUINT64_TO_LE ((guint64) value);

  g_byte_array_append (file, (const guint8 *) &bytes, sizeof bytes);
}

/**
 * aip_ledger_file_begin:
 * @wall: microseconds since 1970
 *
 * Returns: (transfer full): a file that says when it was written and holds nothing yet
 */
GByteArray *
aip_ledger_file_begin (gint64 wall)
{
  GByteArray *file = g_byte_array_new ();

  g_byte_array_append (file, (const guint8 *) MAGIC, strlen (MAGIC));
  put_byte (file, VERSION);
  put_number (file, wall);
  return file;
}

/* A number of any sign has its place. */
static guint64
amount_at (const AipWindow *window, gint64 slot)
{
  gint64 size = window->n_slots + 1;

  return window->slots[((slot % size) + size) % size].amount;
}

/**
 * aip_ledger_file_add:
 * @file: a file
 * @name: of an account, at most 255 bytes
 * @kind: of its window
 * @window: what is written down
 * @now: of the window's clock, in microseconds
 */
void
aip_ledger_file_add (GByteArray *file, const char *name, AipLimitKind kind, AipWindow *window, gint64 now)
{
  gsize length = strlen (name);
  guint n_slots = 0;

  g_return_if_fail (file != NULL && length > 0 && length <= MAX_NAME && window != NULL);

  if (aip_window_get_used (window, now) == 0)
    return;
  for (guint age = 0; age <= window->n_slots; age++)
    n_slots += amount_at (window, window->slot - age) > 0;
  put_byte (file, (guint) length);
  g_byte_array_append (file, (const guint8 *) name, (guint) length);
  put_byte (file, kind);
  put_number (file, window->slot_length);
  put_byte (file, n_slots);
  for (guint age = 0; age <= window->n_slots; age++)
    if (amount_at (window, window->slot - age) > 0)
      {
        put_number (file, aip_limit_is_daily (kind) ? window->slot : age);
        put_number (file, (gint64) amount_at (window, window->slot - age));
      }
}

/* --- reading, which trusts nothing --- */

typedef struct
{
  const guint8 *data;
  gsize left;
  gint64 elapsed; /* microseconds since it was written */
} Reader;

static gboolean
take (Reader *reader, void *out, gsize size)
{
  if (reader->left < size)
    return FALSE;
  memcpy (out, reader->data, size);
  reader->data += size;
  reader->left -= size;
  return TRUE;
}

/* No number of ours is negative. */
static gboolean
take_number (Reader *reader, gint64 *value)
{
  guint64 bytes;

  if (!take (reader, &bytes, sizeof bytes))
    return FALSE;
  *value = (gint64) GUINT64_FROM_LE (bytes);
  return *value >= 0;
}

static gboolean
take_name (Reader *reader, char name[MAX_NAME + 1])
{
  guint8 length;

  if (!take (reader, &length, 1) || length == 0 || !take (reader, name, length))
    return FALSE;
  name[length] = '\0';
  for (const char *letter = name; letter < name + length; letter++)
    if (!g_ascii_isgraph (*letter))
      return FALSE;
  return TRUE;
}

static gboolean
take_slot (Reader *reader, AipLedgerRecord *record, AipLedgerRecordFunc func, void *user_data)
{
  gint64 place;
  gint64 amount;

  if (!take_number (reader, &place) || !take_number (reader, &amount))
    return FALSE;
  record->amount = (guint64) amount;
  record->day = place;
  if (!aip_limit_is_daily (record->kind))
    {
      if (place > AIP_WINDOW_MAX_SLOTS)
        return FALSE;
      record->age = place + reader->elapsed / record->slot_length;
    }
  if (aip_limit_is_daily (record->kind) || record->age <= AIP_WINDOW_MAX_SLOTS)
    func (record, user_data);
  return TRUE;
}

static gboolean
take_window (Reader *reader, AipLedgerRecordFunc func, void *user_data)
{
  AipLedgerRecord record = { 0 };
  guint8 kind;
  guint8 n_slots;

  if (!take_name (reader, record.name) || !take (reader, &kind, 1) || kind >= AIP_N_LIMITS ||
      !take_number (reader, &record.slot_length) || record.slot_length == 0 ||
      record.slot_length > AIP_WINDOW_DAY || !take (reader, &n_slots, 1) ||
      n_slots > AIP_WINDOW_MAX_SLOTS + 1)
    return FALSE;
  record.kind = kind;
  if (aip_limit_is_daily (kind) && (record.slot_length != AIP_WINDOW_DAY || n_slots > 1))
    return FALSE;
  for (guint i = 0; i < n_slots; i++)
    if (!take_slot (reader, &record, func, user_data))
      return FALSE;
  return TRUE;
}

static gboolean
take_head (Reader *reader, gint64 *written)
{
  char magic[sizeof MAGIC - 1];
  guint8 version;

  return take (reader, magic, sizeof magic) && memcmp (magic, MAGIC, sizeof magic) == 0 &&
         take (reader, &version, 1) && version == VERSION && take_number (reader, written);
}

/**
 * aip_ledger_file_get_time:
 * @data: a file, or anything
 * @size: of @data in bytes
 *
 * Returns: when it was written, in microseconds since 1970; -1: it is no such file
 */
gint64
aip_ledger_file_get_time (const guint8 *data, gsize size)
{
  Reader reader = { data, size, 0 };
  gint64 written;

  return take_head (&reader, &written) ? written : -1;
}

/**
 * aip_ledger_file_read:
 * @data: a file, or anything
 * @size: of @data in bytes
 * @wall: microseconds since 1970, now
 * @func: called for each slot that may still count
 * @user_data: for @func
 *
 * Where the clock was set back since the file was written, no time has gone by.
 *
 * Returns: whether the file was whole
 */
gboolean
aip_ledger_file_read (const guint8 *data, gsize size, gint64 wall, AipLedgerRecordFunc func, void *user_data)
{
  Reader reader = { data, size, 0 };
  gint64 written;

  g_return_val_if_fail (data != NULL || size == 0, FALSE);
  g_return_val_if_fail (func != NULL, FALSE);

  if (size > AIP_LEDGER_FILE_MAX_SIZE || !take_head (&reader, &written))
    return FALSE;
  reader.elapsed = MAX (wall - written, 0);
  while (reader.left > 0)
    if (!take_window (&reader, func, user_data))
      return FALSE;
  return TRUE;
}
