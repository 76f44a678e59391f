/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-world.h"

/* 100,000 requests within 100 seconds that take their time, so that many are under way at once. */

#define SECOND G_TIME_SPAN_SECOND
#define MS G_TIME_SPAN_MILLISECOND
#define RUN_US (100 * SECOND)

/* --- least_used --- */

static const guint weights[] = { 1, 1, 2 };

/* Nobody has fewer under way for his weight. */
static void
check_least_used_cb (SimWorld *world, const SimAsk *ask, const GArray *plan)
{
  const SimKey *key = sim_world_find_key (world, g_array_index (plan, AipCandidate, 0).live);
  guint used = key->upstream->in_flight;
  guint weight = weights[key - world->keys];

  for (guint i = 0; i < G_N_ELEMENTS (weights); i++)
    g_assert_cmpuint (used * weights[i], <=, world->keys[i].upstream->in_flight * weight);
}

/* All have as much under way for their weight, so that each serves what its speed lets it. */
static void
test_least_used (void)
{
  SimUpstream upstreams[] = {
    { .key = "quick", .settings = "weight=1\n", .took_us = 1 * SECOND },
    { .key = "slow", .settings = "weight=1\n", .took_us = 2 * SECOND },
    { .key = "two", .settings = "weight=2\n", .took_us = 4 * SECOND },
    { NULL },
  };
  SimWorld world;

  sim_world_init (&world, "[routing]\nstrategy=least_used\n", upstreams, RUN_US);
  world.planned = check_least_used_cb;
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  for (guint i = 0; i < G_N_ELEMENTS (weights); i++)
    {
      double speed = weights[i] * SECOND / (double) upstreams[i].took_us;
      double share = upstreams[i].n_served / (double) world.n_requests;

      g_assert_cmpuint (upstreams[i].most_in_flight, >, 10);
      g_assert_cmpfloat (ABS (share - speed / (1 + 0.5 + 0.5)), <, 0.01);
    }
  sim_world_clear (&world);
}

/* --- the one that finds out --- */

/* It hangs for two seconds, and then it fails. */
static void
serve_time_outs (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  sim_answer_fail (answer, AIP_FAULT_CLASS_TRANSIENT, 504, -1);
  answer->took_us = 2 * SECOND;
}

/* Once all is over that was sent before the breaker opened, there is never more than one under way. */
static void
check_one_probe_cb (SimWorld *world, const SimAsk *ask, const GArray *plan)
{
  if (sim_world_get_time (world) >= 5 * SECOND)
    g_assert_cmpuint (world->keys[0].upstream->in_flight, <=, 1);
}

static void
test_one_probe (void)
{
  SimUpstream upstreams[] = {
    { .key = "hangs", .serve = serve_time_outs },
    { .key = "well", .took_us = 50 * MS },
    { NULL },
  };
  SimWorld world;
  guint n_before, n_probes;

  sim_world_init (&world,
                  SIM_NO_CHECKS "[circuit-breaker]\ncooldown=1s\nmax-cooldown=1s\n"
                                "[routing]\nstrategy=round_robin\n",
                  upstreams, RUN_US);
  world.planned = check_one_probe_cb;
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  /* The fifth fault comes two seconds after the ninth request; until then each other one goes there. Then it
   * waits for a second and finds out for two more, again and again. */
  n_before = sim_world_count_between (&world, 0, 2 * SECOND + 8 * world.step_us) / 2;
  n_probes = world.keys[0].breaker.n_opened - 1;
  g_assert_cmpint (ABS ((int) n_probes - 97 / 3), <=, 1);
  g_assert_cmpint (ABS ((int) upstreams[0].n_asked - (int) (n_before + n_probes)), <=, 2);
  sim_world_clear (&world);
}

/* --- long answers --- */

/* Away for the first 10 s; then it answers at once, for 10 s. */
static void
serve_long_after_10_s (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  answer->streams = TRUE;
  if (at_us < 10 * SECOND)
    sim_serve_never (self, at_us, answer);
}

/* A probe's answer that has begun lets the next one in, so that a long one keeps nobody out. */
static void
test_long_answers (void)
{
  SimUpstream upstreams[] = {
    { .key = "long", .serve = serve_long_after_10_s, .first_byte_us = 100 * MS, .took_us = 10 * SECOND },
    { NULL },
  };
  SimWorld world;
  guint served;

  sim_world_init (&world, SIM_NO_CHECKS "[circuit-breaker]\ncooldown=12s\n", upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.keys[0].breaker.n_opened, ==, 1);
  g_assert_cmpuint (upstreams[0].n_failed, ==, 5);
  /* From 12 s on one in 0.1 s, and from 22.1 s on, when the first one of them has ended, all that come. */
  served = sim_world_count_between (&world, 22 * SECOND, 100 * SECOND);
  g_assert_cmpuint (upstreams[0].n_served, >, served + 90 - 50 * MS / world.step_us * 3);
  g_assert_cmpuint (upstreams[0].n_served, <, served + 110);
  sim_world_clear (&world);
}

/* --- what comes late --- */

/* Until the 30th second all is well, but takes 5 s; then it fails at once. */
static void
serve_late_good (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  if (at_us >= 30 * SECOND)
    sim_serve_never (self, at_us, answer);
}

/* Good answers to what was asked before it opened do not close it; they are served all the same. */
static void
test_late_good (void)
{
  SimUpstream upstreams[] = {
    { .key = "late", .serve = serve_late_good, .took_us = 5 * SECOND },
    { .key = "well", .took_us = 5 * SECOND },
    { NULL },
  };
  SimWorld world;
  guint before;

  sim_world_init (&world,
                  SIM_NO_CHECKS
                  "[circuit-breaker]\nthreshold=1\nmax-cooldown=15s\n[routing]\nstrategy=round_robin\n",
                  upstreams, RUN_US);
  sim_world_run (&world);
  before = sim_world_count_between (&world, 0, 30 * SECOND);
  g_assert_cmpuint (upstreams[0].n_served, ==, before / 2);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  /* At 30, 45, 60, 75 and 90 s. */
  g_assert_cmpuint (upstreams[0].n_failed, ==, 5);
  g_assert_cmpuint (world.keys[0].breaker.n_opened, ==, 5);
  sim_world_clear (&world);
}

/* For the first 30 s all fails, but after 5 s; then it is well at once. */
static void
serve_late_bad (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  if (at_us >= 30 * SECOND)
    return;
  serve_time_outs (self, at_us, answer);
  answer->took_us = self->script.n++ % 2 == 0 ? 5 * SECOND : 40 * SECOND;
}

/* What was asked before it closed does not open it again, when at last it fails. */
static void
test_late_bad (void)
{
  SimUpstream upstreams[] = { { .key = "late", .serve = serve_late_bad }, { .key = "well" }, { NULL } };
  SimWorld world;

  sim_world_init (
      &world, SIM_NO_CHECKS "[circuit-breaker]\nthreshold=1\ncooldown=26s\n[routing]\nstrategy=round_robin\n",
      upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  /* After 5 s, until the 31st. What hangs from the first seconds fails from the 40th to the 45th. */
  g_assert_cmpuint (world.keys[0].breaker.n_opened, ==, 1);
  g_assert_cmpuint (upstreams[0].n_failed, >, 10);
  g_assert_cmpint (ABS ((int) upstreams[0].n_served -
                        (int) sim_world_count_between (&world, 31 * SECOND, 100 * SECOND) / 2),
                   <=, 2);
  sim_world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing/sim-overlap/least-used", test_least_used);
  g_test_add_func ("/routing/sim-overlap/one-probe", test_one_probe);
  g_test_add_func ("/routing/sim-overlap/long-answers", test_long_answers);
  g_test_add_func ("/routing/sim-overlap/late-good", test_late_good);
  g_test_add_func ("/routing/sim-overlap/late-bad", test_late_bad);

  return g_test_run ();
}
