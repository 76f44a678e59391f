/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-world-private.h"

/* Who has to be in a plan, whatever the strategy makes of them. */

#define PROBE_WAIT_US G_TIME_SPAN_SECOND

/* @due, @well: the first priority of those who may find out, and of those who are closed */
typedef struct
{
  guint n_in;
  int due;
  int well;
  gint64 wait_us;      /* until the first one may be back; -1: nobody knows */
  gint64 soonest_us;   /* of those who may be tried early, when the first one would be back anyway */
  const SimKey *early; /* (nullable): that one */
} Muster;

static gint64
get_patience (const SimWorld *world)
{
  const AipHealthCheckConfig *checks = &world->config->health_check;

  return checks->enabled ? 2 * (gint64) checks->interval * 1000 : 0;
}

static gint64
get_limit_wait (const SimWorld *world, const SimAsk *ask, const SimKey *key)
{
  gint64 now_us = world->queue.now_us;
  guint64 most = ask->input_tokens + ask->output_tokens;

  return sim_quota_get_wait (&key->limits, now_us,
                             sim_quota_fit (&key->limits, now_us, ask->input_tokens, most));
}

static gboolean
is_due (const SimWorld *world, const SimKey *key)
{
  gint64 now_us = world->queue.now_us;

  return sim_breaker_get_state (&key->breaker, now_us) == AIP_BREAKER_HALF_OPEN &&
         (now_us - key->breaker.until_us >= get_patience (world) ||
          !sim_breaker_awaits_check (&key->breaker));
}

/* Returns: how long @key is out; 0: it is in; SIM_NEVER: nobody knows */
static gint64
get_wait (const SimWorld *world, const SimAsk *ask, const SimKey *key)
{
  gint64 now_us = world->queue.now_us;
  AipBreakerState state = sim_breaker_get_state (&key->breaker, now_us);
  gint64 limit_wait_us;

  if (state == AIP_BREAKER_OPEN)
    return key->breaker.until_us - now_us;
  limit_wait_us = get_limit_wait (world, ask, key);
  if (limit_wait_us > 0)
    return limit_wait_us;
  return state == AIP_BREAKER_HALF_OPEN && key->breaker.probe != 0 ? PROBE_WAIT_US : 0;
}

static void
muster_one (Muster *self, const SimWorld *world, const SimAsk *ask, const SimKey *key)
{
  gint64 wait_us = get_wait (world, ask, key);

  if (wait_us == 0)
    {
      self->n_in++;
      if (is_due (world, key))
        self->due = MIN (self->due, key->priority);
      else if (!key->breaker.out)
        self->well = MIN (self->well, key->priority);
      return;
    }
  if (wait_us != SIM_NEVER && (self->wait_us < 0 || wait_us < self->wait_us))
    self->wait_us = wait_us;
  if (sim_breaker_may_go_early (&key->breaker, world->queue.now_us) &&
      get_limit_wait (world, ask, key) == 0 && key->breaker.until_us < self->soonest_us)
    {
      self->soonest_us = key->breaker.until_us;
      self->early = key;
    }
}

/* One that may find out comes first, unless it only stands in for one that is well; another one that is
 * half-open comes behind those who are well. */
static void
check_first (const SimWorld *world, const SimKey *key, const Muster *muster)
{
  gboolean due = muster->due != G_MAXINT && muster->due <= muster->well;

  g_assert_cmpint (is_due (world, key), ==, due);
  if (due)
    g_assert_cmpint (key->priority, ==, muster->due);
  else if (muster->well != G_MAXINT)
    {
      g_assert_false (key->breaker.out);
      g_assert_cmpint (key->priority, ==, muster->well);
    }
}

static void
check_candidates (SimWorld *world, const SimAsk *ask, const Muster *muster, const GArray *plan)
{
  guint seen = 0;

  for (guint i = 0; i < plan->len; i++)
    {
      const AipCandidate *candidate = &g_array_index (plan, AipCandidate, i);
      const SimKey *key = sim_world_find_key (world, candidate->live);
      guint bit = 1u << (key - world->keys);

      g_assert_false (candidate->least_bad);
      g_assert_cmpint (get_wait (world, ask, key), ==, 0);
      g_assert_cmpuint (seen & bit, ==, 0);
      seen |= bit;
      if (i == 0)
        check_first (world, key, muster);
    }
}

/**
 * sim_plan_check:
 * @world: a world
 * @ask: what was asked for
 * @query: in the router's words
 * @plan: (nullable): what it says
 * @retry_after_us: the same
 *
 * Fails unless just those are in the plan who may serve it.
 */
void
sim_plan_check (SimWorld *world,
                const SimAsk *ask,
                const AipRouteQuery *query,
                const GArray *plan,
                gint64 retry_after_us)
{
  Muster muster = { .due = G_MAXINT, .well = G_MAXINT, .wait_us = -1, .soonest_us = G_MAXINT64 };

  for (guint i = 0; i < world->n_keys; i++)
    muster_one (&muster, world, ask, &world->keys[i]);
  if (muster.n_in > 0)
    {
      g_assert_nonnull (plan);
      g_assert_cmpuint (plan->len, ==, MIN (muster.n_in, query->limit));
      check_candidates (world, ask, &muster, plan);
    }
  else if (muster.early != NULL && g_str_equal (world->config->routing.on_exhausted, "least-bad"))
    {
      g_assert_nonnull (plan);
      g_assert_cmpuint (plan->len, ==, 1);
      g_assert_true (g_array_index (plan, AipCandidate, 0).least_bad);
      g_assert_true (g_array_index (plan, AipCandidate, 0).live == muster.early->live);
    }
  else
    {
      g_assert_null (plan);
      g_assert_cmpint (retry_after_us, ==, muster.wait_us);
    }
}
