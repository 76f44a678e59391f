/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routes.h"

#include <string.h>

#include "base/aip-error.h"
#include "config/aip-config-loader.h"

/*
 * 100,000 requests over a fake clock: one after another, 1 ms apart, each tried as the daemon would: the
 * plan's candidates in turn, at most three attempts. What the upstreams do is a script.
 */

#define N_REQUESTS 100000u
#define STEP_US 1000
#define MAX_ATTEMPTS 3
#define MAX_KEYS 6
#define SECOND G_TIME_SPAN_SECOND
#define START (1000 * SECOND)
#define RUN_US ((gint64) N_REQUESTS * STEP_US)

typedef struct _Upstream Upstream;
struct _Upstream
{
  const char *key;
  AipFaultVerdict (*serve) (Upstream *self, gint64 now_us);
  gint64 first_byte_us;
  guint n_served;
  guint n_wasted;
  gint64 limit_from_us; /* of limited ones: when this second began */
  guint limit_used;
};

typedef struct
{
  AipLiveKeys *live;
  AipRouter *router;
  Upstream *upstreams; /* ends with a NULL key */
  guint n_lost;        /* requests that no attempt served */
  guint n_denied;      /* requests without a plan */
  gint64 last_retry_after_us;
  guint64 random;
} World;

/* --- upstreams --- */

static AipFaultVerdict
make_verdict (AipFaultClass fault_class, guint status, gint64 retry_after_us)
{
  return (AipFaultVerdict){ fault_class, "x", status, retry_after_us };
}

static AipFaultVerdict
serve_well (Upstream *self, gint64 now_us)
{
  return make_verdict (AIP_FAULT_CLASS_NONE, 200, -1);
}

static AipFaultVerdict
serve_never (Upstream *self, gint64 now_us)
{
  return make_verdict (AIP_FAULT_CLASS_TRANSIENT, 500, -1);
}

/* Away from the 30th to the 40th second. */
static AipFaultVerdict
serve_but_for_10_s (Upstream *self, gint64 now_us)
{
  gint64 at_us = now_us - START;

  return at_us >= 30 * SECOND && at_us < 40 * SECOND ? serve_never (self, now_us) : serve_well (self, now_us);
}

/* Away for the first 50 s. */
static AipFaultVerdict
serve_after_50_s (Upstream *self, gint64 now_us)
{
  return now_us - START < 50 * SECOND ? serve_never (self, now_us) : serve_well (self, now_us);
}

static AipFaultVerdict
serve_refused (Upstream *self, gint64 now_us)
{
  return make_verdict (AIP_FAULT_CLASS_AUTH, 401, -1);
}

/* 50 requests in each second of its own; told when to come back. */
static AipFaultVerdict
serve_limited (Upstream *self, gint64 now_us)
{
  gint64 begin_us = now_us / SECOND * SECOND;

  if (self->limit_from_us != begin_us)
    {
      self->limit_from_us = begin_us;
      self->limit_used = 0;
    }
  if (self->limit_used++ < 50)
    return serve_well (self, now_us);
  return make_verdict (AIP_FAULT_CLASS_RATE_LIMITED, 429, begin_us + SECOND - now_us);
}

/* The same, but it does not say when. */
static AipFaultVerdict
serve_limited_silently (Upstream *self, gint64 now_us)
{
  AipFaultVerdict verdict = serve_limited (self, now_us);

  verdict.retry_after_us = -1;
  return verdict;
}

/* --- the world --- */

static AipRouter *
make_router (const char *text, AipLiveKeys *live)
{
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  g_autoptr (AipConfig) config = aip_config_parse (text, strlen (text), "test.conf", problems);
  g_autoptr (AipSecret) secret = aip_secret_new ("sk-test", -1);
  AipKeySecret secrets[MAX_KEYS] = { 0 };

  g_assert_nonnull (config);
  g_assert_cmpuint (config->keys->len, <=, MAX_KEYS);
  for (guint i = 0; i < config->keys->len; i++)
    secrets[i].secret = secret;
  return aip_router_new (config, secrets, NULL, live, NULL);
}

static void
world_init (World *self, const char *settings, Upstream *upstreams, const guint *weights)
{
  g_autoptr (GString) text = g_string_new (settings);

  g_string_append (text, "[provider p]\ndialect=openai\nbase-url=https://p.example/v1\nmodels=m\n");
  for (guint i = 0; upstreams[i].key != NULL; i++)
    g_string_append_printf (text, "[key %s]\nprovider=p\nsecret=env:K\nweight=%u\n", upstreams[i].key,
                            weights == NULL ? 1 : weights[i]);
  self->upstreams = upstreams;
  self->live = aip_live_keys_new ();
  self->router = make_router (text->str, self->live);
  self->random = 1;
}

static void
world_clear (World *self)
{
  aip_router_unref (self->router);
  aip_live_keys_unref (self->live);
}

static guint64
next_random (World *self)
{
  self->random = self->random * G_GUINT64_CONSTANT (6364136223846793005) + 1442695040888963407u;
  return self->random ^ (self->random >> 29);
}

static Upstream *
find_upstream (World *self, const AipCandidate *candidate)
{
  Upstream *upstream = self->upstreams;

  while (!g_str_equal (upstream->key, candidate->key->name))
    upstream++;
  return upstream;
}

/* Returns: whether it was served */
static gboolean
attempt (World *self, const AipCandidate *candidate, gint64 now_us)
{
  Upstream *upstream = find_upstream (self, candidate);
  AipLiveOutcome outcome = { .tokens = 100 };
  AipLiveAttempt live_attempt;

  if (!(candidate->least_bad ? aip_live_key_begin_early : aip_live_key_begin) (candidate->live, now_us,
                                                                               &live_attempt))
    return FALSE;
  outcome.verdict = upstream->serve (upstream, now_us);
  if (outcome.verdict.fault_class == AIP_FAULT_CLASS_NONE)
    {
      aip_live_key_answered (candidate->live, &live_attempt, TRUE, now_us + upstream->first_byte_us);
      upstream->n_served++;
    }
  else
    upstream->n_wasted++;
  aip_live_key_end (candidate->live, &live_attempt, &outcome, now_us, next_random (self));
  return outcome.verdict.fault_class == AIP_FAULT_CLASS_NONE;
}

static void
request (World *self, gint64 now_us)
{
  AipRouteQuery query = {
    .model = "m", .now_us = now_us, .random = next_random (self), .limit = MAX_ATTEMPTS
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) plan = aip_router_plan (self->router, &query, &self->last_retry_after_us, &error);

  if (plan == NULL)
    {
      g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE);
      self->n_denied++;
      return;
    }
  for (guint i = 0; i < plan->len; i++)
    if (attempt (self, &g_array_index (plan, AipCandidate, i), now_us))
      return;
  self->n_lost++;
}

static void
run (World *self)
{
  for (guint i = 0; i < N_REQUESTS; i++)
    request (self, START + (gint64) i * STEP_US);
}

static void
get_view (World *self, const char *key, AipBreakerView *view)
{
  g_autoptr (AipLiveKey) live = aip_live_keys_find (self->live, "p", key);

  aip_breaker_get_view (aip_live_key_get_breaker (live), START + RUN_US, view);
}

/* --- tests --- */

#define NO_CHECKS "[health-check]\nenabled=false\n"

/* One always fails, one is slow, one dies for 10 s. */
static void
test_faults (void)
{
  Upstream upstreams[] = {
    { .key = "never", .serve = serve_never },
    { .key = "slow", .serve = serve_well, .first_byte_us = 3 * SECOND },
    { .key = "dies", .serve = serve_but_for_10_s, .first_byte_us = 100000 },
    { NULL },
  };
  World world = { 0 };
  AipBreakerView view;

  world_init (&world, NO_CHECKS, upstreams, NULL);
  run (&world);
  g_assert_cmpuint (world.n_lost, ==, 0);
  g_assert_cmpuint (world.n_denied, ==, 0);
  g_assert_cmpuint (upstreams[1].n_served + upstreams[2].n_served, ==, N_REQUESTS);
  /* Five open it; then one for each time that it may try, which are 15, 30, 60 and 120 s apart, 10 % more or
   * less. */
  get_view (&world, "never", &view);
  g_assert_cmpuint (view.n_opened, ==, 3);
  g_assert_cmpuint (upstreams[0].n_wasted, ==, 5 + view.n_opened - 1);
  g_assert_cmpuint (view.streak, ==, 2);
  g_assert_cmpint (view.state, ==, AIP_BREAKER_OPEN);
  /* It opened once, and was well again when the first probe came. */
  get_view (&world, "dies", &view);
  g_assert_cmpuint (view.n_opened, ==, 1);
  g_assert_cmpuint (upstreams[2].n_wasted, ==, 5);
  g_assert_cmpint (view.state, ==, AIP_BREAKER_CLOSED);
  /* The slow one serves what the other cannot, and a small share otherwise. */
  g_assert_cmpuint (upstreams[1].n_served, >, 13500);
  g_assert_cmpuint (upstreams[1].n_served, <, 30000);
  world_clear (&world);
}

/* A key that is told off keeps away for as long as it is told, and loses nothing else. */
static void
test_limits (void)
{
  Upstream upstreams[] = {
    { .key = "limited", .serve = serve_limited },
    { .key = "silent", .serve = serve_limited_silently },
    { .key = "well", .serve = serve_well },
    { NULL },
  };
  World world = { 0 };
  AipBreakerView view;

  world_init (&world, NO_CHECKS, upstreams, NULL);
  run (&world);
  g_assert_cmpuint (world.n_lost, ==, 0);
  g_assert_cmpuint (world.n_denied, ==, 0);
  /* 100 seconds: all that the limit gives, and one too many in each. */
  g_assert_cmpuint (upstreams[0].n_served, ==, 100 * 50);
  g_assert_cmpuint (upstreams[0].n_wasted, ==, 100);
  get_view (&world, "limited", &view);
  g_assert_cmpuint (view.n_opened, ==, 100);
  /* The other one is found out by faults in a row. */
  get_view (&world, "silent", &view);
  g_assert_cmpuint (view.n_opened, >=, 6);
  g_assert_cmpuint (view.n_opened, <=, 8);
  g_assert_cmpuint (upstreams[1].n_wasted, <=, 10 * view.n_opened);
  world_clear (&world);
}

static void
test_auth (void)
{
  Upstream upstreams[] = {
    { .key = "refused", .serve = serve_refused },
    { .key = "well", .serve = serve_well },
    { NULL },
  };
  World world = { 0 };
  AipBreakerView view;

  world_init (&world, NO_CHECKS, upstreams, NULL);
  run (&world);
  g_assert_cmpuint (world.n_lost, ==, 0);
  g_assert_cmpuint (upstreams[0].n_wasted, ==, 1);
  g_assert_cmpuint (upstreams[1].n_served, ==, N_REQUESTS);
  get_view (&world, "refused", &view);
  g_assert_cmpint (view.fault_class, ==, AIP_FAULT_CLASS_AUTH);
  g_assert_cmpuint (view.n_opened, ==, 1);
  world_clear (&world);
}

/* Nobody is there: each request but a few is turned down at once, with the time at which one may be back. */
static void
test_all_dead (void)
{
  Upstream upstreams[] = {
    { .key = "a", .serve = serve_never },
    { .key = "b", .serve = serve_never },
    { NULL },
  };
  World world = { 0 };
  AipBreakerView a, b;

  world_init (&world, NO_CHECKS, upstreams, NULL);
  run (&world);
  get_view (&world, "a", &a);
  get_view (&world, "b", &b);
  g_assert_cmpuint (upstreams[0].n_wasted, ==, 5 + a.n_opened - 1);
  g_assert_cmpuint (upstreams[1].n_wasted, ==, 5 + b.n_opened - 1);
  g_assert_cmpuint (world.n_lost + world.n_denied, ==, N_REQUESTS);
  g_assert_cmpuint (world.n_lost, <=, 5 + a.n_opened + b.n_opened);
  g_assert_cmpint (world.last_retry_after_us, ==, MIN (a.until_us, b.until_us) - (START + RUN_US - STEP_US));
  world_clear (&world);
}

#define BASE_COOLDOWN (15 * SECOND)
#define N_COOLDOWNS (RUN_US / BASE_COOLDOWN + 1)

/* Nobody is there, and all are tried all the same: no more often than once in 15 s beside the probes. */
static void
test_least_bad_dead (void)
{
  Upstream upstreams[] = {
    { .key = "a", .serve = serve_never },
    { .key = "b", .serve = serve_never },
    { .key = "refused", .serve = serve_refused },
    { NULL },
  };
  World world = { 0 };
  AipBreakerView view;

  world_init (&world, NO_CHECKS "[routing]\non-exhausted=least-bad\n", upstreams, NULL);
  run (&world);
  for (guint i = 0; i < 2; i++)
    {
      get_view (&world, upstreams[i].key, &view);
      g_assert_cmpuint (upstreams[i].n_wasted, >, 5 + view.n_opened - 1);
      g_assert_cmpuint (upstreams[i].n_wasted, <=, 5 + view.n_opened - 1 + N_COOLDOWNS);
    }
  g_assert_cmpuint (upstreams[2].n_wasted, ==, 1);
  g_assert_cmpuint (world.n_lost + world.n_denied, ==, N_REQUESTS);
  g_assert_cmpint (world.last_retry_after_us, >, 0);
  world_clear (&world);
}

/* Returns: how many requests were not served */
static guint
count_unserved (const char *settings)
{
  Upstream upstreams[] = { { .key = "late", .serve = serve_after_50_s }, { NULL } };
  World world = { 0 };

  world_init (&world, settings, upstreams, NULL);
  run (&world);
  world_clear (&world);
  g_assert_cmpuint (world.n_lost + world.n_denied + upstreams[0].n_served, ==, N_REQUESTS);
  return world.n_lost + world.n_denied;
}

/* The probes come after 15, 45 and 105 s, give or take a tenth; the upstream is back after 50. */
static void
test_least_bad_recovers (void)
{
  guint rejected = count_unserved (NO_CHECKS);
  guint least_bad = count_unserved (NO_CHECKS "[routing]\non-exhausted=least-bad\n");

  g_assert_cmpuint (rejected, >, 90000);
  g_assert_cmpuint (least_bad, >=, 50000);
  g_assert_cmpuint (least_bad, <=, 50000 + BASE_COOLDOWN / STEP_US);
}

/* Each one's share of the weights, give or take @slack requests. */
static void
check_shares (const char *settings, guint slack)
{
  static const guint weights[] = { 1, 2, 7, 0 };
  Upstream upstreams[] = {
    { .key = "one", .serve = serve_well },
    { .key = "two", .serve = serve_well },
    { .key = "seven", .serve = serve_well },
    { .key = "none", .serve = serve_well },
    { NULL },
  };
  World world = { 0 };

  world_init (&world, settings, upstreams, weights);
  run (&world);
  for (guint i = 0; upstreams[i].key != NULL; i++)
    {
      int off = (int) upstreams[i].n_served - (int) (N_REQUESTS / 10 * weights[i]);

      g_assert_cmpint (ABS (off), <=, slack);
    }
  world_clear (&world);
}

static void
test_weights (void)
{
  check_shares ("", 0);
}

/* Drawn lots come near: five standard deviations of a binomial distribution. */
static void
test_random_weights (void)
{
  check_shares ("[routing]\nstrategy=random\n", 790);
}

static void
test_failover (void)
{
  Upstream upstreams[] = {
    { .key = "first", .serve = serve_but_for_10_s },
    { .key = "second", .serve = serve_well },
    { .key = "third", .serve = serve_well },
    { NULL },
  };
  World world = { 0 };

  world_init (&world, NO_CHECKS "[routing]\nstrategy=failover\n", upstreams, NULL);
  run (&world);
  g_assert_cmpuint (world.n_lost, ==, 0);
  g_assert_cmpuint (upstreams[0].n_wasted, ==, 5);
  g_assert_cmpuint (upstreams[0].n_served + upstreams[1].n_served, ==, N_REQUESTS);
  /* 15 s of 100, 10 % more or less. */
  g_assert_cmpuint (upstreams[1].n_served, >, 13500);
  g_assert_cmpuint (upstreams[1].n_served, <, 16600);
  g_assert_cmpuint (upstreams[2].n_served, ==, 0);
  world_clear (&world);
}

static void
test_best_performance (void)
{
  Upstream upstreams[] = {
    { .key = "slow", .serve = serve_well, .first_byte_us = 3 * SECOND },
    { .key = "quick", .serve = serve_well, .first_byte_us = 50000 },
    { .key = "never", .serve = serve_never },
    { NULL },
  };
  World world = { 0 };

  world_init (&world, NO_CHECKS "[routing]\nstrategy=best_performance\n", upstreams, NULL);
  run (&world);
  g_assert_cmpuint (world.n_lost, ==, 0);
  /* One in 16 goes to anyone. */
  g_assert_cmpuint (upstreams[1].n_served, >, N_REQUESTS * 95 / 100);
  g_assert_cmpuint (upstreams[0].n_served, >, N_REQUESTS * 2 / 100);
  g_assert_cmpuint (upstreams[2].n_wasted, <, 20);
  world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing/simulation/faults", test_faults);
  g_test_add_func ("/routing/simulation/limits", test_limits);
  g_test_add_func ("/routing/simulation/auth", test_auth);
  g_test_add_func ("/routing/simulation/all-dead", test_all_dead);
  g_test_add_func ("/routing/simulation/least-bad-dead", test_least_bad_dead);
  g_test_add_func ("/routing/simulation/least-bad-recovers", test_least_bad_recovers);
  g_test_add_func ("/routing/simulation/weights", test_weights);
  g_test_add_func ("/routing/simulation/random-weights", test_random_weights);
  g_test_add_func ("/routing/simulation/failover", test_failover);
  g_test_add_func ("/routing/simulation/best-performance", test_best_performance);

  return g_test_run ();
}
