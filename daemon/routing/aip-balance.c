/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-balance.h"

struct _AipBalance
{
  GMutex lock; /* of what follows */
  guint n_keys;
  GPtrArray *ranks; /* of (nullable) arrays of n_keys doubles, made when they are needed */
};

/**
 * aip_balance_new:
 * @n_keys: how many there are in the router
 *
 * Returns: (transfer full): a balance in which nobody has waited
 */
AipBalance *
aip_balance_new (guint n_keys)
{
  AipBalance *self = g_new0 (AipBalance, 1);

  g_mutex_init (&self->lock);
  self->n_keys = n_keys;
  self->ranks = g_ptr_array_new_with_free_func (g_free);
  return self;
}

/**
 * aip_balance_free:
 * @self: (transfer full): a balance
 */
void
aip_balance_free (AipBalance *self)
{
  g_return_if_fail (self != NULL);

  g_ptr_array_unref (self->ranks);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/**
 * aip_balance_lock:
 * @self: a balance
 * @rank: place among the targets of a mapping
 *
 * Locks it until aip_balance_unlock ().
 *
 * Returns: (transfer none): what each key has waited for at @rank, by AipCandidate.index
 */
double *
aip_balance_lock (AipBalance *self, guint rank)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_mutex_lock (&self->lock);
  if (rank >= self->ranks->len)
    g_ptr_array_set_size (self->ranks, (int) rank + 1);
  if (g_ptr_array_index (self->ranks, rank) == NULL)
    g_ptr_array_index (self->ranks, rank) = g_new0 (double, MAX (self->n_keys, 1));
  return g_ptr_array_index (self->ranks, rank);
}

/**
 * aip_balance_unlock:
 * @self: a locked balance
 */
void
aip_balance_unlock (AipBalance *self)
{
  g_return_if_fail (self != NULL);

  g_mutex_unlock (&self->lock);
}
