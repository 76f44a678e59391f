/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-strategy.h"

#include <math.h>
#include <string.h>

#include "routing/aip-live-key-private.h"

/* Up to here, one pass that remembers the best is quicker than to sort. */
#define FEW 8

/**
 * aip_strategy_find:
 * @name: one of aip_config_strategies
 *
 * Returns: (transfer none) (nullable): the strategy
 */
const AipStrategy *
aip_strategy_find (const char *name)
{
  static const AipStrategy *const strategies[] = {
    &aip_strategy_weighted_score, &aip_strategy_round_robin,      &aip_strategy_random,
    &aip_strategy_least_used,     &aip_strategy_best_performance, &aip_strategy_failover,
  };

  g_return_val_if_fail (name != NULL, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (strategies); i++)
    if (g_str_equal (strategies[i]->name, name))
      return strategies[i];
  return NULL;
}

static gboolean
is_before (const AipStrategyItem *a, const AipStrategyItem *b)
{
  if (a->turn > b->turn)
    return TRUE;
  return a->turn >= b->turn && a->slot < b->slot;
}

static int
compare_items (const void *a, const void *b, void *user_data)
{
  return is_before (a, b) ? -1 : 1;
}

/* Places of the best @wanted items, best first. */
static guint
find_best (const AipStrategyItem *items, guint n, guint wanted, guint *best)
{
  guint n_best = 0;
  double worst = -G_MAXDOUBLE; /* of them, once there are enough */

  for (guint i = 0; i < n; i++)
    {
      guint place = n_best;

      if (n_best == wanted && (items[i].turn < worst || !is_before (&items[i], &items[best[n_best - 1]])))
        continue;
      if (n_best < wanted)
        n_best++;
      else
        place--;
      for (; place > 0 && is_before (&items[i], &items[best[place - 1]]); place--)
        best[place] = best[place - 1];
      best[place] = i;
      worst = items[best[n_best - 1]].turn;
    }
  return n_best;
}

static void
bring_to_front (AipStrategyItem *items, guint n, guint wanted)
{
  guint best[FEW];

  if (n < 2 || wanted == 0)
    return;
  if (wanted > FEW)
    {
      g_qsort_with_data (items, (int) n, sizeof *items, compare_items, NULL);
      return;
    }
  wanted = find_best (items, n, wanted, best);
  for (guint place = 0; place < wanted; place++)
    {
      AipStrategyItem item = items[best[place]];

      items[best[place]] = items[place];
      items[place] = item;
      /* What stood here may be one of those to come. */
      for (guint later = place + 1; later < wanted; later++)
        if (best[later] == place)
          best[later] = best[place];
    }
}

/**
 * aip_strategy_arrange_by_score:
 * @items: scored items
 * @n: how many
 * @wanted: how many of them are needed
 * @context: not needed
 *
 * An AipStrategy.arrange: the highest score first; equals in their order.
 */
void
aip_strategy_arrange_by_score (AipStrategyItem *items,
                               guint n,
                               guint wanted,
                               const AipStrategyContext *context)
{
  g_return_if_fail (items != NULL);

  for (guint i = 0; i < n; i++)
    items[i].turn = items[i].score;
  bring_to_front (items, n, wanted);
}

/**
 * aip_strategy_arrange_in_turn:
 * @items: scored items
 * @n: how many
 * @wanted: how many of them are needed
 * @context: with the balance
 *
 * An AipStrategy.arrange: smooth weighted round robin. Each candidate waits for its score in each turn; who
 * has waited most is first, and gives back what all have waited for in this turn. Each gets its exact share,
 * spread as evenly as can be; equals alternate.
 */
void
aip_strategy_arrange_in_turn (AipStrategyItem *items,
                              guint n,
                              guint wanted,
                              const AipStrategyContext *context)
{
  double total = 0;

  g_return_if_fail (items != NULL && context != NULL && context->balance != NULL);

  double *waited = aip_balance_lock (context->balance, context->rank);

  for (guint i = 0; i < n; i++)
    {
      AipStrategyItem *item = &items[i];
      double *wait = &waited[item->candidate->index];

      total += item->score;
      item->turn = *wait + item->score;
      if (context->take_turn)
        *wait = item->turn;
      /* Who has no share at all comes when there is nobody else. */
      if (item->score <= 0)
        item->turn = -G_MAXDOUBLE;
    }
  bring_to_front (items, n, MAX (wanted, 1));
  if (context->take_turn && n > 0)
    waited[items[0].candidate->index] -= total;
  aip_balance_unlock (context->balance);
}

/**
 * aip_strategy_prefer_sticky:
 * @items: arranged items
 * @n: how many
 * @wanted: how many of them are to be in order, from the first on
 * @sticky: what the conversation is known by
 *
 * Moves the one to the front that @sticky belongs to, by weighted rendezvous: it is always the same as long
 * as it is among @items, and when it is not, only its own conversations go elsewhere, spread over all others.
 */
void
aip_strategy_prefer_sticky (AipStrategyItem *items, guint n, guint wanted, guint64 sticky)
{
  double shortest = G_MAXDOUBLE;
  guint found = 0;

  g_return_if_fail (items != NULL);

  for (guint i = 0; i < n; i++)
    {
      const AipCandidate *candidate = items[i].candidate;
      double unit = aip_strategy_get_unit (aip_strategy_mix (sticky ^ items[i].live->hash));
      double distance;

      /* -log (x) is at least 1 - x, which spares nearly all logarithms. */
      if (1 - unit >= shortest * candidate->weight || candidate->weight <= 0)
        continue;
      distance = -log (unit) / candidate->weight;
      if (distance < shortest)
        {
          shortest = distance;
          found = i;
        }
    }
  if (found == 0)
    return;

  AipStrategyItem item = items[found];
  guint n_moved = MIN (found, MAX (wanted, 1) - 1);

  /* Behind those who are wanted the order is of no interest. */
  items[found] = items[n_moved];
  memmove (items + 1, items, n_moved * sizeof *items);
  items[0] = item;
}
