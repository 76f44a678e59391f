/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-world.h"

/* 100,000 requests within 100 seconds, and health checks that may bring a key back before its time. */

#define SECOND G_TIME_SPAN_SECOND
#define RUN_US (100 * SECOND)
#define CHECK_TOOK_US 10000

/* The first key is used as long as it is there. */
#define SETTINGS "[routing]\nstrategy=failover\n[health-check]\ninterval=2s\n"

static void
check_passes (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  answer->took_us = CHECK_TOOK_US;
}

/* Away from the 30th to the 33rd second. */
static void
serve_but_for_3_s (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  if (at_us >= 30 * SECOND && at_us < 33 * SECOND)
    sim_serve_never (self, at_us, answer);
}

static void
check_but_for_3_s (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  serve_but_for_3_s (self, at_us, answer);
  answer->took_us = CHECK_TOOK_US;
}

/* A check every other second, and every request is served. */
static void
run_all_served (SimWorld *world, const char *settings, SimUpstream *upstreams)
{
  sim_world_init (world, settings, upstreams, RUN_US);
  world->check_us = 2 * SECOND;
  sim_world_run (world);
  g_assert_cmpuint (world->n_served, ==, world->n_requests);
}

/* Checks come at odd seconds. The one at 33 s is the first to pass, and so the first request after it finds
 * out, half a minute before the cooldown is over. */
static void
test_early (void)
{
  SimUpstream upstreams[] = {
    { .key = "first", .serve = serve_but_for_3_s, .check = check_but_for_3_s },
    { .key = "second", .check = check_passes },
    { NULL },
  };
  SimWorld world;

  run_all_served (&world, SETTINGS "[circuit-breaker]\ncooldown=35s\n", upstreams);
  g_assert_cmpuint (upstreams[0].n_failed, ==, 5);
  g_assert_cmpuint (upstreams[0].n_checks, ==, 50);
  g_assert_cmpuint (upstreams[1].n_checks, ==, 50);
  g_assert_cmpuint (upstreams[1].n_served, ==,
                    sim_world_count_between (&world, 30 * SECOND, 33 * SECOND + CHECK_TOOK_US));
  sim_world_clear (&world);
}

/* Nothing that a check finds out costs requests: dead for good, it is asked five times. A check that fails
 * before its time tells nothing new; one that fails in time has it left alone for longer, by checks as well:
 * they come at 1, 3, ... 17 s, and at 47. */
static void
test_dead (void)
{
  SimUpstream upstreams[] = {
    { .key = "dead", .serve = sim_serve_never },
    { .key = "well", .check = check_passes },
    { NULL },
  };
  SimWorld world;

  run_all_served (&world, SETTINGS, upstreams);
  g_assert_cmpuint (upstreams[0].n_failed, ==, 5);
  g_assert_cmpuint (upstreams[0].n_checks, ==, 10);
  g_assert_cmpuint (upstreams[1].n_checks, ==, 50);
  g_assert_cmpuint (world.keys[0].breaker.n_opened, ==, 3);
  sim_world_clear (&world);
}

/* There is a list of models, but nobody who answers: each check that is passed costs a request, so they are
 * heeded 4, 8, 16, 32 and 64 s after it. */
static void
test_checks_that_lie (void)
{
  SimUpstream upstreams[] = {
    { .key = "lies", .serve = sim_serve_never, .check = check_passes },
    { .key = "well", .check = check_passes },
    { NULL },
  };
  SimWorld world;

  run_all_served (&world, SETTINGS "[circuit-breaker]\ncooldown=2s\nmax-cooldown=1000s\n", upstreams);
  /* At 1, 5 (or 7), 13 (or 15), 29 (or 33) and 61 s (or later). */
  g_assert_cmpuint (world.keys[0].breaker.streak, ==, 5);
  g_assert_cmpuint (upstreams[0].n_failed, ==, 5 + 5);
  sim_world_clear (&world);
}

/* Out of quota for 40 s, as it says. */
static void
serve_after_40_s (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  if (at_us < 40 * SECOND)
    sim_answer_fail (answer, AIP_FAULT_CLASS_RATE_LIMITED, 429, 40 * SECOND - at_us);
}

/* Overloaded for 40 s, as it says. */
static void
serve_overloaded (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  serve_after_40_s (self, at_us, answer);
  if (at_us < 40 * SECOND)
    answer->verdict.fault_class = AIP_FAULT_CLASS_TRANSIENT;
}

static void
serve_without_credit (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  sim_answer_fail (answer, AIP_FAULT_CLASS_BILLING, 402, -1);
}

/* What a check cannot know, or a provider has forbidden, is not brought forward by any. */
static void
test_not_early (void)
{
  SimUpstream upstreams[] = {
    { .key = "limited", .serve = serve_after_40_s, .check = check_passes },
    { .key = "overloaded", .serve = serve_overloaded, .check = check_passes },
    { .key = "billing", .serve = serve_without_credit, .check = check_passes },
    { .key = "well", .check = check_passes },
    { NULL },
  };
  SimWorld world;

  sim_world_init (&world, SETTINGS, upstreams, RUN_US);
  world.check_us = 2 * SECOND;
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served + world.n_lost, ==, world.n_requests);
  g_assert_cmpuint (world.n_lost, ==, 1);
  for (guint i = 0; i < 3; i++)
    {
      g_assert_cmpuint (upstreams[i].n_failed, ==, 1);
      g_assert_cmpuint (world.keys[i].breaker.n_opened, ==, 1);
    }
  /* Both are well again when their time has come; the first one is tried first, and checked from then on. */
  g_assert_cmpuint (upstreams[0].n_checks, ==, 30);
  g_assert_cmpuint (upstreams[2].n_checks, ==, 0);
  g_assert_cmpuint (upstreams[0].n_served, ==, sim_world_count_between (&world, 40 * SECOND, RUN_US) - 1);
  g_assert_cmpuint (upstreams[1].n_served, ==, 1);
  sim_world_clear (&world);
}

/* Where breakers are not enabled, what its provider has asked for is all that a key waits for, and no check.
 */
static void
test_not_awaited (void)
{
  SimUpstream upstreams[] = {
    { .key = "overloaded", .serve = serve_overloaded, .check = check_passes },
    { .key = "well", .check = check_passes },
    { NULL },
  };
  SimWorld world;

  sim_world_init (&world,
                  "[routing]\nstrategy=failover\n[health-check]\ninterval=60s\n"
                  "[circuit-breaker]\nenabled=false\n",
                  upstreams, RUN_US);
  world.check_us = 60 * SECOND;
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  g_assert_cmpuint (upstreams[0].n_failed, ==, 1);
  g_assert_cmpuint (upstreams[0].n_served, ==, sim_world_count_between (&world, 40 * SECOND, RUN_US));
  sim_world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing/sim-health/early", test_early);
  g_test_add_func ("/routing/sim-health/dead", test_dead);
  g_test_add_func ("/routing/sim-health/checks-that-lie", test_checks_that_lie);
  g_test_add_func ("/routing/sim-health/not-early", test_not_early);
  g_test_add_func ("/routing/sim-health/not-awaited", test_not_awaited);

  return g_test_run ();
}
