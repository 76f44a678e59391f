/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipConcurrency: how many requests each client has under way, over all workers. It outlives configurations,
 * so that a reload neither resets nor loses a count. Safe to use from all workers.
 */
typedef struct _AipConcurrency AipConcurrency;

/**
 * AipConcurrencySlot: the count of one client. Safe to use from all workers.
 */
typedef struct _AipConcurrencySlot AipConcurrencySlot;

AipConcurrency *aip_concurrency_new (void);
AipConcurrency *aip_concurrency_ref (AipConcurrency *self);
void aip_concurrency_unref (AipConcurrency *self);
AipConcurrencySlot *aip_concurrency_get (AipConcurrency *self, const char *name);

gboolean aip_concurrency_slot_enter (AipConcurrencySlot *self, guint limit);
void aip_concurrency_slot_leave (AipConcurrencySlot *self);
guint aip_concurrency_slot_count (const AipConcurrencySlot *self);
void aip_concurrency_slot_unref (AipConcurrencySlot *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipConcurrency, aip_concurrency_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipConcurrencySlot, aip_concurrency_slot_unref)

G_END_DECLS
