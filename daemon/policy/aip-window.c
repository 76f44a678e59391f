/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-window"

#include "policy/aip-window.h"

#include <string.h>

/* A clock that is set back by less, around midnight, does not begin the day anew. */
#define MAX_STEP_BACK (G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC)

static AipWindow *
window_new (gint64 slot_length, guint n_slots)
{
  AipWindow *self = g_malloc0 (sizeof (AipWindow) + (n_slots + 1) * sizeof (AipWindowSlot));

  self->slot_length = slot_length;
  self->n_slots = n_slots;
  return self;
}

/**
 * aip_window_new_sliding:
 * @length: microseconds, at least 60
 *
 * Returns: (transfer full): a window that slides; free it with g_free ()
 */
AipWindow *
aip_window_new_sliding (gint64 length)
{
  g_return_val_if_fail (length >= AIP_WINDOW_MAX_SLOTS, NULL);

  return window_new ((length + AIP_WINDOW_MAX_SLOTS - 1) / AIP_WINDOW_MAX_SLOTS, AIP_WINDOW_MAX_SLOTS);
}

/**
 * aip_window_new_day:
 *
 * Returns: (transfer full): a window of a day of UTC, whose clock is the wall's; free it with g_free ()
 */
AipWindow *
aip_window_new_day (void)
{
  return window_new (AIP_WINDOW_DAY, 0);
}

/**
 * aip_window_get_length:
 * @self: a window
 *
 * Returns: microseconds
 */
gint64
aip_window_get_length (const AipWindow *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->slot_length * MAX (self->n_slots, 1);
}

static AipWindowSlot *
find_slot (AipWindow *self, gint64 slot)
{
  gint64 size = self->n_slots + 1;

  return &self->slots[((slot % size) + size) % size];
}

static gboolean
counts (const AipWindow *self, gint64 slot)
{
  return slot <= self->slot && slot >= self->slot - self->n_slots;
}

static void
clear (AipWindow *self)
{
  memset (self->slots, 0, (self->n_slots + 1) * sizeof (AipWindowSlot));
  self->sum = 0;
}

static void
drop (AipWindow *self, gint64 slot)
{
  AipWindowSlot *found = find_slot (self, slot);

  self->sum -= found->amount;
  *found = (AipWindowSlot){ 0 };
}

/* Of the oldest slot a part has left the window already: maybe all that was charged to it. */
static void
drop_oldest (AipWindow *self, gint64 now)
{
  gint64 oldest = self->slot - self->n_slots;

  if (self->n_slots > 0 && find_slot (self, oldest)->amount > 0 &&
      find_slot (self, oldest)->latest + aip_window_get_length (self) <= now)
    drop (self, oldest);
}

static void
move_on (AipWindow *self, gint64 now)
{
  gint64 slot = now / self->slot_length;

  if (slot == self->slot)
    return;
  if (slot < self->slot && self->slot * self->slot_length - now <= MAX_STEP_BACK)
    return;
  if (slot < self->slot || slot - self->slot > self->n_slots)
    clear (self);
  else
    for (gint64 passed = self->slot + 1; passed <= slot; passed++)
      drop (self, passed);
  self->slot = slot;
}

/* Lets go of what has left the window. */
static void
move_to (AipWindow *self, gint64 now)
{
  move_on (self, now);
  drop_oldest (self, now);
}

/* When what a slot holds no longer counts. */
static gint64
wait_for (AipWindow *self, gint64 now, gint64 slot)
{
  if (self->n_slots == 0)
    return MAX ((slot + 1) * self->slot_length - now, 0);
  return MAX (find_slot (self, slot)->latest + aip_window_get_length (self) - now, 0);
}

/**
 * aip_window_get_used:
 * @self: a window
 * @now: microseconds
 *
 * Returns: what counts
 */
guint64
aip_window_get_used (AipWindow *self, gint64 now)
{
  g_return_val_if_fail (self != NULL, 0);

  move_to (self, now);
  return self->sum;
}

/**
 * aip_window_get_wait:
 * @self: a window
 * @now: microseconds
 * @limit: how much may count
 * @amount: what is asked for
 *
 * Returns: microseconds until there is room for @amount, 0 if there is; %AIP_WINDOW_NEVER if there cannot be
 */
gint64
aip_window_get_wait (AipWindow *self, gint64 now, guint64 limit, guint64 amount)
{
  guint64 sum;

  g_return_val_if_fail (self != NULL, 0);

  move_to (self, now);
  if (amount > limit)
    return AIP_WINDOW_NEVER;
  sum = self->sum;
  if (sum <= limit - amount)
    return 0;
  for (gint64 slot = self->slot - self->n_slots; slot <= self->slot; slot++)
    {
      sum -= find_slot (self, slot)->amount;
      if (sum <= limit - amount)
        return wait_for (self, now, slot);
    }
  g_return_val_if_reached (0);
}

/**
 * aip_window_get_reset:
 * @self: a window
 * @now: microseconds
 *
 * Returns: microseconds until nothing counts, if nothing is added
 */
gint64
aip_window_get_reset (AipWindow *self, gint64 now)
{
  g_return_val_if_fail (self != NULL, 0);

  move_to (self, now);
  if (self->sum == 0)
    return 0;
  for (gint64 slot = self->slot; slot >= self->slot - self->n_slots; slot--)
    if (find_slot (self, slot)->amount > 0)
      return wait_for (self, now, slot);
  g_return_val_if_reached (0);
}

/**
 * aip_window_add:
 * @self: a window
 * @now: microseconds
 * @amount: what to charge, whether there is room or not
 *
 * Returns: the slot that it was charged to
 */
gint64
aip_window_add (AipWindow *self, gint64 now, guint64 amount)
{
  g_return_val_if_fail (self != NULL, 0);

  move_to (self, now);
  aip_window_add_to_slot (self, now, self->slot, amount);
  return self->slot;
}

/**
 * aip_window_add_to_slot:
 * @self: a window
 * @now: microseconds
 * @slot: a slot's number; nothing happens where it does not count
 * @amount: what to charge
 */
void
aip_window_add_to_slot (AipWindow *self, gint64 now, gint64 slot, guint64 amount)
{
  AipWindowSlot *found;

  g_return_if_fail (self != NULL);

  move_to (self, now);
  if (!counts (self, slot))
    return;
  /* Bounded, so that no sum overflows. */
  amount = MIN (amount, G_MAXINT64 - MIN (self->sum, G_MAXINT64));
  found = find_slot (self, slot);
  found->amount += amount;
  /* When within a slot that is over it was charged is not known: as late as can be. */
  found->latest = MAX (found->latest, MIN (now, (slot + 1) * self->slot_length));
  self->sum += amount;
}

/**
 * aip_window_take_back:
 * @self: a window
 * @now: microseconds
 * @slot: what aip_window_add () said
 * @amount: how much was charged too much
 *
 * Gives back what still counts.
 *
 * Returns: how much that was
 */
guint64
aip_window_take_back (AipWindow *self, gint64 now, gint64 slot, guint64 amount)
{
  g_return_val_if_fail (self != NULL, 0);

  move_to (self, now);
  if (!counts (self, slot))
    return 0;
  amount = MIN (amount, find_slot (self, slot)->amount);
  find_slot (self, slot)->amount -= amount;
  self->sum -= amount;
  return amount;
}
