/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-random.h"
#include "sim-world.h"

/* 100,000 requests within ten minutes, midnight in the middle, by clients and with keys that have limits.
 * Whether each request is granted or refused, and when there will be room, is what the simulator checks; here
 * is what that has to come to. */

#define SECOND G_TIME_SPAN_SECOND
#define MINUTE G_TIME_SPAN_MINUTE
#define RUN_US (10 * MINUTE)

#define CLIENT(name, digit, settings)                                                                        \
  "[client " name "]\ntoken-sha256=000000000000000000000000000000000000000000000000000000000000000" digit    \
  "\n" settings

/* Two clients by turns; 20 tokens in, up to 80 out. */
static void
describe_cb (SimWorld *world, SimAsk *ask)
{
  ask->client = ask->index % 2 % MAX (world->n_clients, 1);
  ask->input_tokens = 20;
  ask->output_tokens = 80;
}

/* It takes up to 3 s, and now and then longer than a minute; and mostly fewer tokens than it might. */
static void
serve_by_chance (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  answer->took_us = sim_random_below (&self->script.random, 3000) * 1000;
  if (sim_random_below (&self->script.random, 20) == 0)
    answer->took_us += 65 * SECOND;
  answer->tokens = 20 + sim_random_below (&self->script.random, 81);
}

/* One in ten takes half as much again as it might, and nobody tells what another one in ten took. */
static void
serve_more (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  guint chance = sim_random_below (&self->script.random, 10);

  serve_by_chance (self, at_us, answer);
  if (chance == 0)
    answer->tokens = 150;
  else if (chance == 1)
    answer->tokens = AIP_TOKENS_UNKNOWN;
}

/* One in four fails, half of them before anything was sent. */
static void
serve_badly (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  guint chance = sim_random_below (&self->script.random, 8);

  serve_by_chance (self, at_us, answer);
  if (chance > 1)
    return;
  sim_answer_fail (answer, AIP_FAULT_CLASS_TRANSIENT, chance == 0 ? 500 : 0, -1);
  answer->unsent = chance == 1;
  answer->took_us = 500000;
}

static void
run (SimWorld *world, const char *settings, SimUpstream *upstreams)
{
  sim_world_init (world, settings, upstreams, RUN_US);
  world->describe = describe_cb;
  sim_world_run (world);
}

/* What is left over at the edges of pieces: a window of a minute is one of 60 to 61 s. */
static void
assert_rate (const SimLimit *limit)
{
  g_assert_cmpuint (sim_limit_get_peak (limit), ==, limit->size);
  g_assert_cmpuint (sim_limit_get_total (limit), >=, limit->size * 595 / 61);
  g_assert_cmpuint (sim_limit_get_total (limit), <=, limit->size * 10);
}

/* Requests in a minute: 6 % of what comes, and the next client has room of its own. */
static void
test_client_requests (void)
{
  SimUpstream upstreams[] = { { .key = "well", .serve = serve_by_chance }, { NULL } };
  SimWorld world;

  run (&world, CLIENT ("a", "a", "rpm=60\n") CLIENT ("b", "b", "rpm=120\n"), upstreams);
  for (guint i = 0; i < 2; i++)
    {
      const SimLimit *limit = &world.clients[i].party.limits[SIM_LIMIT_REQUESTS];

      assert_rate (limit);
      g_assert_cmpuint (world.clients[i].n_granted, ==, sim_limit_get_total (limit));
    }
  g_assert_cmpuint (world.n_served, ==, world.clients[0].n_granted + world.clients[1].n_granted);
  sim_world_clear (&world);
}

/* Tokens in a minute: never more than the limit, whatever is given back, and all of it is used. */
static void
test_client_tokens (void)
{
  SimUpstream upstreams[] = { { .key = "well", .serve = serve_by_chance }, { NULL } };
  SimWorld world;

  run (&world, CLIENT ("a", "a", "tpm=6000\n") CLIENT ("b", "b", "tpm=12000\n"), upstreams);
  for (guint i = 0; i < 2; i++)
    {
      const SimLimit *limit = &world.clients[i].party.limits[SIM_LIMIT_TOKENS];

      g_assert_cmpuint (sim_limit_get_peak (limit), <=, limit->size);
      g_assert_cmpuint (sim_limit_get_peak (limit), >, limit->size - 100);
      g_assert_cmpuint (sim_limit_get_total (limit), >=, (limit->size - 100) * 585 / 61);
    }
  sim_world_clear (&world);
}

/* What takes more than was asked for is let through, and what comes next pays for it. */
static void
test_client_tokens_more (void)
{
  SimUpstream upstreams[] = { { .key = "well", .serve = serve_more }, { NULL } };
  SimWorld world;
  const SimLimit *limit;

  run (&world, CLIENT ("a", "a", "tpm=6000\n"), upstreams);
  limit = &world.clients[0].party.limits[SIM_LIMIT_TOKENS];
  g_assert_cmpuint (sim_limit_get_peak (limit), >, limit->size - 100);
  /* No more than what was under way has taken beyond: at most 60 requests at once. */
  g_assert_cmpuint (sim_limit_get_peak (limit), <=, limit->size + 60 * 50);
  g_assert_cmpuint (sim_limit_get_total (limit), <=, limit->size * 11);
  sim_world_clear (&world);
}

/* One request in ten takes more than the whole limit, and can never be; others might, and are let through one
 * at a time. */
static void
describe_large_cb (SimWorld *world, SimAsk *ask)
{
  ask->input_tokens = ask->index % 10 == 0 ? 60 : 20;
  ask->output_tokens = 80;
}

static void
test_small (void)
{
  SimUpstream upstreams[] = { { .key = "well", .tokens = 50 }, { NULL } };
  SimWorld world;

  sim_world_init (&world, CLIENT ("a", "a", "tpm=50\n"), upstreams, RUN_US);
  world.describe = describe_large_cb;
  sim_world_run (&world);
  /* Once in 60 to 61 s. */
  g_assert_cmpuint (world.n_served, ==, 10);
  g_assert_cmpuint (sim_limit_get_peak (&world.clients[0].party.limits[SIM_LIMIT_TOKENS]), ==, 50);
  sim_world_clear (&world);
}

/* Where two limits have no room, one waits for the one that takes longer. */
static void
test_several (void)
{
  SimUpstream upstreams[] = { { .key = "well", .serve = serve_by_chance }, { NULL } };
  SimWorld world;

  run (&world, CLIENT ("a", "a", "rpm=60\ntpm=1000000\ndaily-requests=120\n"), upstreams);
  g_assert_cmpuint (world.n_served, ==, 2 * 120);
  g_assert_cmpuint (sim_limit_get_peak (&world.clients[0].party.limits[SIM_LIMIT_REQUESTS]), ==, 60);
  sim_world_clear (&world);
}

/* A day's limits, which two clients of one tenant share: used up before midnight, and once more after it. */
static void
test_days (void)
{
  SimUpstream upstreams[] = { { .key = "well" }, { NULL } };
  SimWorld world;

  run (&world,
       "[tenant t]\ndaily-requests=250\n" CLIENT ("a", "a", "tenant=t\ndaily-requests=100\n")
           CLIENT ("b", "b", "tenant=t\ndaily-tokens=30000\n"),
       upstreams);
  g_assert_cmpuint (world.n_served, ==, 2 * 250);
  g_assert_cmpuint (world.clients[0].n_granted, ==, 2 * 100);
  g_assert_cmpuint (world.clients[1].n_granted, ==, 2 * 150);
  g_assert_cmpuint (sim_limit_get_total (&world.tenant.limits[SIM_LIMIT_DAY_REQUESTS]), ==, 2 * 250);
  sim_world_clear (&world);
}

/* Tokens of a day: 300 requests are reserved for, and use nothing. */
static void
test_day_tokens (void)
{
  SimUpstream upstreams[] = { { .key = "well", .tokens = 50 }, { NULL } };
  SimWorld world;

  run (&world,
       "[tenant t]\ndaily-tokens=10000\n" CLIENT ("a", "a", "tenant=t\ndaily-tokens=3000\n")
           CLIENT ("b", "b", "tenant=t\n"),
       upstreams);
  /* Each takes 50 and may take 100: the last one gets the 50 that are left, as nothing else runs. */
  g_assert_cmpuint (sim_limit_get_total (&world.clients[0].party.limits[SIM_LIMIT_DAY_TOKENS]), ==, 2 * 3000);
  g_assert_cmpuint (sim_limit_get_total (&world.tenant.limits[SIM_LIMIT_DAY_TOKENS]), ==, 2 * 10000);
  sim_world_clear (&world);
}

/* Keys that may serve so many requests in a minute serve just as many, and the rest is told when to come
 * back. */
static void
test_key_requests (void)
{
  SimUpstream upstreams[] = {
    { .key = "a", .settings = "rpm=60\n", .serve = serve_by_chance },
    { .key = "b", .settings = "rpm=300\n", .serve = serve_by_chance },
    { NULL },
  };
  SimWorld world;

  run (&world, "", upstreams);
  for (guint i = 0; i < 2; i++)
    {
      const SimLimit *limit = &world.keys[i].party.limits[SIM_LIMIT_REQUESTS];

      assert_rate (limit);
      g_assert_cmpuint (upstreams[i].n_served, ==, sim_limit_get_total (limit));
    }
  g_assert_cmpuint (world.n_denied, ==, world.n_requests - world.n_served);
  sim_world_clear (&world);
}

/* Keys that fail, and give back what they were not paid for; their clients' limits are no key's. */
static void
test_faults (void)
{
  SimUpstream upstreams[] = {
    { .key = "a", .settings = "rpm=600\ntpm=20000\n", .serve = serve_badly },
    { .key = "b", .settings = "rpm=200\n", .serve = serve_badly },
    { .key = "c", .settings = "tpm=9000\n", .serve = serve_badly },
    { NULL },
  };
  SimWorld world;

  run (&world,
       SIM_NO_CHECKS "[circuit-breaker]\ncooldown=1s\nmax-cooldown=1s\n" CLIENT ("a", "a", "rpm=300\n")
           CLIENT ("b", "b", "tpm=40000\n"),
       upstreams);
  for (guint i = 0; i < 3; i++)
    {
      const SimLimit *tokens = &world.keys[i].party.limits[SIM_LIMIT_TOKENS];

      g_assert_cmpuint (sim_limit_get_peak (tokens), <=, tokens->size);
      g_assert_cmpuint (upstreams[i].n_failed, >, 50);
    }
  g_assert_cmpuint (sim_limit_get_peak (&world.keys[1].party.limits[SIM_LIMIT_REQUESTS]), ==, 200);
  g_assert_cmpuint (sim_limit_get_peak (&world.keys[2].party.limits[SIM_LIMIT_TOKENS]), >, 9000 - 100);
  g_assert_cmpuint (sim_limit_get_peak (&world.clients[0].party.limits[SIM_LIMIT_REQUESTS]), >, 250);
  g_assert_cmpuint (sim_limit_get_peak (&world.clients[1].party.limits[SIM_LIMIT_TOKENS]), <=, 40000);
  g_assert_cmpuint (world.n_refused, >, 1000);
  g_assert_cmpuint (world.n_denied, >, 500);
  sim_world_clear (&world);
}

/* One that is tried for want of anybody else is still held to its limit: five in a minute. */
static void
test_least_bad (void)
{
  SimUpstream upstreams[] = { { .key = "a", .settings = "rpm=5\n", .serve = sim_serve_never }, { NULL } };
  SimWorld world;
  const SimLimit *limit;

  run (&world,
       SIM_NO_CHECKS
       "[routing]\non-exhausted=least-bad\n[circuit-breaker]\ncooldown=1s\nmax-cooldown=1000s\n",
       upstreams);
  limit = &world.keys[0].party.limits[SIM_LIMIT_REQUESTS];
  g_assert_cmpuint (sim_limit_get_peak (limit), ==, 5);
  g_assert_cmpuint (upstreams[0].n_failed, ==, sim_limit_get_total (limit));
  g_assert_cmpuint (upstreams[0].n_failed, >, 5 * 8);
  sim_world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing/sim-limits/client-requests", test_client_requests);
  g_test_add_func ("/routing/sim-limits/client-tokens", test_client_tokens);
  g_test_add_func ("/routing/sim-limits/client-tokens-more", test_client_tokens_more);
  g_test_add_func ("/routing/sim-limits/small", test_small);
  g_test_add_func ("/routing/sim-limits/several", test_several);
  g_test_add_func ("/routing/sim-limits/days", test_days);
  g_test_add_func ("/routing/sim-limits/day-tokens", test_day_tokens);
  g_test_add_func ("/routing/sim-limits/key-requests", test_key_requests);
  g_test_add_func ("/routing/sim-limits/faults", test_faults);
  g_test_add_func ("/routing/sim-limits/least-bad", test_least_bad);

  return g_test_run ();
}
