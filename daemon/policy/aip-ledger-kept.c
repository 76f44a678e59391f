/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ledger"

#include "policy/aip-ledger-file.h"
#include "policy/aip-ledger-local-private.h"

/* What is kept over a restart. */

/* Whether the account may go: nobody refers to it and nothing counts. Called with the account locked. */
static gboolean
is_over (AipAccount *account, const AipLedgerNow *now)
{
  for (AipLimitKind kind = 0; kind < AIP_N_LIMITS; kind++)
    if (account->windows[kind] != NULL &&
        aip_window_get_used (account->windows[kind], aip_ledger_now_for (now, kind)) > 0)
      return FALSE;
  return g_atomic_ref_count_compare (&account->refs, 1);
}

/* Called with the account locked. */
static void
write_account (GByteArray *out, AipAccount *account, const AipLedgerNow *now)
{
  for (AipLimitKind kind = 0; kind < AIP_N_LIMITS; kind++)
    if (account->windows[kind] != NULL)
      aip_ledger_file_add (out, account->name, kind, account->windows[kind], aip_ledger_now_for (now, kind));
}

/**
 * aip_ledger_local_dump_account:
 * @account: one account
 *
 * Returns: (transfer full): what counts of it, for aip_ledger_local_replace ()
 */
GByteArray *
aip_ledger_local_dump_account (AipAccount *account)
{
  GByteArray *out;
  AipLedgerNow now;

  g_return_val_if_fail (account != NULL, NULL);

  g_mutex_lock (&account->lock);
  now = aip_ledger_now ();
  out = aip_ledger_file_begin (now.wall);
  write_account (out, account, &now);
  g_mutex_unlock (&account->lock);
  return out;
}

/**
 * aip_ledger_local_dump:
 * @self: a ledger
 *
 * Writes down what counts, and forgets accounts that nobody has any more.
 *
 * Returns: (transfer full): for aip_ledger_local_restore ()
 */
GBytes *
aip_ledger_local_dump (AipLedgerLocal *self)
{
  GByteArray *out = aip_ledger_file_begin (aip_clock_wall ());
  AipLedgerNow now = aip_ledger_now ();
  GHashTableIter iter;
  AipAccount *account;

  g_return_val_if_fail (self != NULL, NULL);

  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->accounts);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &account))
    {
      gboolean over;

      g_mutex_lock (&account->lock);
      over = is_over (account, &now);
      if (!over)
        write_account (out, account, &now);
      g_mutex_unlock (&account->lock);
      if (over)
        g_hash_table_iter_remove (&iter);
    }
  g_mutex_unlock (&self->lock);
  return g_byte_array_free_to_bytes (out);
}

static AipWindow *
make_window (const AipLedgerRecord *record)
{
  AipWindow *window;

  if (aip_limit_is_daily (record->kind))
    return record->slot_length == AIP_WINDOW_DAY ? aip_window_new_day () : NULL;
  window = aip_window_new_sliding (record->slot_length * AIP_WINDOW_MAX_SLOTS);
  g_assert (window->slot_length == record->slot_length);
  return window;
}

static void
restore_record (const AipLedgerRecord *record, void *user_data)
{
  AipLedgerLocal *self = user_data;
  AipLedgerNow now = aip_ledger_now ();
  gint64 time = aip_ledger_now_for (&now, record->kind);
  AipAccount *account = aip_ledger_local_find (self, record->name);
  AipWindow **window = &account->windows[record->kind];

  if (*window == NULL)
    *window = make_window (record);
  if (*window == NULL || (*window)->slot_length != record->slot_length)
    return;
  if (aip_limit_is_daily (record->kind))
    aip_window_add_to_slot (*window, time, record->day, record->amount);
  else
    aip_window_add_to_slot (*window, time, time / record->slot_length - record->age, record->amount);
}

/**
 * aip_ledger_local_restore:
 * @self: a ledger without accounts
 * @data: what aip_ledger_local_dump () gave; or anything
 * @size: of @data in bytes
 *
 * Takes over what still counts. Time that went by while nothing ran, by the wall's clock, has gone by for the
 * windows too.
 *
 * Returns: whether @data was whole; what was read before a fault counts all the same
 */
gboolean
aip_ledger_local_restore (AipLedgerLocal *self, const guint8 *data, gsize size)
{
  gboolean whole;

  g_return_val_if_fail (self != NULL && (data != NULL || size == 0), FALSE);

  g_mutex_lock (&self->lock);
  whole = aip_ledger_file_read (data, size, aip_clock_wall (), restore_record, self);
  g_mutex_unlock (&self->lock);
  return whole;
}

/**
 * aip_ledger_local_replace:
 * @self: a ledger whose accounts nobody uses yet
 * @name: of an account
 * @data: what aip_ledger_local_dump_account () gave; or anything
 * @size: of @data in bytes
 *
 * Puts it in the place of what the account holds, as aip_ledger_local_restore () does.
 *
 * Returns: whether @data was whole
 */
gboolean
aip_ledger_local_replace (AipLedgerLocal *self, const char *name, const guint8 *data, gsize size)
{
  AipAccount *account;

  g_return_val_if_fail (self != NULL && name != NULL, FALSE);
  g_return_val_if_fail (data != NULL || size == 0, FALSE);

  if (aip_ledger_file_get_time (data, size) < 0)
    return FALSE;
  g_mutex_lock (&self->lock);
  account = aip_ledger_local_find (self, name);
  for (AipLimitKind kind = 0; kind < AIP_N_LIMITS; kind++)
    g_clear_pointer (&account->windows[kind], g_free);
  g_mutex_unlock (&self->lock);
  return aip_ledger_local_restore (self, data, size);
}
