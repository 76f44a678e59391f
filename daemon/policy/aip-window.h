/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define AIP_WINDOW_MAX_SLOTS 60 /* beside the present one */

#define AIP_WINDOW_DAY (G_GINT64_CONSTANT (24) * 3600 * G_USEC_PER_SEC)
#define AIP_WINDOW_NEVER G_MAXINT64

/**
 * AipWindowSlot:
 * @latest: when the last of it was charged
 */
typedef struct
{
  guint64 amount;
  gint64 latest;
} AipWindowSlot;

/**
 * AipWindow: what was charged within the last so many microseconds. Pure: its clock is handed in. Not locked.
 *
 * Time is cut into slots, 60 to a window; those that lie in the window, even in part, count in full. So what
 * is counted is never less than what was charged within the window, at any moment: a limit is not overshot.
 * A slot leaves when the last that was charged to it does: the price is that what was charged before that
 * comes back up to a 60th of the window late (a second for a minute), but never later than a window after the
 * last charge. A day has one slot, which ends at midnight UTC.
 *
 * @slot_length: microseconds
 * @n_slots: how many count beside the present one: 60; 0 for a day
 * @slot: the number of the present one
 * @sum: of all that count
 * @slots: by their number modulo @n_slots + 1
 */
typedef struct
{
  gint64 slot_length;
  guint n_slots;
  gint64 slot;
  guint64 sum;
  AipWindowSlot slots[];
} AipWindow;

AipWindow *aip_window_new_sliding (gint64 length);
AipWindow *aip_window_new_day (void);
gint64 aip_window_get_length (const AipWindow *self);

guint64 aip_window_get_used (AipWindow *self, gint64 now);
gint64 aip_window_get_wait (AipWindow *self, gint64 now, guint64 limit, guint64 amount);
gint64 aip_window_get_reset (AipWindow *self, gint64 now);
gint64 aip_window_add (AipWindow *self, gint64 now, guint64 amount);
void aip_window_add_to_slot (AipWindow *self, gint64 now, gint64 slot, guint64 amount);
guint64 aip_window_take_back (AipWindow *self, gint64 now, gint64 slot, guint64 amount);

G_END_DECLS
