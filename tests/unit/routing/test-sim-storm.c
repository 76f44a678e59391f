/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-random.h"
#include "sim-world.h"

/* 100,000 requests to upstreams that do anything at any time, with limits, health checks, long answers and
 * clients that leave: no more is checked here than that all of it has happened, for it is the simulator that
 * checks each decision. */

#define SECOND G_TIME_SPAN_SECOND
#define MS G_TIME_SPAN_MILLISECOND
#define STEP_US (10 * MS)

/* Weather that lasts from 2 to 12 s: of 1000 answers, so many are good. */
static guint
get_weather (SimUpstream *self, gint64 at_us)
{
  static const guint weathers[] = { 1000, 1000, 995, 950, 700, 0 };

  if (at_us >= self->script.since_us)
    {
      self->script.since_us = at_us + (2000 + sim_random_below (&self->script.random, 10000)) * MS;
      self->script.n = weathers[sim_random_below (&self->script.random, G_N_ELEMENTS (weathers))];
    }
  return self->script.n;
}

static void
fail_by_chance (SimUpstream *self, SimAnswer *answer)
{
  guint chance = sim_random_below (&self->script.random, 1000);
  gint64 retry_after_us = (1 + sim_random_below (&self->script.random, 8)) * SECOND;

  if (chance < 600)
    sim_answer_fail (answer, AIP_FAULT_CLASS_TRANSIENT, 500, -1);
  else if (chance < 700)
    sim_answer_fail (answer, AIP_FAULT_CLASS_TRANSIENT, 503, retry_after_us);
  else if (chance < 800)
    sim_answer_fail (answer, AIP_FAULT_CLASS_RATE_LIMITED, 429, retry_after_us);
  else if (chance < 850)
    sim_answer_fail (answer, AIP_FAULT_CLASS_RATE_LIMITED, 429, -1);
  else if (chance < 930)
    sim_answer_fail (answer, AIP_FAULT_CLASS_TRANSIENT, 0, -1);
  else if (chance < 960)
    sim_answer_fail (answer, AIP_FAULT_CLASS_CLIENT, 400, -1);
  else if (chance < 998)
    sim_answer_fail (answer, AIP_FAULT_CLASS_MODEL_MISSING, 404, -1);
  else if (sim_random_below (&self->script.random, 10) > 0)
    sim_answer_fail (answer, AIP_FAULT_CLASS_AUTH, 401, -1);
  else
    sim_answer_fail (answer, AIP_FAULT_CLASS_BILLING, 402, -1);
  answer->unsent = answer->verdict.status == 0;
}

static void
serve_anything (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  guint weather = get_weather (self, at_us);
  gboolean streams = sim_random_below (&self->script.random, 3) == 0;
  gint64 first_byte_us = sim_random_below (&self->script.random, 400) * MS;
  gint64 took_us = first_byte_us + sim_random_below (&self->script.random, streams ? 6000 : 500) * MS;

  answer->first_byte_us = first_byte_us;
  answer->tokens = 10 + sim_random_below (&self->script.random, 120);
  if (sim_random_below (&self->script.random, 1000) >= weather)
    fail_by_chance (self, answer);
  else if (sim_random_below (&self->script.random, 50) == 0)
    sim_answer_fail (answer, AIP_FAULT_CLASS_CANCELLED, 0, -1);
  /* What breaks off has begun, and clients leave in the midst of it. */
  if (streams && (answer->verdict.status == 500 || answer->verdict.fault_class == AIP_FAULT_CLASS_CANCELLED))
    answer->first_byte_us = first_byte_us;
  answer->streams = streams && answer->first_byte_us >= 0;
  answer->took_us = took_us;
}

static void
check_anything (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  if (sim_random_below (&self->script.random, 1000) >= get_weather (self, at_us))
    sim_answer_fail (answer, AIP_FAULT_CLASS_TRANSIENT, 500, -1);
  answer->took_us = sim_random_below (&self->script.random, 3000) * MS;
}

static void
describe_cb (SimWorld *world, SimAsk *ask)
{
  ask->client = sim_random_below (&world->random, 3) % world->n_clients;
  ask->input_tokens = 10 + sim_random_below (&world->random, 50);
  ask->output_tokens = sim_random_below (&world->random, 100);
  if (sim_random_below (&world->random, 4) == 0)
    ask->sticky = 1 + sim_random_below (&world->random, 20);
}

/* From time to time the owner wants one key tried again, even if it is well. */
static void
reset_cb (void *data)
{
  SimWorld *world = data;

  sim_world_reset_key (world, &world->keys[sim_random_below (&world->random, world->n_keys)]);
  if (world->queue.now_us + 7 * SECOND < sim_world_get_end (world))
    sim_queue_push (&world->queue, world->queue.now_us + 7 * SECOND, reset_cb, world);
}

#define CLIENTS                                                                                              \
  "[client a]\nrpm=1500\ntpm=1000000\ndaily-requests=30000\n"                                                \
  "token-sha256=000000000000000000000000000000000000000000000000000000000000000a\n"                          \
  "[client b]\n"                                                                                             \
  "token-sha256=000000000000000000000000000000000000000000000000000000000000000b\n"

static void
run_storm (const char *breaker, const char *routing)
{
  SimUpstream upstreams[] = {
    { .key = "a", .serve = serve_anything, .check = check_anything, .settings = "weight=2\nrpm=1200\n" },
    { .key = "b", .serve = serve_anything, .check = check_anything },
    { .key = "c", .serve = serve_anything, .check = check_anything, .settings = "weight=3\ntpm=100000\n" },
    { .key = "d", .serve = serve_anything, .check = check_anything, .settings = "rpm=900\ntpm=60000\n" },
    { .key = "e", .serve = serve_anything, .check = check_anything },
    { NULL },
  };
  g_autofree char *settings =
      g_strconcat ("[circuit-breaker]\nwindow=10s\nmax-cooldown=8s\n", breaker,
                   "[health-check]\ninterval=3s\n" CLIENTS "[routing]\n", routing, NULL);
  SimWorld world;

  sim_world_init (&world, settings, upstreams, 0);
  world.step_us = STEP_US;
  world.exact = FALSE;
  world.check_us = 3 * SECOND;
  world.describe = describe_cb;
  sim_queue_push (&world.queue, SIM_START_US, reset_cb, &world);
  sim_world_run (&world);
  for (guint i = 0; i < world.n_keys; i++)
    {
      g_assert_cmpuint (world.keys[i].breaker.n_opened, >, 3);
      g_assert_cmpuint (upstreams[i].n_served, >, world.n_requests / 200);
      g_assert_cmpuint (upstreams[i].n_checks, >, 3);
    }
  g_assert_cmpuint (world.n_broken, >, 10);
  g_assert_cmpuint (world.n_left, >, 10);
  g_assert_cmpuint (world.n_told, >, 5);
  g_assert_cmpuint (world.n_lost, >, 10);
  g_assert_cmpuint (world.n_served, >, world.n_requests / 4);
  g_assert_cmpuint (world.n_refused, >, world.n_requests / 20);
  sim_world_clear (&world);
}

static void
test_weighted_score (void)
{
  run_storm ("cooldown=1s\n", "");
}

static void
test_least_bad (void)
{
  run_storm ("cooldown=1s\n", "strategy=least_used\non-exhausted=least-bad\n");
}

/* The first fault opens it, again and again. */
static void
test_touchy (void)
{
  run_storm ("cooldown=100ms\nthreshold=1\n", "strategy=failover\n");
}

/* Providers are heeded all the same. */
static void
test_disabled (void)
{
  run_storm ("cooldown=1s\nenabled=false\n", "strategy=random\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing/sim-storm/weighted-score", test_weighted_score);
  g_test_add_func ("/routing/sim-storm/least-bad", test_least_bad);
  g_test_add_func ("/routing/sim-storm/touchy", test_touchy);
  g_test_add_func ("/routing/sim-storm/disabled", test_disabled);

  return g_test_run ();
}
