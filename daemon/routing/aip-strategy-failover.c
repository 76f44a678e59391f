/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-strategy.h"

/* failover: always the first one that is there: by priority, and among equals as the configuration lists
 * them. */

static void
score (AipStrategyItem *items, guint n, const AipStrategyContext *context)
{
  for (guint i = 0; i < n; i++)
    items[i].score = 1.0 / (i + 1);
}

static void
arrange (AipStrategyItem *items, guint n, guint wanted, const AipStrategyContext *context)
{
}

const AipStrategy aip_strategy_failover = { "failover", score, arrange };
