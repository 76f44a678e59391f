/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-random.h"
#include "sim-world.h"

/* 100,000 requests within 100 seconds: who serves how many of them. Most upstreams answer at once, so that
 * the first one of a plan is the one who serves it. */

#define SECOND G_TIME_SPAN_SECOND
#define RUN_US (100 * SECOND)

/* What the hooks count. */
typedef struct
{
  guint n;
  guint chosen[SIM_MAX_KEYS];
  guint twice[SIM_MAX_KEYS]; /* how often the same one was chosen again */
  guint last;
} Choices;

static guint
choose (SimWorld *world, Choices *choices, const GArray *plan)
{
  guint index =
      (guint) (sim_world_find_key (world, g_array_index (plan, AipCandidate, 0).live) - world->keys);

  if (choices->n++ > 0 && index == choices->last)
    choices->twice[index]++;
  choices->chosen[index]++;
  choices->last = index;
  return index;
}

/* A binomial distribution's five standard deviations. */
static void
assert_share (guint n, guint total, double share)
{
  double off = n - share * total;

  g_assert_cmpfloat (off * off, <=, 25 * total * share * (1 - share));
}

/* --- by weight --- */

static const guint weights[] = { 1, 2, 7, 0 };

#define WEIGHTED                                                                                             \
  {                                                                                                          \
    { .key = "one", .settings = "weight=1\n" }, { .key = "two", .settings = "weight=2\n" },                  \
        { .key = "seven", .settings = "weight=7\n" }, { .key = "none", .settings = "weight=0\n" }, { NULL }, \
  }

/* At any time, nobody is a whole request ahead of his share, or behind it. */
static void
check_even_cb (SimWorld *world, const SimAsk *ask, const GArray *plan)
{
  Choices *choices = world->data;

  choose (world, choices, plan);
  for (guint i = 0; i < G_N_ELEMENTS (weights); i++)
    g_assert_cmpint (ABS ((int) (choices->chosen[i] * 10) - (int) (choices->n * weights[i])), <, 10);
}

static void
test_weighted_score (void)
{
  SimUpstream upstreams[] = WEIGHTED;
  Choices choices = { 0 };
  SimWorld world;

  sim_world_init (&world, "", upstreams, RUN_US);
  world.planned = check_even_cb;
  world.data = &choices;
  sim_world_run (&world);
  for (guint i = 0; i < G_N_ELEMENTS (weights); i++)
    g_assert_cmpuint (upstreams[i].n_served, ==, world.n_requests / 10 * weights[i]);
  sim_world_clear (&world);
}

static void
serve_each_other_one (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  if (self->script.n++ % 2 == 0)
    sim_serve_never (self, at_us, answer);
}

/* One that fails each other time counts for half. */
static void
test_success (void)
{
  SimUpstream upstreams[] = { { .key = "half", .serve = serve_each_other_one }, { .key = "well" }, { NULL } };
  SimWorld world;
  AipLiveKeyFigures figures;

  sim_world_init (&world, "[circuit-breaker]\nenabled=false\n", upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  g_assert_cmpfloat (ABS (upstreams[0].n_asked / (double) world.n_requests - 1 / 3.0), <, 0.01);
  /* Of an average that takes a tenth of each new one, s = 0.9 x 0.9 s + 0.1 after each good one. */
  aip_live_key_get_figures (world.keys[0].live, world.queue.now_us, &figures);
  g_assert_cmpfloat (ABS (figures.success - (upstreams[0].script.n % 2 == 0 ? 0.1 : 0.09) / 0.19), <, 0.001);
  sim_world_clear (&world);
}

/* Of a key's own limit, the last half counts. With room for h = 2 x left / limit, it gets h / (1 + h) of the
 * requests, and with a limit of six tenths of them, that is four tenths: a third is left. */
static void
test_headroom (void)
{
  g_autofree char *limit = g_strdup_printf ("rpm=%u\n", sim_get_n_requests () * 6 / 100);
  SimUpstream upstreams[] = { { .key = "limited", .settings = limit }, { .key = "well" }, { NULL } };
  SimWorld world;

  sim_world_init (&world, "", upstreams, 10 * G_TIME_SPAN_MINUTE);
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  g_assert_cmpfloat (ABS (upstreams[0].n_served / (double) world.n_requests - 0.4), <, 0.01);
  sim_world_clear (&world);
}

static void
count_cb (SimWorld *world, const SimAsk *ask, const GArray *plan)
{
  choose (world, world->data, plan);
}

static void
test_random (void)
{
  SimUpstream upstreams[] = WEIGHTED;
  Choices choices = { 0 };
  SimWorld world;

  sim_world_init (&world, "[routing]\nstrategy=random\n", upstreams, RUN_US);
  world.planned = count_cb;
  world.data = &choices;
  sim_world_run (&world);
  for (guint i = 0; i < G_N_ELEMENTS (weights); i++)
    {
      assert_share (upstreams[i].n_served, world.n_requests, weights[i] / 10.0);
      /* Who was chosen last has no better chance, and no worse one. */
      assert_share (choices.twice[i], choices.chosen[i], weights[i] / 10.0);
    }
  sim_world_clear (&world);
}

/* Whom the first one fails, the next one serves: drawn by weight from the others. */
static void
test_random_again (void)
{
  SimUpstream upstreams[] = WEIGHTED;
  SimWorld world;

  upstreams[2].serve = sim_serve_never;
  sim_world_init (&world, SIM_NO_CHECKS "[circuit-breaker]\nenabled=false\n[routing]\nstrategy=random\n",
                  upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  assert_share (upstreams[0].n_served, world.n_requests, 1 / 3.0);
  assert_share (upstreams[2].n_failed, world.n_requests, 0.7);
  sim_world_clear (&world);
}

/* --- in turn --- */

static void
check_turn_cb (SimWorld *world, const SimAsk *ask, const GArray *plan)
{
  Choices *choices = world->data;
  guint last = choices->last;
  gboolean first = choices->n == 0;

  g_assert_cmpuint (choose (world, choices, plan), ==, first ? 0 : (last + 1) % 4);
}

static void
test_round_robin (void)
{
  SimUpstream upstreams[] = WEIGHTED;
  Choices choices = { 0 };
  SimWorld world;

  sim_world_init (&world, "[routing]\nstrategy=round_robin\n", upstreams, RUN_US);
  world.planned = check_turn_cb;
  world.data = &choices;
  sim_world_run (&world);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (upstreams[i].n_served, ==, world.n_requests / 4);
  sim_world_clear (&world);
}

/* One dies: the others share its turns evenly, and when it is back it does not make up for them. */
static void
test_round_robin_faults (void)
{
  SimUpstream upstreams[] = {
    { .key = "dies", .serve = sim_serve_but_for_10_s },
    { .key = "b" },
    { .key = "c" },
    { .key = "d" },
    { NULL },
  };
  SimWorld world;
  guint away, n;

  sim_world_init (&world, SIM_NO_CHECKS "[routing]\nstrategy=round_robin\n", upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  g_assert_cmpuint (upstreams[0].n_failed, ==, 5);
  away = sim_world_count_between (&world, 30 * SECOND, 45 * SECOND);
  n = (world.n_requests - away) / 4;
  /* Its five faults take 20 turns. */
  g_assert_cmpint (ABS ((int) upstreams[0].n_served - (int) n), <=, 5);
  for (guint i = 1; i < 4; i++)
    g_assert_cmpint (ABS ((int) upstreams[i].n_served - (int) (n + away / 3)), <=, 7);
  sim_world_clear (&world);
}

/* --- by use --- */

/* So many tokens within the last minute, or nearly so: all of this one, and a share of the one before. */
static double
get_recent_tokens (const SimWorld *world, const guint64 minutes[], guint64 cost)
{
  gint64 minute = world->queue.now_us / G_TIME_SPAN_MINUTE;
  double past = (double) (world->queue.now_us % G_TIME_SPAN_MINUTE) / G_TIME_SPAN_MINUTE;
  guint64 first = SIM_START_US / G_TIME_SPAN_MINUTE;
  double before = minute - 1 < (gint64) first ? 0 : (double) minutes[minute - 1 - first];

  return (double) cost * ((double) minutes[minute - first] + (1 - past) * before);
}

static guint64 served_in_minute[SIM_MAX_KEYS][8];

static void
check_least_tokens_cb (SimWorld *world, const SimAsk *ask, const GArray *plan)
{
  guint index =
      (guint) (sim_world_find_key (world, g_array_index (plan, AipCandidate, 0).live) - world->keys);
  gint64 minute = (world->queue.now_us / G_TIME_SPAN_MINUTE) - SIM_START_US / G_TIME_SPAN_MINUTE;
  double used = get_recent_tokens (world, served_in_minute[index], world->keys[index].upstream->tokens);

  for (guint i = 0; i < world->n_keys; i++)
    g_assert_cmpfloat (used * (1 - 1e-9), <=,
                       get_recent_tokens (world, served_in_minute[i], world->keys[i].upstream->tokens));
  served_in_minute[index][minute]++;
}

/* Nothing takes time, so that tokens decide: all use as many, whatever a request costs them. */
static void
test_least_tokens (void)
{
  SimUpstream upstreams[] = {
    { .key = "a", .tokens = 1000 },
    { .key = "b", .tokens = 300 },
    { .key = "c", .tokens = 100 },
    { NULL },
  };
  SimWorld world;

  sim_world_init (&world, "[routing]\nstrategy=least_used\n", upstreams, RUN_US);
  world.planned = check_least_tokens_cb;
  sim_world_run (&world);
  for (guint i = 0; i < 3; i++)
    {
      double share = 1.0 / upstreams[i].tokens / (1 / 1000.0 + 1 / 300.0 + 1 / 100.0);

      g_assert_cmpfloat (ABS (upstreams[i].n_served / (share * world.n_requests) - 1), <, 0.01);
    }
  sim_world_clear (&world);
}

/* --- by speed --- */

/* The quickest one serves all but one in 16, which goes to anyone. */
static void
test_best_performance (void)
{
  SimUpstream upstreams[] = {
    { .key = "slow", .first_byte_us = 3 * SECOND },
    { .key = "quick", .first_byte_us = 50000 },
    { .key = "middle", .first_byte_us = 200000 },
    { NULL },
  };
  Choices choices = { 0 };
  SimWorld world;

  sim_world_init (&world, "[routing]\nstrategy=best_performance\n", upstreams, RUN_US);
  world.planned = count_cb;
  world.data = &choices;
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  assert_share (upstreams[0].n_served, world.n_requests, 1 / 48.0);
  assert_share (upstreams[1].n_served, world.n_requests, 46 / 48.0);
  assert_share (upstreams[2].n_served, world.n_requests, 1 / 48.0);
  sim_world_clear (&world);
}

/* --- in order --- */

static void
test_failover (void)
{
  SimUpstream upstreams[] = {
    { .key = "first", .serve = sim_serve_but_for_10_s },
    { .key = "second" },
    { .key = "third" },
    { NULL },
  };
  SimWorld world;

  sim_world_init (&world, SIM_NO_CHECKS "[routing]\nstrategy=failover\n", upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  g_assert_cmpuint (upstreams[0].n_failed, ==, 5);
  /* 15 s from the fifth fault on. */
  g_assert_cmpuint (upstreams[1].n_served, ==,
                    4 + sim_world_count_between (&world, 30 * SECOND, 45 * SECOND));
  g_assert_cmpuint (upstreams[2].n_served, ==, 0);
  sim_world_clear (&world);
}

/* Those of the first priority, by turns, as long as one of them is there; then those of the next. */
static void
test_priorities (void)
{
  SimUpstream upstreams[] = {
    { .key = "spare", .settings = "priority=2\n" },
    { .key = "a", .settings = "priority=1\n", .serve = sim_serve_but_for_10_s },
    { .key = "b", .settings = "priority=1\n", .serve = sim_serve_but_for_10_s },
    { NULL },
  };
  SimWorld world;
  guint away;

  sim_world_init (&world, SIM_NO_CHECKS, upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  away = 4 + sim_world_count_between (&world, 30 * SECOND, 45 * SECOND);
  g_assert_cmpuint (upstreams[0].n_served, ==, away);
  g_assert_cmpuint (upstreams[1].n_served + upstreams[2].n_served, ==, world.n_requests - away);
  g_assert_cmpint (ABS ((int) upstreams[1].n_served - (int) upstreams[2].n_served), <=, 2);
  sim_world_clear (&world);
}

/* One that stands in and has failed as well is not tried again while others are there. */
static void
test_priorities_all_out (void)
{
  SimUpstream upstreams[] = {
    { .key = "spare", .settings = "priority=2\n", .serve = sim_serve_but_for_10_s },
    { .key = "a", .settings = "priority=1\n", .serve = sim_serve_but_for_10_s },
    { NULL },
  };
  SimWorld world;

  sim_world_init (&world, SIM_NO_CHECKS, upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (upstreams[0].n_served, ==, 0);
  g_assert_cmpuint (upstreams[0].n_failed, ==, 5);
  g_assert_cmpuint (upstreams[1].n_failed, ==, 5);
  g_assert_cmpuint (world.n_lost, ==, 5);
  g_assert_cmpuint (world.n_served, ==,
                    world.n_requests - 4 - sim_world_count_between (&world, 30 * SECOND, 45 * SECOND));
  sim_world_clear (&world);
}

/* --- who stays --- */

#define N_CONVERSATIONS 1000

typedef struct
{
  const SimKey *home[N_CONVERSATIONS];
  const SimKey *away[N_CONVERSATIONS]; /* while that is out */
} Conversations;

static guint64
get_conversation (guint index)
{
  guint64 state = index % N_CONVERSATIONS + 1;

  sim_random (&state);
  return sim_random (&state);
}

static void
describe_sticky_cb (SimWorld *world, SimAsk *ask)
{
  /* What belongs to no conversation is not to move any. */
  if (ask->index % 3 != 0)
    ask->sticky = get_conversation (ask->index);
}

/* Each conversation has one key, and one other when that is out; one of them all finds out when that is
 * over. */
static void
check_sticky_cb (SimWorld *world, const SimAsk *ask, const GArray *plan)
{
  Conversations *conversations = world->data;
  guint index = ask->index % N_CONVERSATIONS;
  const SimKey *key = sim_world_find_key (world, g_array_index (plan, AipCandidate, 0).live);
  const SimKey *home = conversations->home[index];
  const SimKey **place = &conversations->home[index];

  if (key->breaker.out || ask->sticky == 0)
    return;
  if (home != NULL && home->breaker.out)
    place = &conversations->away[index];
  if (*place == NULL)
    *place = key;
  g_assert_true (*place == key);
}

static void
assert_spread (const SimWorld *world, const SimKey *const *places, const SimKey *but)
{
  guint counts[SIM_MAX_KEYS] = { 0 };
  guint total = 0;

  for (guint i = 0; i < N_CONVERSATIONS; i++)
    if (places[i] != NULL)
      {
        counts[places[i] - world->keys]++;
        total++;
      }
  g_assert_cmpuint (total, >, 100);
  for (guint i = 0; i < 4; i++)
    if (but == NULL)
      assert_share (counts[i], total, weights[i] / 10.0);
    else
      assert_share (counts[i], total, &world->keys[i] == but ? 0 : weights[i] / (10.0 - weights[1]));
}

static void
test_sticky (void)
{
  SimUpstream upstreams[] = WEIGHTED;
  Conversations *conversations = g_new0 (Conversations, 1);
  SimWorld world;

  upstreams[1].serve = sim_serve_but_for_10_s;
  sim_world_init (&world, SIM_NO_CHECKS, upstreams, RUN_US);
  world.describe = describe_sticky_cb;
  world.planned = check_sticky_cb;
  world.data = conversations;
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  g_assert_cmpuint (upstreams[1].n_failed, ==, 5);
  assert_spread (&world, conversations->home, NULL);
  assert_spread (&world, conversations->away, &world.keys[1]);
  sim_world_clear (&world);
  g_free (conversations);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing/sim-strategies/weighted-score", test_weighted_score);
  g_test_add_func ("/routing/sim-strategies/success", test_success);
  g_test_add_func ("/routing/sim-strategies/headroom", test_headroom);
  g_test_add_func ("/routing/sim-strategies/random", test_random);
  g_test_add_func ("/routing/sim-strategies/random-again", test_random_again);
  g_test_add_func ("/routing/sim-strategies/round-robin", test_round_robin);
  g_test_add_func ("/routing/sim-strategies/round-robin-faults", test_round_robin_faults);
  g_test_add_func ("/routing/sim-strategies/least-tokens", test_least_tokens);
  g_test_add_func ("/routing/sim-strategies/best-performance", test_best_performance);
  g_test_add_func ("/routing/sim-strategies/failover", test_failover);
  g_test_add_func ("/routing/sim-strategies/priorities", test_priorities);
  g_test_add_func ("/routing/sim-strategies/priorities-all-out", test_priorities_all_out);
  g_test_add_func ("/routing/sim-strategies/sticky", test_sticky);

  return g_test_run ();
}
