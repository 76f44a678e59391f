/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-fault-class.h"

G_BEGIN_DECLS

/**
 * AipAttemptBudget: what a request has used up of its attempts. All zero is one that has made none.
 * @n_counted: attempts that count
 * @n_before: of them, those of earlier rounds
 * @asked: somebody was asked in this round
 */
typedef struct
{
  guint n_counted;
  guint n_before;
  gboolean asked;
} AipAttemptBudget;

gboolean aip_attempt_budget_spend (AipAttemptBudget *self,
                                   const AipFaultVerdict *verdict,
                                   AipTransportFault transport,
                                   guint max);
gboolean aip_attempt_budget_begin_round (AipAttemptBudget *self, guint max);

G_END_DECLS
