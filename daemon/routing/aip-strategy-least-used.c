/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-live-key-private.h"
#include "routing/aip-strategy.h"

/*
 * least_used: the fewest attempts under way for its weight, then the fewest tokens of the last minute, then
 * anyone.
 */

/* So many tokens count as half an attempt under way, and none count as a whole one. */
#define HALF_TOKENS 10000.0

static void
score (AipStrategyItem *items, guint n, const AipStrategyContext *context)
{
  /* Equals are taken in the order that begins here. */
  guint first = (guint) (context->random % n);

  for (guint i = 0; i < n; i++)
    {
      const AipCandidate *candidate = items[i].candidate;
      double tokens = aip_live_key_load_recent_tokens (items[i].live, context->now_us);
      double used = aip_live_key_load_in_flight (items[i].live) + tokens / (tokens + HALF_TOKENS);

      items[i].score = candidate->weight > 0 ? -used / candidate->weight : -G_MAXDOUBLE / 2;
      items[i].slot = i < first ? i + n - first : i - first;
    }
}

const AipStrategy aip_strategy_least_used = { "least_used", score, aip_strategy_arrange_by_score };
