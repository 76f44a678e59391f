/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-live-key-private.h"
#include "routing/aip-strategy.h"

/*
 * best_performance: whoever is likely to be done first with an answer of usual length:
 *
 *   score = success / (time to the first byte + 200 tokens / tokens per second), in seconds
 *
 * by the moving averages. Who was never tried comes first, one attempt at a time; and one request in 16 goes
 * to anyone, so that the figures of all stay true.
 */

#define USUAL_TOKENS 200
#define USUAL_TOKENS_PER_S 50
#define USUAL_FIRST_BYTE_US 1e6
#define UNTRIED 1e9
#define ONE_IN 16

static double
get_score (const AipLiveKey *live)
{
  double first_byte = aip_live_key_load (&live->first_byte);
  double tokens = aip_live_key_load (&live->tokens_per_s);

  double success = aip_live_key_load (&live->success);

  if (first_byte <= 0 && success >= 1 && aip_live_key_load_in_flight (live) == 0)
    return UNTRIED;
  if (first_byte <= 0)
    first_byte = USUAL_FIRST_BYTE_US;
  if (tokens <= 0)
    tokens = USUAL_TOKENS_PER_S;
  return success / (first_byte / G_USEC_PER_SEC + USUAL_TOKENS / tokens);
}

static void
score (AipStrategyItem *items, guint n, const AipStrategyContext *context)
{
  /* Equals are taken in the order that begins here. */
  guint first = (guint) (context->random % n);

  for (guint i = 0; i < n; i++)
    {
      items[i].score = items[i].candidate->weight > 0 ? get_score (items[i].live) : 0;
      items[i].slot = i < first ? i + n - first : i - first;
    }
}

static void
arrange (AipStrategyItem *items, guint n, guint wanted, const AipStrategyContext *context)
{
  guint64 random = aip_strategy_mix (context->random);
  guint anyone = (guint) (random / ONE_IN % n);

  aip_strategy_arrange_by_score (items, n, wanted, context);
  if (!context->take_turn || random % ONE_IN != 0 || items[anyone].score <= 0)
    return;

  AipStrategyItem item = items[anyone];
  items[anyone] = items[0];
  items[0] = item;
}

const AipStrategy aip_strategy_best_performance = { "best_performance", score, arrange };
