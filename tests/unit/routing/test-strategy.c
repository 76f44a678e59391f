/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routing/aip-strategy.h"

#include "routing/aip-live-key.h"

#define SECOND G_TIME_SPAN_SECOND
#define START (600 * SECOND)

/* What each figure of a key does to its score, all others being equal. */

typedef struct
{
  AipLiveKey *keys[2];
  AipCandidate candidates[2];
  AipStrategyItem items[2];
} Pair;

static void
set_up (Pair *pair, const void *data)
{
  static const AipBreakerPolicy policy = { .threshold = 1000, .window_us = SECOND };
  static const char *const ids[] = { "p/a", "p/b" };

  for (guint i = 0; i < 2; i++)
    {
      pair->keys[i] = aip_live_key_new (ids[i], &policy);
      pair->candidates[i] = (AipCandidate){ .live = pair->keys[i], .weight = 1, .index = i };
    }
}

static void
tear_down (Pair *pair, const void *data)
{
  for (guint i = 0; i < 2; i++)
    aip_live_key_unref (pair->keys[i]);
}

/* An answer whose first byte takes half a second, with so many tokens in the second after that. */
static void
stream (AipLiveKey *key, guint tokens)
{
  AipLiveOutcome outcome = { .output_tokens = tokens, .streamed = TRUE };
  AipLiveAttempt attempt;

  g_assert_true (aip_live_key_begin (key, START, &attempt));
  aip_live_key_answered (key, &attempt, TRUE, START + SECOND / 2);
  aip_live_key_end (key, &attempt, &outcome, START + SECOND / 2 + SECOND, 0);
}

static double
get_ratio_of (Pair *pair, const char *strategy, AipHeadroomFunc get_headroom)
{
  AipStrategyContext context = { .now_us = START + 2 * SECOND, .get_headroom = get_headroom };

  for (guint i = 0; i < 2; i++)
    pair->items[i] = (AipStrategyItem){ .candidate = &pair->candidates[i], .live = pair->keys[i], .slot = i };
  aip_strategy_find (strategy)->score (pair->items, 2, &context);
  g_assert_cmpfloat (pair->items[0].score, >, 0);
  return pair->items[1].score / pair->items[0].score;
}

static double
get_ratio (Pair *pair, const char *strategy)
{
  return get_ratio_of (pair, strategy, NULL);
}

static void
test_tokens_per_second (Pair *pair, const void *data)
{
  stream (pair->keys[0], 80);
  stream (pair->keys[1], 20);
  g_assert_cmpfloat_with_epsilon (get_ratio (pair, "weighted_score"), 0.5, 1e-6);
}

/* Half of the speed may be chance. */
static void
test_chance (Pair *pair, const void *data)
{
  stream (pair->keys[0], 80);
  stream (pair->keys[1], 40);
  g_assert_cmpfloat (get_ratio (pair, "weighted_score"), ==, 1);
}

static void
test_headroom (Pair *pair, const void *data)
{
  AipRateLimits limits;

  aip_rate_limits_init (&limits);
  limits.tokens = (AipRateLimit){ 1000, 100, 60 * SECOND };
  aip_live_key_set_headroom (pair->keys[1], &limits, START);
  g_assert_cmpfloat_with_epsilon (get_ratio (pair, "weighted_score"), 0.2, 1e-6);
}

static double
headroom_cb (const AipCandidate *candidate, void *user_data)
{
  return candidate->index == 0 ? 0.6 : 0.1;
}

static void
test_own_limits (Pair *pair, const void *data)
{
  g_assert_cmpfloat_with_epsilon (get_ratio_of (pair, "weighted_score", headroom_cb), 0.2, 1e-6);
}

static void
test_best_performance (Pair *pair, const void *data)
{
  stream (pair->keys[0], 80);
  stream (pair->keys[1], 20);
  g_assert_cmpfloat (get_ratio (pair, "best_performance"), <, 0.5);
}

static void
add (const char *name, void (*test) (Pair *, const void *))
{
  g_autofree char *path = g_strconcat ("/routing/strategy/", name, NULL);

  g_test_add (path, Pair, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("tokens-per-second", test_tokens_per_second);
  add ("chance", test_chance);
  add ("headroom", test_headroom);
  add ("own-limits", test_own_limits);
  add ("best-performance", test_best_performance);

  return g_test_run ();
}
