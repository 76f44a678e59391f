/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-live-key-private.h"
#include "routing/aip-strategy.h"

/*
 * weighted_score: each candidate gets the share of its score, spread evenly (smooth weighted round robin):
 *
 *   score    = weight x success x speed x headroom
 *   weight   = the provider's `weight` x the key's
 *   success  = moving average over the attempts, the newest 10 %; at least 0.05
 *   speed    = min (1, (100 ms + 2 x shortest) / own) of the times to the first byte
 *            x min (1, 2 x own / most) of the tokens per second, of which 100 are as good as more
 *   headroom = min (1, 2 x left / limit), the least of requests and tokens by the provider's headers, and of
 * the key's own limits
 *
 * What is not known counts as 1. Differences that may be chance (half the speed, half the limit) make none,
 * so that equals share evenly. Times are moving averages, the newest 20 %.
 */

#define MIN_SUCCESS 0.05
#define MIN_HEADROOM 0.01
#define EQUALLY_QUICK_US 100000
#define ENOUGH_TOKENS_PER_S 100

typedef struct
{
  double shortest; /* time to the first byte, microseconds; 0: not known */
  double most;     /* tokens per second; 0: not known */
} Best;

static Best
find_best (const AipStrategyItem *items, guint n)
{
  double shortest = G_MAXDOUBLE;
  double most = 0;

  for (guint i = 0; i < n; i++)
    {
      const AipLiveKey *live = items[i].live;
      double first_byte = aip_live_key_load (&live->first_byte);
      double tokens = aip_live_key_load (&live->tokens_per_s);

      if (first_byte < shortest && first_byte > 0)
        shortest = first_byte;
      most = MAX (most, tokens);
    }
  return (Best){ shortest < G_MAXDOUBLE ? shortest : 0, MIN (most, ENOUGH_TOKENS_PER_S) };
}

static double
get_speed (const AipLiveKey *live, const Best *best)
{
  double first_byte = aip_live_key_load (&live->first_byte);
  double tokens = aip_live_key_load (&live->tokens_per_s);
  double slack = EQUALLY_QUICK_US + 2 * best->shortest;
  double speed = first_byte > slack ? slack / first_byte : 1;

  return tokens > 0 && 2 * tokens < best->most ? speed * 2 * tokens / best->most : speed;
}

static double
get_headroom (const AipStrategyItem *item, const AipStrategyContext *context)
{
  double headroom = aip_live_key_load_headroom (item->live, context->now_us);

  if (context->get_headroom != NULL)
    headroom = MIN (headroom, 2 * context->get_headroom (item->candidate, context->headroom_data));
  return MAX (headroom, MIN_HEADROOM);
}

static void
score (AipStrategyItem *items, guint n, const AipStrategyContext *context)
{
  Best best = find_best (items, n);

  for (guint i = 0; i < n; i++)
    {
      const AipLiveKey *live = items[i].live;
      double success = aip_live_key_load (&live->success);

      items[i].score = items[i].candidate->weight * MAX (success, MIN_SUCCESS) * get_speed (live, &best) *
                       get_headroom (&items[i], context);
    }
}

const AipStrategy aip_strategy_weighted_score = { "weighted_score", score, aip_strategy_arrange_in_turn };
