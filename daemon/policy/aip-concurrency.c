/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-concurrency"

#include "policy/aip-concurrency.h"

/*
 * A slot is referred to by the table of slots and by each table of clients; a request under way is in its
 * count alone, so that it costs two atomic operations in all. A slot goes when only the table of slots
 * refers to it and nothing is counted: then nobody is left who could enter it.
 */
struct _AipConcurrencySlot
{
  gatomicrefcount refs;
  int count; /* atomic: requests under way */
};

struct _AipConcurrency
{
  gatomicrefcount refs;
  GMutex lock;       /* of the table */
  GHashTable *slots; /* name -> AipConcurrencySlot, owned */
};

/**
 * aip_concurrency_slot_unref:
 * @self: (transfer full): a slot
 *
 * From any thread.
 */
void
aip_concurrency_slot_unref (AipConcurrencySlot *self)
{
  g_return_if_fail (self != NULL);

  if (g_atomic_ref_count_dec (&self->refs))
    g_free (self);
}

/**
 * aip_concurrency_new:
 *
 * Returns: (transfer full): a table without clients
 */
AipConcurrency *
aip_concurrency_new (void)
{
  AipConcurrency *self = g_new0 (AipConcurrency, 1);

  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->lock);
  self->slots =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) aip_concurrency_slot_unref);
  return self;
}

/**
 * aip_concurrency_ref:
 * @self: a table
 *
 * From any thread.
 *
 * Returns: (transfer full): the same
 */
AipConcurrency *
aip_concurrency_ref (AipConcurrency *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * aip_concurrency_unref:
 * @self: (transfer full): a table
 *
 * From any thread.
 */
void
aip_concurrency_unref (AipConcurrency *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_hash_table_unref (self->slots);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static gboolean
is_over (gpointer name, gpointer value, gpointer user_data)
{
  AipConcurrencySlot *slot = value;

  return g_atomic_ref_count_compare (&slot->refs, 1) && g_atomic_int_get (&slot->count) == 0;
}

/**
 * aip_concurrency_get:
 * @self: a table
 * @name: the client's name
 *
 * Gives the client's count, the same one as long as somebody refers to it or it is not zero. From any thread.
 *
 * Returns: (transfer full): the slot
 */
AipConcurrencySlot *
aip_concurrency_get (AipConcurrency *self, const char *name)
{
  AipConcurrencySlot *slot;

  g_return_val_if_fail (self != NULL && name != NULL, NULL);

  g_mutex_lock (&self->lock);
  slot = g_hash_table_lookup (self->slots, name);
  if (slot == NULL)
    {
      g_hash_table_foreach_remove (self->slots, is_over, NULL);
      slot = g_new0 (AipConcurrencySlot, 1);
      g_atomic_ref_count_init (&slot->refs);
      g_hash_table_insert (self->slots, g_strdup (name), slot);
    }
  g_atomic_ref_count_inc (&slot->refs);
  g_mutex_unlock (&self->lock);
  return slot;
}

/**
 * aip_concurrency_slot_enter:
 * @self: a slot that a table of clients refers to
 * @limit: how many requests may be under way at a time
 *
 * Counts a request, unless there are @limit of them already. From any thread. The slot stays until
 * aip_concurrency_slot_leave (), whatever becomes of that table of clients.
 *
 * Returns: whether it was counted
 */
gboolean
aip_concurrency_slot_enter (AipConcurrencySlot *self, guint limit)
{
  int count;

  g_return_val_if_fail (self != NULL, FALSE);

  /* Adding first and taking back when it was too much would turn away others in between. */
  do
    {
      count = g_atomic_int_get (&self->count);
      if ((guint) count >= limit)
        return FALSE;
    }
  while (!g_atomic_int_compare_and_exchange (&self->count, count, count + 1));

  return TRUE;
}

/**
 * aip_concurrency_slot_leave:
 * @self: a slot in which a request was counted; it may be gone when this returns
 *
 * From any thread.
 */
void
aip_concurrency_slot_leave (AipConcurrencySlot *self)
{
  int before;

  g_return_if_fail (self != NULL);

  before = g_atomic_int_add (&self->count, -1);
  g_assert (before > 0);
}

/**
 * aip_concurrency_slot_count:
 * @self: a slot
 *
 * Returns: requests under way
 */
guint
aip_concurrency_slot_count (const AipConcurrencySlot *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return (guint) g_atomic_int_get (&self->count);
}
