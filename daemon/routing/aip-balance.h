/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-router.h"

G_BEGIN_DECLS

/**
 * AipBalance: whose turn it is on one route, for each place among a mapping's targets. Any thread may use
 * it; each call is one turn.
 */
typedef struct _AipBalance AipBalance;

AipBalance *aip_balance_new (guint n_keys);
void aip_balance_free (AipBalance *self);
double *aip_balance_lock (AipBalance *self, guint rank);
void aip_balance_unlock (AipBalance *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipBalance, aip_balance_free)

G_END_DECLS
