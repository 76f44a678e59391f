/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-random.h"
#include "sim-world.h"

/* 100,000 requests within 100 seconds to upstreams that fail: who is asked in vain, how often, and until
 * when. */

#define SECOND G_TIME_SPAN_SECOND
#define RUN_US (100 * SECOND)
#define COOLDOWN (15 * SECOND)

/* So many requests in each second of its own, and it says when to come back. */
static void
serve_limited (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  gint64 begin_us = at_us / SECOND * SECOND;

  if (self->script.since_us != begin_us)
    {
      self->script.since_us = begin_us;
      self->script.n = 0;
    }
  if (self->script.n++ >= self->script.limit)
    sim_answer_fail (answer, AIP_FAULT_CLASS_RATE_LIMITED, 429, begin_us + SECOND - at_us);
}

/* The same, but it does not say when. */
static void
serve_limited_silently (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  serve_limited (self, at_us, answer);
  answer->verdict.retry_after_us = -1;
}

/* Away for the first 50 s. */
static void
serve_after_50_s (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  if (at_us < 50 * SECOND)
    sim_serve_never (self, at_us, answer);
}

/* One always fails, one is slow, one dies for 10 s. */
static void
test_faults (void)
{
  SimUpstream upstreams[] = {
    { .key = "never", .serve = sim_serve_never },
    { .key = "slow", .first_byte_us = 3 * SECOND },
    { .key = "dies", .serve = sim_serve_but_for_10_s, .first_byte_us = 100000 },
    { NULL },
  };
  SimWorld world;
  guint n, away;

  sim_world_init (&world, SIM_NO_CHECKS, upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  /* Five open it; then one for each time that it may try, which are 15, 30 and 60 s apart. */
  g_assert_cmpuint (world.keys[0].breaker.n_opened, ==, 3);
  g_assert_cmpuint (upstreams[0].n_failed, ==, 5 + 2);
  g_assert_cmpuint (world.keys[0].breaker.streak, ==, 2);
  /* It opened once, and was well again when it was tried. */
  g_assert_cmpuint (world.keys[2].breaker.n_opened, ==, 1);
  /* Faults come at once, and what was asked before is answered within 0.1 s more: only then are five in a
   * row. */
  g_assert_cmpuint (upstreams[2].n_failed, >=, 5);
  g_assert_cmpuint (upstreams[2].n_failed, <=,
                    5 + sim_world_count_between (&world, 30 * SECOND, 30 * SECOND + 100000));
  g_assert_false (world.keys[2].breaker.out);
  /* The slow one serves all that the other cannot, and an 11th of what both can: its speed counts for 0.3 s
   * of 3. That is once both are known, after 3 s, in which they have their turns. */
  away = sim_world_count_between (&world, 30 * SECOND, 30 * SECOND + COOLDOWN);
  n = away + sim_world_count_between (&world, 0, 3 * SECOND) / 2;
  n += (world.n_requests - away - sim_world_count_between (&world, 0, 3 * SECOND)) / 11;
  g_assert_cmpuint (upstreams[1].n_served, >, n * 98 / 100);
  g_assert_cmpuint (upstreams[1].n_served, <, n * 102 / 100);
  sim_world_clear (&world);
}

/* The same with chance in the cooldowns: each of them is 10 % more or less, which the simulator checks. */
static void
test_jitter (void)
{
  SimUpstream upstreams[] = {
    { .key = "never", .serve = sim_serve_never },
    { .key = "never2", .serve = sim_serve_never },
    { .key = "well" },
    { NULL },
  };
  SimWorld world;

  sim_world_init (&world, SIM_NO_CHECKS "[circuit-breaker]\ncooldown=1s\nmax-cooldown=1s\n", upstreams,
                  RUN_US);
  world.exact = FALSE;
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  for (guint i = 0; i < 2; i++)
    {
      /* It is asked at whole steps, and whole seconds after that it would be back. */
      g_assert_cmpint ((world.keys[i].breaker.until_us - SIM_START_US) % world.step_us, !=, 0);
      /* In a hundred times, chance cancels out. */
      g_assert_cmpuint (world.keys[i].breaker.n_opened, >=, 97);
      g_assert_cmpuint (world.keys[i].breaker.n_opened, <=, 103);
      g_assert_cmpuint (upstreams[i].n_failed, ==, 5 + world.keys[i].breaker.n_opened - 1);
    }
  sim_world_clear (&world);
}

/* Each of three fails one time in five, whoever asks: all three fail one request of 125. */
static void
serve_four_of_five (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  if (sim_random_below (&self->script.random, 5) == 0)
    sim_serve_never (self, at_us, answer);
}

static void
test_success_rate (void)
{
  SimUpstream upstreams[] = {
    { .key = "a", .serve = serve_four_of_five },
    { .key = "b", .serve = serve_four_of_five },
    { .key = "c", .serve = serve_four_of_five },
    { NULL },
  };
  SimWorld world;
  double expected, off;
  guint n_asked, n_failed;

  sim_world_init (&world, SIM_NO_CHECKS "[circuit-breaker]\nenabled=false\n", upstreams, RUN_US);
  sim_world_run (&world);
  expected = world.n_requests / 125.0;
  off = world.n_lost - expected;
  /* Five standard deviations. */
  g_assert_cmpfloat (off * off, <, 25 * expected);
  g_assert_cmpuint (world.n_denied, ==, 0);
  /* Whoever is lost was tried three times, and who is served no more often than he has to be. */
  n_asked = upstreams[0].n_asked + upstreams[1].n_asked + upstreams[2].n_asked;
  n_failed = upstreams[0].n_failed + upstreams[1].n_failed + upstreams[2].n_failed;
  g_assert_cmpuint (n_asked, ==, n_failed + world.n_served);
  g_assert_cmpfloat (ABS (n_failed / (double) n_asked - 0.2), <, 5 * 0.4 / 300);
  sim_world_clear (&world);
}

/* A key that is told off keeps away for as long as it is told, and loses nothing else. */
static void
test_told_off (void)
{
  SimUpstream upstreams[] = {
    { .key = "limited", .serve = serve_limited },
    { .key = "silent", .serve = serve_limited_silently },
    { .key = "well" },
    { NULL },
  };
  SimWorld world;

  sim_world_init (&world, SIM_NO_CHECKS, upstreams, RUN_US);
  upstreams[0].script.limit = upstreams[1].script.limit = world.n_requests / 2000;
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  /* 100 seconds: all that the limit gives, and one too many in each. */
  g_assert_cmpuint (upstreams[0].n_served, ==, 100 * upstreams[0].script.limit);
  g_assert_cmpuint (upstreams[0].n_failed, ==, 100);
  g_assert_cmpuint (world.keys[0].breaker.n_opened, ==, 100);
  /* The other one is found out by five faults in a row, each time that it is well again: after 15 s. A
   * second that begins lets one in between; and where it is not well again, one is enough. */
  g_assert_cmpuint (world.keys[1].breaker.n_opened, ==, 7);
  g_assert_cmpuint (upstreams[1].n_failed, >, 4 * 7);
  g_assert_cmpuint (upstreams[1].n_failed, <=, 6 * 7);
  sim_world_clear (&world);
}

static void
test_refused (void)
{
  SimUpstream upstreams[] = {
    { .key = "refused", .serve = sim_serve_refused },
    { .key = "well" },
    { NULL },
  };
  SimWorld world;

  sim_world_init (&world, SIM_NO_CHECKS, upstreams, RUN_US);
  sim_world_run (&world);
  g_assert_cmpuint (world.n_served, ==, world.n_requests);
  g_assert_cmpuint (upstreams[0].n_failed, ==, 1);
  g_assert_cmpuint (world.keys[0].breaker.n_opened, ==, 1);
  g_assert_cmpint (world.keys[0].breaker.why, ==, AIP_FAULT_CLASS_AUTH);
  sim_world_clear (&world);
}

/* Nobody is there: each request but a few is turned down at once, with the time at which one may be back. */
static void
test_all_dead (void)
{
  SimUpstream upstreams[] = {
    { .key = "a", .serve = sim_serve_never },
    { .key = "b", .serve = sim_serve_never },
    { NULL },
  };
  SimWorld world;

  sim_world_init (&world, SIM_NO_CHECKS, upstreams, RUN_US);
  sim_world_run (&world);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpuint (upstreams[i].n_failed, ==, 5 + 2);
  /* The five that open both, and those that find out: they come back at the same time. */
  g_assert_cmpuint (world.n_lost, ==, 5 + 2);
  g_assert_cmpuint (world.n_denied, ==, world.n_requests - world.n_lost);
  sim_world_clear (&world);
}

/* Nobody is there, and all are tried all the same: once in 15 s beside the probes, in turns. */
static void
test_least_bad_dead (void)
{
  SimUpstream upstreams[] = {
    { .key = "a", .serve = sim_serve_never },
    { .key = "b", .serve = sim_serve_never },
    { .key = "refused", .serve = sim_serve_refused },
    { NULL },
  };
  SimWorld world;

  sim_world_init (&world, SIM_NO_CHECKS "[routing]\non-exhausted=least-bad\n", upstreams, RUN_US);
  sim_world_run (&world);
  for (guint i = 0; i < 2; i++)
    {
      const SimBreaker *breaker = &world.keys[i].breaker;

      g_assert_cmpuint (breaker->n_opened, ==, 3);
      /* After the first opening, early ones come at once, and after 30, 60, 75 and 90 s. */
      g_assert_cmpuint (upstreams[i].n_failed, ==, 5 + 2 + 5);
    }
  g_assert_cmpuint (upstreams[2].n_failed, ==, 1);
  g_assert_cmpuint (world.n_lost + world.n_denied, ==, world.n_requests);
  sim_world_clear (&world);
}

/* Returns: how many requests of @world were not served */
static guint
run_with_one_that_is_late (SimWorld *world, const char *settings)
{
  SimUpstream upstreams[] = { { .key = "late", .serve = serve_after_50_s }, { NULL } };
  guint n;

  sim_world_init (world, settings, upstreams, RUN_US);
  sim_world_run (world);
  n = world->n_lost + world->n_denied;
  sim_world_clear (world);
  return n;
}

/* Attempts come 15 and 45 s after the first five, and then after 105; early ones at once, and after 30, 60
 * and 75 s: the upstream is back after 50. */
static void
test_least_bad_recovers (void)
{
  SimWorld world;

  g_assert_cmpuint (run_with_one_that_is_late (&world, SIM_NO_CHECKS), ==, world.n_requests);
  g_assert_cmpuint (run_with_one_that_is_late (&world, SIM_NO_CHECKS "[routing]\non-exhausted=least-bad\n"),
                    ==, 4 + sim_world_count_between (&world, 0, 60 * SECOND));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing/sim-faults/faults", test_faults);
  g_test_add_func ("/routing/sim-faults/jitter", test_jitter);
  g_test_add_func ("/routing/sim-faults/success-rate", test_success_rate);
  g_test_add_func ("/routing/sim-faults/told-off", test_told_off);
  g_test_add_func ("/routing/sim-faults/refused", test_refused);
  g_test_add_func ("/routing/sim-faults/all-dead", test_all_dead);
  g_test_add_func ("/routing/sim-faults/least-bad-dead", test_least_bad_dead);
  g_test_add_func ("/routing/sim-faults/least-bad-recovers", test_least_bad_recovers);

  return g_test_run ();
}
