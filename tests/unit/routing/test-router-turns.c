/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routes.h"

#include <string.h>

#define N_THREADS 4
#define N_PLANS 300
#define N_KEYS 3

static const char config[] = "[routing]\n"
                             "allow-unknown-models=false\n"
                             "[provider one]\n"
                             "dialect=openai\n"
                             "base-url=https://one.example/v1\n"
                             "models=m;n;glob-*\n"
                             "[key a]\nprovider=one\nsecret=env:A\n"
                             "[key b]\nprovider=one\nsecret=env:B\n"
                             "[key c]\nprovider=one\nsecret=env:C\n"
                             "[key d]\nprovider=one\nsecret=env:D\npriority=1\n"
                             "[key e]\nprovider=one\nsecret=env:E\npriority=1\n";

/* How often each key came first. */
typedef struct
{
  AipRouter *router;
  const char *model;
  guint n_plans;
  guint first[N_KEYS];
} Tally;

static void *
tally_cb (void *data)
{
  Tally *tally = data;
  AipRouteQuery query = { .protocol = AIP_PROTOCOL_OPENAI, .model = tally->model };

  for (guint i = 0; i < tally->n_plans; i++)
    {
      g_autoptr (GArray) plan = aip_router_plan (tally->router, &query, NULL, NULL);

      g_assert_cmpuint (plan->len, ==, 5);
      tally->first[g_array_index (plan, AipCandidate, 0).key->name[0] - 'a']++;
      /* The lower group takes turns, too, and never comes first. */
      g_assert_cmpint (g_array_index (plan, AipCandidate, 2).key->priority, ==, 0);
      g_assert_cmpint (g_array_index (plan, AipCandidate, 3).key->priority, ==, 1);
      g_assert_cmpint (g_array_index (plan, AipCandidate, 4).key->priority, ==, 1);
    }

  return NULL;
}

static void
test_order (void)
{
  static const char *const expected[] = {
    "one:a:m one:b:m one:c:m one:d:m one:e:m", "one:b:m one:c:m one:a:m one:e:m one:d:m",
    "one:c:m one:a:m one:b:m one:d:m one:e:m", "one:a:m one:b:m one:c:m one:e:m one:d:m",
    "one:b:m one:c:m one:a:m one:d:m one:e:m", "one:c:m one:a:m one:b:m one:e:m one:d:m",
  };
  g_autoptr (AipRouter) router = routes_make (config, NULL);
  AipRouteQuery query = { .model = "m" };

  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_autofree char *plan = routes_plan (router, &query);

      g_assert_cmpstr (plan, ==, expected[i]);
    }
}

static void
check_shares (const char *model)
{
  g_autoptr (AipRouter) router = routes_make (config, NULL);
  Tally tally = { .router = router, .model = model, .n_plans = N_PLANS };

  tally_cb (&tally);
  for (guint k = 0; k < N_KEYS; k++)
    g_assert_cmpuint (tally.first[k], ==, N_PLANS / N_KEYS);
}

static void
test_shares (void)
{
  check_shares ("m");
  check_shares ("glob-x");
}

/* Models that are asked for in a fixed alternation must not each get the same key for ever. */
static void
test_shares_of_two (void)
{
  g_autoptr (AipRouter) router = routes_make (config, NULL);
  Tally tallies[] = {
    { .router = router, .model = "m", .n_plans = 1 },
    { .router = router, .model = "n", .n_plans = 1 },
    { .router = router, .model = "n", .n_plans = 1 },
  };

  for (guint i = 0; i < N_PLANS; i++)
    for (gsize t = 0; t < G_N_ELEMENTS (tallies); t++)
      tally_cb (&tallies[t]);

  for (guint k = 0; k < N_KEYS; k++)
    {
      g_assert_cmpuint (tallies[0].first[k], ==, N_PLANS / N_KEYS);
      g_assert_cmpuint (tallies[1].first[k] + tallies[2].first[k], ==, 2 * N_PLANS / N_KEYS);
    }
}

static void
check_threads (const char *model)
{
  g_autoptr (AipRouter) router = routes_make (config, NULL);
  Tally tallies[N_THREADS] = { 0 };
  GThread *threads[N_THREADS];
  guint sums[N_KEYS] = { 0 };

  for (guint i = 0; i < N_THREADS; i++)
    {
      tallies[i] = (Tally){ .router = router, .model = model, .n_plans = N_PLANS };
      threads[i] = g_thread_new ("plan", tally_cb, &tallies[i]);
    }
  for (guint i = 0; i < N_THREADS; i++)
    {
      g_thread_join (threads[i]);
      for (guint k = 0; k < N_KEYS; k++)
        sums[k] += tallies[i].first[k];
    }

  for (guint k = 0; k < N_KEYS; k++)
    g_assert_cmpuint (sums[k], ==, N_THREADS * N_PLANS / N_KEYS);
}

static void
test_threads (void)
{
  check_threads ("m");
  check_threads ("glob-x");
}

#define N_ROUTERS 40
#define N_NAMES 6

/* Keys with models of their own, so that routes share lists of candidates. */
static const char fresh_config[] = "[provider one]\n"
                                   "dialect=openai\n"
                                   "base-url=https://one.example/v1\n"
                                   "models=m0;m1;m2\n"
                                   "[key a]\nprovider=one\nsecret=env:A\nmodels=m*\n"
                                   "[key b]\nprovider=one\nsecret=env:B\nmodels=m*\n"
                                   "[key c]\nprovider=one\nsecret=env:C\nmodels=m*\n"
                                   "[key d]\nprovider=one\nsecret=env:D\nmodels=x*\n"
                                   "[mapping m3]\ntarget=m0;m1\n"
                                   "[mapping m4]\ntarget=m1\n"
                                   "[mapping m5]\ntarget=m2;m0\n";

/* What threads share that ask a router of which nobody has asked anything yet. */
typedef struct
{
  AipRouter *router;
  gint n_ready;                /* atomic; so is the next */
  gint first[N_NAMES][N_KEYS]; /* how often each key came first for a name */
} Fresh;

typedef struct
{
  Fresh *fresh;
  guint number;
  GPtrArray *models;
} Asker;

static void
ask_for (Fresh *fresh, guint name)
{
  g_autofree char *model = g_strdup_printf ("m%u", name);
  AipRouteQuery query = { .protocol = AIP_PROTOCOL_OPENAI, .model = model };
  g_autoptr (GArray) plan = aip_router_plan (fresh->router, &query, NULL, NULL);

  g_assert_cmpuint (plan->len, ==, name == 3 || name == 5 ? 2 * N_KEYS : N_KEYS);
  g_atomic_int_inc (&fresh->first[name][g_array_index (plan, AipCandidate, 0).key->name[0] - 'a']);
}

/* Half of the threads begin at the other end. */
static void *
ask_cb (void *data)
{
  Asker *self = data;
  Fresh *fresh = self->fresh;

  g_atomic_int_inc (&fresh->n_ready);
  while (g_atomic_int_get (&fresh->n_ready) < N_THREADS)
    g_thread_yield ();
  if (self->number == 0)
    self->models = aip_router_list_models (fresh->router);
  for (guint i = 0; i < N_NAMES; i++)
    for (guint k = 0; k < N_KEYS; k++)
      ask_for (fresh, self->number % 2 == 0 ? i : N_NAMES - 1 - i);
  if (self->models == NULL)
    self->models = aip_router_list_models (fresh->router);
  return NULL;
}

static void
check_fresh (void)
{
  g_autoptr (AipRouter) router = routes_make (fresh_config, NULL);
  Fresh fresh = { .router = router };
  Asker askers[N_THREADS] = { 0 };
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    {
      askers[i] = (Asker){ .fresh = &fresh, .number = i };
      threads[i] = g_thread_new ("ask", ask_cb, &askers[i]);
    }
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < N_THREADS; i++)
    {
      /* There is one list, whoever made it. */
      g_assert_true (askers[i].models == askers[0].models);
      g_assert_cmpuint (askers[i].models->len, ==, N_NAMES);
    }
  for (guint i = 0; i < N_THREADS; i++)
    g_ptr_array_unref (askers[i].models);
  /* And one route to each name, or the turns would not come out even. */
  for (guint i = 0; i < N_NAMES; i++)
    for (guint k = 0; k < N_KEYS; k++)
      g_assert_cmpint (fresh.first[i][k], ==, N_THREADS);
}

static void
test_fresh (void)
{
  for (guint i = 0; i < N_ROUTERS; i++)
    check_fresh ();
}

/* 1,000 keys and 500 mappings: every key gets its turn. */
static void
test_many (void)
{
  g_autoptr (GString) text = g_string_new ("[provider one]\ndialect=openai\nbase-url=https://one.example/v1\n"
                                           "models=*\n");
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (text, "[key k%u]\nprovider=one\nsecret=env:K%u\n", i, i);
  for (guint i = 0; i < 500; i++)
    g_string_append_printf (text, "[mapping alias%u]\ntarget=model%u;other\n", i, i);

  g_autoptr (AipRouter) router = routes_make (text->str, NULL);
  AipRouteQuery query = { .model = "alias499" };
  for (guint i = 0; i < 1000; i++)
    {
      g_autoptr (GArray) plan = aip_router_plan (router, &query, NULL, NULL);

      g_assert_cmpuint (plan->len, ==, 2000);
      g_assert_cmpstr (g_array_index (plan, AipCandidate, 0).model, ==, "model499");
      g_assert_cmpstr (g_array_index (plan, AipCandidate, 1999).model, ==, "other");
      g_hash_table_add (seen, (void *) g_array_index (plan, AipCandidate, 0).key->name);
    }

  g_assert_cmpuint (g_hash_table_size (seen), ==, 1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing/router-turns/order", test_order);
  g_test_add_func ("/routing/router-turns/shares", test_shares);
  g_test_add_func ("/routing/router-turns/shares-of-two", test_shares_of_two);
  g_test_add_func ("/routing/router-turns/threads", test_threads);
  g_test_add_func ("/routing/router-turns/fresh", test_fresh);
  g_test_add_func ("/routing/router-turns/many", test_many);

  return g_test_run ();
}
