/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-balance.h"

G_BEGIN_DECLS

/**
 * AipStrategyItem: a candidate among others of the same priority.
 * @slot: its place before anything was moved; equals stay in this order
 * @score: what the strategy gives it; higher is better
 * @turn: for strategies that take turns: what it has waited for
 */
typedef struct
{
  const AipCandidate *candidate;
  const AipLiveKey *live; /* the candidate's */
  const char *model;
  guint slot;
  double score;
  double turn;
} AipStrategyItem;

/**
 * AipStrategyContext: all that a strategy may go by beside the candidates.
 * @balance: (nullable): whose turn it is; NULL: nobody's
 * @rank: place among the targets of a mapping, for @balance
 * @take_turn: the choice is for a request; FALSE: somebody only wants to know
 * @get_headroom: (nullable): what is left of our own limits; NULL: there are none
 * @headroom_data: for @get_headroom
 */
typedef struct
{
  gint64 now_us;
  guint64 random;
  AipBalance *balance;
  guint rank;
  gboolean take_turn;
  AipHeadroomFunc get_headroom;
  void *headroom_data;
} AipStrategyContext;

/**
 * AipStrategy: one way to choose. Immutable, static.
 * @score: sets the score of each item
 * @arrange: brings the best @wanted of the scored items to the front, best first; the order of the others is
 * not defined
 */
typedef struct
{
  const char *name;
  void (*score) (AipStrategyItem *items, guint n, const AipStrategyContext *context);
  void (*arrange) (AipStrategyItem *items, guint n, guint wanted, const AipStrategyContext *context);
} AipStrategy;

extern const AipStrategy aip_strategy_weighted_score;
extern const AipStrategy aip_strategy_round_robin;
extern const AipStrategy aip_strategy_random;
extern const AipStrategy aip_strategy_least_used;
extern const AipStrategy aip_strategy_best_performance;
extern const AipStrategy aip_strategy_failover;

const AipStrategy *aip_strategy_find (const char *name);

void aip_strategy_arrange_by_score (AipStrategyItem *items,
                                    guint n,
                                    guint wanted,
                                    const AipStrategyContext *context);
void aip_strategy_arrange_in_turn (AipStrategyItem *items,
                                   guint n,
                                   guint wanted,
                                   const AipStrategyContext *context);
/**
 * aip_strategy_mix:
 * @value: any number
 *
 * Returns: another one, as different as can be for the next @value
 */
static inline guint64
aip_strategy_mix (guint64 value)
{
  value += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  value = (value ^ (value >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  value = (value ^ (value >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return value ^ (value >> 31);
}

/**
 * aip_strategy_get_unit:
 * @random: a mixed number
 *
 * Returns: the same as a number above 0 and below 1
 */
static inline double
aip_strategy_get_unit (guint64 random)
{
  return ((double) (random >> 11) + 0.5) / (double) (G_GUINT64_CONSTANT (1) << 53);
}

void aip_strategy_prefer_sticky (AipStrategyItem *items, guint n, guint wanted, guint64 sticky);

G_END_DECLS
