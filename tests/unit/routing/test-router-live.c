/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routes.h"

#include <math.h>
#include <string.h>

#include "base/aip-error.h"
#include "config/aip-config-schema.h"

/* Plans by what is going on with the keys: breakers, limits, rights, strategies. */

#define SECOND G_TIME_SPAN_SECOND
#define START (1000 * SECOND)
#define N_PLANS 3000
#define WHY "this client may not use it (see `allowed-providers` and `allowed-keys` of it and its tenant)"

#define TWO_PROVIDERS                                                                                        \
  "[provider one]\ndialect=openai\nbase-url=https://one.example/v1\nmodels=m;n;spare\n"                      \
  "[provider two]\ndialect=openai\nbase-url=https://two.example/v1\nmodels=m\npriority=1\n"                  \
  "[key a]\nprovider=one\nsecret=env:A\n"                                                                    \
  "[key b]\nprovider=one\nsecret=env:B\n"                                                                    \
  "[key c]\nprovider=one\nsecret=env:C\npriority=1\n"                                                        \
  "[mapping alias]\ntarget=n;spare\nstrategy=failover\n"

typedef struct
{
  AipLiveKeys *live;
  AipRouter *router;
} World;

static void
world_init (World *self, const char *config)
{
  self->live = aip_live_keys_new ();
  self->router = routes_make_live (config, NULL, self->live);
}

static void
world_clear (World *self)
{
  aip_router_unref (self->router);
  aip_live_keys_unref (self->live);
}

static void
end_one (World *self, const char *provider, const char *key, AipFaultClass fault_class, gint64 now_us)
{
  g_autoptr (AipLiveKey) live = aip_live_keys_find (self->live, provider, key);
  AipLiveOutcome outcome = { .verdict = { fault_class, "key refused", 401, -1 } };
  AipLiveAttempt attempt;

  g_assert_true (aip_live_key_begin (live, now_us, &attempt));
  aip_live_key_end (live, &attempt, &outcome, now_us, G_MAXUINT64 / 2);
}

/* Out for half an hour. */
static void
refuse (World *self, const char *provider, const char *key)
{
  end_one (self, provider, key, AIP_FAULT_CLASS_AUTH, START);
}

static void
assert_plan (World *self, const AipRouteQuery *query, const char *expected)
{
  g_autofree char *plan = routes_plan (self->router, query);

  g_assert_cmpstr (plan, ==, expected);
}

static void
test_open (void)
{
  World world;
  AipRouteQuery query = { .model = "m", .now_us = START + SECOND, .strategy = "failover" };

  world_init (&world, TWO_PROVIDERS);
  assert_plan (&world, &query, "one:a:m one:b:m one:c:m two:-:m");
  refuse (&world, "one", "a");
  assert_plan (&world, &query, "one:b:m one:c:m two:-:m");
  refuse (&world, "two", NULL);
  assert_plan (&world, &query, "one:b:m one:c:m");
  query.limit = 1;
  assert_plan (&world, &query, "one:b:m");
  world_clear (&world);
}

static void
test_half_open (void)
{
  World world;
  AipRouteQuery query = { .model = "m", .now_us = START + 31 * 60 * SECOND, .strategy = "failover" };
  g_autoptr (AipLiveKey) a = NULL;
  AipLiveAttempt probe;

  world_init (&world, TWO_PROVIDERS);
  refuse (&world, "one", "a");
  /* A health check is to find out, so a request needs not. */
  assert_plan (&world, &query, "one:b:m one:c:m two:-:m one:a:m");
  query.limit = 3;
  assert_plan (&world, &query, "one:b:m one:c:m two:-:m");
  query.limit = 0;
  /* It does not come. */
  query.now_us += 2 * 60 * SECOND;
  assert_plan (&world, &query, "one:a:m one:b:m one:c:m two:-:m");
  a = aip_live_keys_find (world.live, "one", "a");
  g_assert_true (aip_live_key_begin (a, query.now_us, &probe));
  assert_plan (&world, &query, "one:b:m one:c:m two:-:m");
  world_clear (&world);
}

/* Money is what no health check asks for; a stand-in is not needed while others are there. */
static void
test_half_open_for_requests (void)
{
  World world;
  AipRouteQuery query = { .model = "m", .now_us = START + 31 * 60 * SECOND, .strategy = "failover" };

  world_init (&world, TWO_PROVIDERS);
  end_one (&world, "one", "b", AIP_FAULT_CLASS_BILLING, START);
  assert_plan (&world, &query, "one:b:m one:a:m one:c:m two:-:m");
  end_one (&world, "one", "c", AIP_FAULT_CLASS_BILLING, START);
  assert_plan (&world, &query, "one:b:m one:a:m two:-:m one:c:m");
  world_clear (&world);
}

static void
test_spent (void)
{
  World world;
  AipRouteQuery query = { .model = "m", .now_us = START + SECOND, .strategy = "failover" };
  g_autoptr (AipLiveKey) a = NULL;
  AipRateLimits limits;

  world_init (&world, TWO_PROVIDERS);
  aip_rate_limits_init (&limits);
  limits.tokens = (AipRateLimit){ 1000, 0, 10 * SECOND };
  a = aip_live_keys_find (world.live, "one", "a");
  aip_live_key_set_headroom (a, &limits, START);
  assert_plan (&world, &query, "one:b:m one:c:m two:-:m one:a:m");
  query.now_us = START + 10 * SECOND;
  assert_plan (&world, &query, "one:a:m one:b:m one:c:m two:-:m");
  world_clear (&world);
}

static void
test_nothing_left (void)
{
  World world;
  AipRouteQuery query = { .model = "n", .now_us = START + 10 * 60 * SECOND };
  g_autoptr (GError) error = NULL;
  gint64 retry_after_us = 0;

  world_init (&world, TWO_PROVIDERS);
  refuse (&world, "one", "a");
  refuse (&world, "one", "b");
  end_one (&world, "one", "c", AIP_FAULT_CLASS_AUTH, START + 60 * SECOND);
  g_assert_null (aip_router_plan (world.router, &query, &retry_after_us, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE);
  g_assert_cmpstr (
      error->message, ==,
      "no usable key: key `a` of provider `one`: breaker open for 1200 s more: key refused (HTTP 401); "
      "key `b` of provider `one`: breaker open for 1200 s more: key refused (HTTP 401); "
      "key `c` of provider `one`: breaker open for 1260 s more: key refused (HTTP 401)");
  g_assert_cmpint (ABS (retry_after_us - 20 * 60 * SECOND), <=, 1);
  /* The same without a model. */
  g_clear_error (&error);
  query.model = NULL;
  query.provider = "one";
  g_assert_null (aip_router_plan (world.router, &query, &retry_after_us, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE);
  g_assert_cmpint (ABS (retry_after_us - 20 * 60 * SECOND), <=, 1);
  world_clear (&world);
}

static gboolean
may_use_cb (const AipCandidate *candidate, gint64 *wait_us, void *user_data)
{
  const char *full = user_data;

  if (candidate->key != NULL && strchr (full, candidate->key->name[0]) == NULL)
    return TRUE;
  if (candidate->key != NULL && candidate->key->name[0] == 'a')
    *wait_us = 7 * SECOND;
  return FALSE;
}

static void
test_our_limits (void)
{
  World world;
  AipRouteQuery query = {
    .model = "m", .strategy = "failover", .may_use = may_use_cb, .may_use_data = (void *) "a"
  };
  g_autoptr (GError) error = NULL;
  gint64 retry_after_us = 0;

  world_init (&world, TWO_PROVIDERS);
  assert_plan (&world, &query, "one:b:m one:c:m");
  query.may_use_data = (void *) "abc";
  g_assert_null (aip_router_plan (world.router, &query, &retry_after_us, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE);
  g_assert_nonnull (
      strstr (error->message, "key `a` of provider `one`: its own limit leaves no room for 7 s more"));
  g_assert_nonnull (strstr (error->message, "provider `two`: its own limit is too small for this request"));
  g_assert_cmpint (retry_after_us, ==, 7 * SECOND);
  world_clear (&world);
}

static void
test_rights (void)
{
  static const char *const two[] = { "tw*", NULL };
  static const char *const keys[] = { "b", "c", NULL };
  static const char *const nothing[] = { "x", NULL };
  World world;
  AipRouteQuery query = { .model = "m", .strategy = "failover", .providers = { two } };

  world_init (&world, TWO_PROVIDERS);
  assert_plan (&world, &query, "two:-:m");
  query.providers[0] = NULL;
  query.keys[0] = keys;
  assert_plan (&world, &query, "one:b:m one:c:m two:-:m");
  query.providers[0] = nothing;
  query.model = "n";
  assert_plan (&world, &query,
               "error forbidden: no usable key: key `a` of provider `one`: " WHY
               "; key `b` of provider `one`: " WHY "; key `c` of provider `one`: " WHY);
  world_clear (&world);
}

static void
test_whose_strategy (void)
{
  World world;
  AipRouteQuery query = { .model = "alias" };

  world_init (&world, TWO_PROVIDERS);
  for (guint i = 0; i < 3; i++)
    assert_plan (&world, &query, "one:a:n one:b:n one:c:n one:a:spare one:b:spare one:c:spare");
  query.strategy = "round_robin";
  /* Who only looks leaves the turn to those who ask. */
  query.look_only = TRUE;
  for (guint i = 0; i < 3; i++)
    assert_plan (&world, &query, "one:a:n one:b:n one:c:n one:a:spare one:b:spare one:c:spare");
  query.look_only = FALSE;
  assert_plan (&world, &query, "one:a:n one:b:n one:c:n one:a:spare one:b:spare one:c:spare");
  assert_plan (&world, &query, "one:b:n one:a:n one:c:n one:b:spare one:a:spare one:c:spare");
  world_clear (&world);
}

#define MANY                                                                                                 \
  "[provider p]\ndialect=openai\nbase-url=https://p.example/v1\nmodels=m\n"                                  \
  "[key a]\nprovider=p\nsecret=env:A\nweight=1\n"                                                            \
  "[key b]\nprovider=p\nsecret=env:B\nweight=2\n"                                                            \
  "[key c]\nprovider=p\nsecret=env:C\nweight=3\n"

static char
get_first (World *self, const AipRouteQuery *query)
{
  g_autoptr (GArray) plan = aip_router_plan (self->router, query, NULL, NULL);

  return g_array_index (plan, AipCandidate, 0).key->name[0];
}

static void
test_sticky (void)
{
  World world;
  AipRouteQuery query = { .model = "m", .now_us = START + SECOND, .limit = 2 };
  guint counts[3] = { 0 };
  char firsts[N_PLANS];

  world_init (&world, MANY);
  for (guint i = 0; i < N_PLANS; i++)
    {
      query.sticky = i + 1;
      query.random = i;
      firsts[i] = get_first (&world, &query);
      g_assert_cmpint (get_first (&world, &query), ==, firsts[i]);
      counts[firsts[i] - 'a']++;
    }
  /* By weight: five standard deviations. */
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (ABS ((int) counts[i] - (int) (N_PLANS / 6 * (i + 1))), <, 137);
  refuse (&world, "p", "b");
  for (guint i = 0; i < N_PLANS; i++)
    {
      query.sticky = i + 1;
      if (firsts[i] == 'b')
        g_assert_cmpint (get_first (&world, &query), !=, 'b');
      else
        g_assert_cmpint (get_first (&world, &query), ==, firsts[i]);
    }
  world_clear (&world);
}

static void
test_weighted_score (void)
{
  World world;
  AipRouteQuery query = { .model = "m", .now_us = START, .limit = 1 };
  guint counts[3] = { 0 };

  world_init (&world, MANY);
  for (guint i = 0; i < N_PLANS; i++)
    counts[get_first (&world, &query) - 'a']++;
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (counts[i], ==, N_PLANS / 6 * (i + 1));
  /* One fault of ten makes a tenth less: 1 : 2 : 2.7. */
  end_one (&world, "p", "c", AIP_FAULT_CLASS_TRANSIENT, START);
  memset (counts, 0, sizeof counts);
  for (guint i = 0; i < 570; i++)
    counts[get_first (&world, &query) - 'a']++;
  g_assert_cmpint (ABS ((int) counts[0] - 100), <=, 1);
  g_assert_cmpint (ABS ((int) counts[1] - 200), <=, 1);
  g_assert_cmpint (ABS ((int) counts[2] - 270), <=, 1);
  world_clear (&world);
}

static void
test_random (void)
{
  World world;
  AipRouteQuery query = { .model = "m", .strategy = "random" };
  guint counts[3] = { 0 };

  world_init (&world, MANY);
  for (guint i = 0; i < N_PLANS; i++)
    {
      query.random = i;
      counts[get_first (&world, &query) - 'a']++;
    }
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (ABS ((int) counts[i] - (int) (N_PLANS / 6 * (i + 1))), <, 137);
  world_clear (&world);
}

static void
test_least_used (void)
{
  World world;
  AipRouteQuery query = { .model = "m", .now_us = START, .strategy = "least_used" };
  g_autoptr (AipLiveKey) a = NULL;
  g_autoptr (AipLiveKey) b = NULL;
  AipLiveOutcome outcome = { .tokens = 5000 };
  AipLiveAttempt one, two;

  world_init (&world, MANY);
  a = aip_live_keys_find (world.live, "p", "a");
  b = aip_live_keys_find (world.live, "p", "b");
  g_assert_true (aip_live_key_begin (a, START, &one));
  g_assert_true (aip_live_key_begin (b, START, &two));
  /* One for a weight of 1, one for a weight of 2. */
  assert_plan (&world, &query, "p:c:m p:b:m p:a:m");
  aip_live_key_end (a, &one, &outcome, START, 0);
  assert_plan (&world, &query, "p:c:m p:a:m p:b:m");
  aip_live_key_end (b, &two, &(AipLiveOutcome){ .tokens = 100 }, START, 0);
  assert_plan (&world, &query, "p:c:m p:b:m p:a:m");
  world_clear (&world);
}

/* The largest settings that there may be. */
#define EXTREME_SETTINGS                                                                                     \
  "[retry]\nmax-attempts=20\nbase-delay=1h\nmax-delay=1h\n"                                                  \
  "[circuit-breaker]\nthreshold=1000\nwindow=1h\ncooldown=24h\nmax-cooldown=24h\n"                           \
  "[health-check]\ninterval=24h\n"

static char *
make_extreme (const char *strategy, const guint *weights, int priority)
{
  GString *text = g_string_new (EXTREME_SETTINGS);

  g_string_append_printf (text, "[routing]\nstrategy=%s\n", strategy);
  for (guint i = 0; i < 3; i++)
    g_string_append_printf (text,
                            "[provider p%u]\ndialect=openai\nbase-url=https://p.example/v1\nmodels=m\n"
                            "priority=%d\nweight=%u\n[key k%u]\nprovider=p%u\nsecret=env:K\n"
                            "priority=%d\nweight=%u\n",
                            i, priority, weights[i], i, i, priority, weights[i]);
  return g_string_free (text, FALSE);
}

/* Returns: the name's number of the first in the plan, which has each one once */
static guint
check_extreme_plan (World *world, guint64 random)
{
  AipRouteQuery query = { .model = "m", .now_us = START, .random = random };
  g_autoptr (GArray) plan = aip_router_plan (world->router, &query, NULL, NULL);
  guint seen = 0;

  g_assert_cmpuint (plan->len, ==, 3);
  for (guint i = 0; i < plan->len; i++)
    {
      const AipCandidate *candidate = &g_array_index (plan, AipCandidate, i);

      g_assert_true (isfinite (candidate->score));
      seen |= 1u << (candidate->key->name[1] - '0');
    }
  g_assert_cmphex (seen, ==, 7);
  return (guint) (g_array_index (plan, AipCandidate, 0).key->name[1] - '0');
}

static void
count_extreme (const char *strategy, const guint *weights, int priority, guint *counts)
{
  World world;
  g_autofree char *config = make_extreme (strategy, weights, priority);

  memset (counts, 0, 3 * sizeof *counts);
  world_init (&world, config);
  for (guint i = 0; i < N_PLANS; i++)
    counts[check_extreme_plan (&world, i * G_GUINT64_CONSTANT (0x123456789abcdef))]++;
  world_clear (&world);
}

static void
test_extremes (void)
{
  static const guint uneven[] = { 0, 1, 1000 };
  static const guint none[] = { 0, 0, 0 };
  static const guint most[] = { 1000, 1000, 1000 };
  guint counts[3];

  for (const char *const *strategy = aip_config_strategies; *strategy != NULL; strategy++)
    {
      gboolean by_weight = g_str_equal (*strategy, "weighted_score") || g_str_equal (*strategy, "random");
      gboolean in_order = g_str_equal (*strategy, "failover");

      count_extreme (*strategy, uneven, -1000, counts);
      /* The provider's weight times the key's: a million to one. */
      if (by_weight)
        g_assert_cmpuint (counts[2], >=, N_PLANS - 1);
      if (!in_order && !g_str_equal (*strategy, "round_robin"))
        g_assert_cmpuint (counts[0], ==, 0);
      /* Nobody has a share, and all are there when they are needed. */
      count_extreme (*strategy, none, 1000, counts);
      g_assert_cmpuint (counts[0] + counts[1] + counts[2], ==, N_PLANS);
      count_extreme (*strategy, most, 1000, counts);
      for (guint i = 0; i < 3 && !in_order; i++)
        g_assert_cmpint (ABS ((int) counts[i] - N_PLANS / 3), <=, 130);
    }
}

static void
test_explain (void)
{
  World world;
  AipRouteQuery query = { .model = "m", .now_us = START + SECOND, .limit = 1 };
  g_autoptr (GPtrArray) list = NULL;
  const AipRouteExplanation *item;

  world_init (&world, MANY);
  refuse (&world, "p", "a");
  for (guint i = 0; i < 2; i++)
    {
      g_clear_pointer (&list, g_ptr_array_unref);
      list = aip_router_explain (world.router, &query, 0, NULL);
      g_assert_cmpuint (list->len, ==, 3);
      item = g_ptr_array_index (list, 0);
      g_assert_cmpstr (item->key, ==, "c");
      g_assert_cmpfloat (item->score, ==, 3);
      g_assert_null (item->reason);
      g_assert_null (item->note);
      item = g_ptr_array_index (list, 1);
      g_assert_cmpstr (item->key, ==, "b");
      g_assert_cmpfloat (item->score, ==, 2);
      item = g_ptr_array_index (list, 2);
      g_assert_cmpstr (item->key, ==, "a");
      g_assert_cmpstr (item->reason, ==, "breaker open for 1799 s more: key refused (HTTP 401)");
    }
  world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing/router-live/open", test_open);
  g_test_add_func ("/routing/router-live/half-open", test_half_open);
  g_test_add_func ("/routing/router-live/half-open-for-requests", test_half_open_for_requests);
  g_test_add_func ("/routing/router-live/spent", test_spent);
  g_test_add_func ("/routing/router-live/nothing-left", test_nothing_left);
  g_test_add_func ("/routing/router-live/our-limits", test_our_limits);
  g_test_add_func ("/routing/router-live/rights", test_rights);
  g_test_add_func ("/routing/router-live/whose-strategy", test_whose_strategy);
  g_test_add_func ("/routing/router-live/sticky", test_sticky);
  g_test_add_func ("/routing/router-live/weighted-score", test_weighted_score);
  g_test_add_func ("/routing/router-live/random", test_random);
  g_test_add_func ("/routing/router-live/least-used", test_least_used);
  g_test_add_func ("/routing/router-live/extremes", test_extremes);
  g_test_add_func ("/routing/router-live/explain", test_explain);

  return g_test_run ();
}
