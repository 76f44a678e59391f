/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-world.h"

/* 100,000 requests within 100 seconds to upstreams of which a share fails: a breaker opens just when the
 * share within its window is reached. That it does so to the request is what the simulator checks; here is
 * when that has to be. */

#define SECOND G_TIME_SPAN_SECOND
#define RUN_US (100 * SECOND)

/* Faults in a row do not count, and what opens stays open. */
#define RATE(rate, window)                                                                                   \
  SIM_NO_CHECKS "[routing]\nstrategy=round_robin\n[circuit-breaker]\nthreshold=1000\ncooldown=1000s\n"       \
                "max-cooldown=1000s\nerror-rate=" rate "\nwindow=" window "\n"

/* @pattern: '!' is a fault; it goes round in its last @n */
static void
follow (SimUpstream *self, SimAnswer *answer, const char *pattern, guint n)
{
  if (pattern[self->script.n] == '!')
    sim_serve_never (self, 0, answer);
  self->script.n++;
  if (pattern[self->script.n] == '\0')
    self->script.n -= n;
}

/* Two of five fail, and all from the 40th second on. */
static void
serve_worse_after_40_s (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  if (at_us < 40 * SECOND)
    follow (self, answer, ".!.!.", 5);
  else
    sim_serve_never (self, at_us, answer);
}

static void
serve_four_bad (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  follow (self, answer, "!!!!.....!.", 1);
}

static void
serve_nearly_half_bad (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  follow (self, answer, "!!!!......!..!", 3);
}

static void
serve_one_of_five (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  follow (self, answer, "!!!!.", 5);
}

/* One of 50 is good, and none from the 40th second on. */
static void
serve_a_little (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  if (at_us >= 40 * SECOND || self->script.n++ % 50 != 0)
    sim_serve_never (self, at_us, answer);
}

/* Returns: when the breaker opened that is open since, from the run's start */
static gint64
get_opened (const SimKey *key)
{
  g_assert_cmpuint (key->breaker.n_opened, ==, 1);
  return key->breaker.until_us - 1000 * SECOND - SIM_START_US;
}

/* Of a window of W seconds, x with nothing but faults and the rest with two of five make a half at x = W / 6.
 * The window is cut into ten pieces, of which the present one is not over: W is from 9 to 10 s. */
static void
test_rate (void)
{
  SimUpstream upstreams[] = { { .key = "worse", .serve = serve_worse_after_40_s },
                              { .key = "well" },
                              { NULL } };
  SimWorld world;
  gint64 opened_us;

  sim_world_init (&world, RATE ("0.5", "10s"), upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  opened_us = get_opened (&world.keys[0]);
  g_assert_cmpint (opened_us, >=, 40 * SECOND + 9 * SECOND / 6);
  g_assert_cmpint (opened_us, <=, 40 * SECOND + 10 * SECOND / 6 + 2 * world.step_us);
  sim_world_clear (&world);
}

/* Four attempts are no rate. Five of ten are a half, five of eleven are not, and a third never is. */
static void
test_least_attempts (void)
{
  SimUpstream upstreams[] = {
    { .key = "dead", .serve = sim_serve_never },
    { .key = "half", .serve = serve_four_bad },
    { .key = "nearly", .serve = serve_nearly_half_bad },
    { .key = "well" },
    { NULL },
  };
  SimWorld world;

  sim_world_init (&world, RATE ("0.5", "10s"), upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served + world.n_lost, ==, world.n_requests);
  g_assert_cmpuint (upstreams[0].n_asked, ==, 5);
  get_opened (&world.keys[0]);
  g_assert_cmpuint (upstreams[1].n_asked, ==, 10);
  get_opened (&world.keys[1]);
  g_assert_cmpuint (world.keys[2].breaker.n_opened, ==, 0);
  g_assert_cmpuint (upstreams[2].n_failed, >=, upstreams[2].n_asked / 3);
  sim_world_clear (&world);
}

/* 0: no rate is too much; and at 80 % of faults, three attempts serve nearly all. */
static void
test_off (void)
{
  SimUpstream upstreams[] = { { .key = "bad", .serve = serve_one_of_five }, { .key = "well" }, { NULL } };
  SimWorld world;

  sim_world_init (&world, RATE ("0", "10s"), upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.keys[0].breaker.n_opened, ==, 0);
  g_assert_cmpuint (upstreams[0].n_asked, ==, world.n_requests / 2);
  g_assert_cmpuint (upstreams[0].n_served, ==, world.n_requests / 10);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  sim_world_clear (&world);
}

/* 1: all within the window have to fail, so that it opens when the last good one has left it. */
static void
test_all (void)
{
  SimUpstream upstreams[] = { { .key = "little", .serve = serve_a_little }, { .key = "well" }, { NULL } };
  SimWorld world;
  gint64 opened_us;

  sim_world_init (&world, RATE ("1", "1s"), upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  opened_us = get_opened (&world.keys[0]);
  g_assert_cmpint (opened_us, >=, 40 * SECOND + SECOND * 9 / 10 - 100 * world.step_us);
  g_assert_cmpint (opened_us, <=, 41 * SECOND + 2 * world.step_us);
  sim_world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing/sim-error-rate/rate", test_rate);
  g_test_add_func ("/routing/sim-error-rate/least-attempts", test_least_attempts);
  g_test_add_func ("/routing/sim-error-rate/off", test_off);
  g_test_add_func ("/routing/sim-error-rate/all", test_all);

  return g_test_run ();
}
