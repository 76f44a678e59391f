/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-strategy.h"

/* random: drawn by weight, and not put back: the second one is drawn from the others. */

/* Nobody makes more attempts; what comes behind stays as it is. */
#define MAX_DRAWS 20

static void
score (AipStrategyItem *items, guint n, const AipStrategyContext *context)
{
  for (guint i = 0; i < n; i++)
    items[i].score = items[i].candidate->weight;
}

static guint
draw (const AipStrategyItem *items, guint n, double total, guint64 random)
{
  double rest = total * aip_strategy_get_unit (random);
  guint last = 0;

  for (guint i = 0; i < n; i++)
    {
      if (items[i].score <= 0)
        continue;
      last = i;
      rest -= items[i].score;
      if (rest < 0)
        break;
    }
  return last;
}

static void
arrange (AipStrategyItem *items, guint n, guint wanted, const AipStrategyContext *context)
{
  guint64 random = context->random;
  double total = 0;

  for (guint i = 0; i < n; i++)
    total += items[i].score;
  for (guint place = 0; place + 1 < n && place < MIN (wanted, MAX_DRAWS) && total > 0; place++)
    {
      random = aip_strategy_mix (random);

      guint drawn = place + draw (items + place, n - place, total, random);
      AipStrategyItem item = items[drawn];

      items[drawn] = items[place];
      items[place] = item;
      total -= item.score;
    }
}

const AipStrategy aip_strategy_random = { "random", score, arrange };
