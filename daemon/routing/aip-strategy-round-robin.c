/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-strategy.h"

/* round_robin: all take turns, whatever their weights. */

static void
score (AipStrategyItem *items, guint n, const AipStrategyContext *context)
{
  for (guint i = 0; i < n; i++)
    items[i].score = 1;
}

const AipStrategy aip_strategy_round_robin = { "round_robin", score, aip_strategy_arrange_in_turn };
