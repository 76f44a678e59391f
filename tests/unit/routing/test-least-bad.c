/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routes.h"

#include "base/aip-error.h"

/* Who is tried ahead of its time when nobody else is left: breakers, and plans by them. */

#define SECOND G_TIME_SPAN_SECOND
#define START (1000 * SECOND)
#define WALL G_GINT64_CONSTANT (1767225600000000)
#define MIDDLE G_MAXUINT64 / 2 /* no jitter */
#define N_THREADS 4

static const AipBreakerPolicy policy = {
  .enabled = TRUE,
  .threshold = 1,
  .window_us = 30 * SECOND,
  .cooldown_us = 15 * SECOND,
  .max_cooldown_us = 60 * SECOND,
};

/* --- breakers --- */

static void
end (AipBreaker *breaker,
     AipBreakerPass *pass,
     AipFaultClass fault_class,
     gint64 now_us,
     gint64 retry_after_us)
{
  AipFaultVerdict verdict = { fault_class, "x", 500, retry_after_us };

  aip_breaker_settle (breaker, pass, &verdict, now_us, MIDDLE);
}

static void
attempt (AipBreaker *breaker, AipFaultClass fault_class, gint64 now_us, gint64 retry_after_us)
{
  AipBreakerPass pass;

  g_assert_true (aip_breaker_enter (breaker, now_us, &pass));
  end (breaker, &pass, fault_class, now_us, retry_after_us);
}

/* Returns: whether one may go now; it does not then */
static gboolean
may_go (AipBreaker *breaker, gint64 now_us)
{
  gboolean may = aip_breaker_may_go_early (breaker, now_us);
  AipBreakerPass pass;

  /* Who looks and who goes agree. */
  if (!may)
    g_assert_false (aip_breaker_enter_early (breaker, now_us, &pass));
  return may;
}

static void
go_early (AipBreaker *breaker, AipFaultClass fault_class, gint64 now_us, gint64 retry_after_us)
{
  AipBreakerPass pass;

  g_assert_true (aip_breaker_enter_early (breaker, now_us, &pass));
  end (breaker, &pass, fault_class, now_us, retry_after_us);
}

static void
test_classes (AipBreaker *breaker, const void *data)
{
  static const struct
  {
    AipFaultClass fault_class;
    gboolean may;
  } classes[] = {
    { AIP_FAULT_CLASS_TRANSIENT, TRUE },
    { AIP_FAULT_CLASS_RATE_LIMITED, FALSE },
    { AIP_FAULT_CLASS_AUTH, FALSE },
    { AIP_FAULT_CLASS_BILLING, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (classes); i++)
    {
      aip_breaker_reset (breaker);
      attempt (breaker, classes[i].fault_class, START, -1);
      g_assert_cmpint (may_go (breaker, START + SECOND), ==, classes[i].may);
    }
}

/* Two probes have failed, so that its own cooldown is 60 s. */
static void
fail_for_60_s (AipBreaker *breaker)
{
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START - 45 * SECOND, -1);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START - 30 * SECOND, -1);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START, -1);
  g_assert_cmpint (aip_breaker_get_until (breaker), ==, START + 60 * SECOND);
}

static void
test_one_in_each_cooldown (AipBreaker *breaker, const void *data)
{
  AipBreakerView view;
  guint n = 0;

  fail_for_60_s (breaker);
  for (gint64 now = START; now < START + 60 * SECOND; now += SECOND)
    if (may_go (breaker, now))
      {
        go_early (breaker, AIP_FAULT_CLASS_TRANSIENT, now, -1);
        n++;
        /* The attempt that opened it was one. */
        g_assert_cmpint (now, ==, START + n * 15 * SECOND);
      }
  g_assert_cmpuint (n, ==, 3);
  /* Nothing of it changes when it comes back, and how long it is out the next time. */
  aip_breaker_get_view (breaker, START, &view);
  g_assert_cmpint (view.until_us, ==, START + 60 * SECOND);
  g_assert_cmpuint (view.streak, ==, 2);
  g_assert_cmpuint (view.n_opened, ==, 3);
  g_assert_false (view.probing);
}

static void
test_at_once (AipBreaker *breaker, const void *data)
{
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START, -1);
  go_early (breaker, AIP_FAULT_CLASS_TRANSIENT, START, -1);
  g_assert_false (may_go (breaker, START + 14 * SECOND));
}

static void
test_one_at_a_time (AipBreaker *breaker, const void *data)
{
  AipBreakerPass pass, other;

  fail_for_60_s (breaker);
  g_assert_true (aip_breaker_enter_early (breaker, START + 20 * SECOND, &pass));
  g_assert_false (may_go (breaker, START + 20 * SECOND));
  g_assert_false (may_go (breaker, START + 40 * SECOND));
  g_assert_false (aip_breaker_enter_check (breaker, START + 40 * SECOND, &other));
  /* The client leaves. */
  end (breaker, &pass, AIP_FAULT_CLASS_CANCELLED, START + 41 * SECOND, -1);
  g_assert_false (aip_breaker_is_probing (breaker));
  g_assert_true (may_go (breaker, START + 41 * SECOND));
}

/* Who leaves early has no say in when the breaker's own time comes. */
static void
test_left (AipBreaker *breaker, const void *data)
{
  AipBreakerPass pass;

  fail_for_60_s (breaker);
  g_assert_true (aip_breaker_enter_early (breaker, START + 20 * SECOND, &pass));
  end (breaker, &pass, AIP_FAULT_CLASS_CANCELLED, START + 59 * SECOND, -1);
  g_assert_cmpint (aip_breaker_get_until (breaker), ==, START + 60 * SECOND);
}

static void
test_served (AipBreaker *breaker, const void *data)
{
  fail_for_60_s (breaker);
  go_early (breaker, AIP_FAULT_CLASS_NONE, START + 20 * SECOND, -1);
  g_assert_cmpint (aip_breaker_get_state (breaker, START + 20 * SECOND), ==, AIP_BREAKER_CLOSED);
  go_early (breaker, AIP_FAULT_CLASS_NONE, START + 20 * SECOND, -1);
}

static void
test_retry_after (AipBreaker *breaker, const void *data)
{
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START - 15 * SECOND, -1);
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START, 20 * SECOND);
  g_assert_cmpint (aip_breaker_get_until (breaker), ==, START + 30 * SECOND);
  g_assert_false (may_go (breaker, START + 19 * SECOND));
  g_assert_true (may_go (breaker, START + 20 * SECOND));
  /* The next word of it is no news for the breaker, but it is for the next request. */
  go_early (breaker, AIP_FAULT_CLASS_TRANSIENT, START + 20 * SECOND, 3 * SECOND);
  g_assert_cmpint (aip_breaker_get_until (breaker), ==, START + 30 * SECOND);
}

static void
test_retry_after_of_an_early_one (AipBreaker *breaker, const void *data)
{
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START, -1);
  go_early (breaker, AIP_FAULT_CLASS_TRANSIENT, START, 100 * SECOND);
  g_assert_cmpint (aip_breaker_get_until (breaker), ==, START + 100 * SECOND);
  g_assert_false (may_go (breaker, START + 99 * SECOND));
}

/* What is refused meanwhile stays so, whatever comes after. */
static void
test_refused (AipBreaker *breaker, const void *data)
{
  AipBreakerPass late;
  AipBreakerView view;

  g_assert_true (aip_breaker_enter (breaker, START, &late));
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START, -1);
  go_early (breaker, AIP_FAULT_CLASS_AUTH, START, -1);
  g_assert_false (may_go (breaker, START + 20 * SECOND));
  end (breaker, &late, AIP_FAULT_CLASS_TRANSIENT, START + 20 * SECOND, 7200 * SECOND);
  aip_breaker_get_view (breaker, START, &view);
  g_assert_cmpint (view.fault_class, ==, AIP_FAULT_CLASS_AUTH);
  g_assert_cmpint (view.until_us, ==, START + 7220 * SECOND);
  g_assert_false (may_go (breaker, START + 7219 * SECOND));
}

/* The other way round: a long wait for a fault of the provider's hides no refusal. */
static void
test_refused_while_it_waits (AipBreaker *breaker, const void *data)
{
  AipBreakerPass late;
  AipBreakerView view;

  g_assert_true (aip_breaker_enter (breaker, START, &late));
  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START, 7200 * SECOND);
  end (breaker, &late, AIP_FAULT_CLASS_AUTH, START + SECOND, -1);
  aip_breaker_get_view (breaker, START, &view);
  g_assert_cmpint (view.fault_class, ==, AIP_FAULT_CLASS_AUTH);
  g_assert_cmpint (view.until_us, ==, START + 7200 * SECOND);
}

/* A check that fails again does not keep a refused key out for ever. */
static void
test_checks_of_a_refused_key (AipBreaker *breaker, const void *data)
{
  AipBreakerPass check;

  attempt (breaker, AIP_FAULT_CLASS_AUTH, START, -1);
  g_assert_true (aip_breaker_enter_check (breaker, START + 60 * SECOND, &check));
  end (breaker, &check, AIP_FAULT_CLASS_AUTH, START + 60 * SECOND, -1);
  g_assert_cmpint (aip_breaker_get_until (breaker), ==, START + 1800 * SECOND);
}

/* It hangs until the breaker's own time has come, so that it is the probe. */
static void
test_slow (AipBreaker *breaker, const void *data)
{
  AipBreakerPass pass, other;
  AipBreakerView view;

  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START, -1);
  g_assert_true (aip_breaker_enter_early (breaker, START + SECOND, &pass));
  g_assert_false (aip_breaker_enter (breaker, START + 15 * SECOND, &other));
  end (breaker, &pass, AIP_FAULT_CLASS_TRANSIENT, START + 20 * SECOND, -1);
  aip_breaker_get_view (breaker, START, &view);
  g_assert_cmpuint (view.streak, ==, 1);
  g_assert_cmpint (view.until_us, ==, START + 50 * SECOND);
}

static void
test_half_open (AipBreaker *breaker, const void *data)
{
  AipBreakerPass pass, other;

  attempt (breaker, AIP_FAULT_CLASS_AUTH, START, -1);
  g_assert_true (aip_breaker_enter_early (breaker, START + 1800 * SECOND, &pass));
  g_assert_false (aip_breaker_enter (breaker, START + 1800 * SECOND, &other));
  end (breaker, &pass, AIP_FAULT_CLASS_NONE, START + 1800 * SECOND, -1);
  g_assert_cmpint (aip_breaker_get_state (breaker, START), ==, AIP_BREAKER_CLOSED);
}

/* What the provider has said is not known after a restart. */
static void
test_restart (AipBreaker *breaker, const void *data)
{
  g_autoptr (GVariant) saved = NULL;

  fail_for_60_s (breaker);
  saved = g_variant_ref_sink (aip_breaker_save (breaker, START, WALL));
  aip_breaker_reset (breaker);
  g_assert_true (aip_breaker_restore (breaker, saved, START, WALL));
  g_assert_false (may_go (breaker, START + 59 * SECOND));
}

static void *
enter_cb (void *data)
{
  AipBreakerPass pass;
  guint n = 0;

  for (guint i = 0; i < 1000; i++)
    if (aip_breaker_enter_early (data, START + SECOND, &pass))
      {
        end (data, &pass, AIP_FAULT_CLASS_TRANSIENT, START + SECOND, -1);
        n++;
      }
  return GUINT_TO_POINTER (n);
}

static void
test_threads (AipBreaker *breaker, const void *data)
{
  GThread *threads[N_THREADS];
  guint n = 0;

  attempt (breaker, AIP_FAULT_CLASS_TRANSIENT, START, -1);
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("enter", enter_cb, breaker);
  for (guint i = 0; i < N_THREADS; i++)
    n += GPOINTER_TO_UINT (g_thread_join (threads[i]));
  g_assert_cmpuint (n, ==, 1);
}

/* --- plans --- */

#define KEYS                                                                                                 \
  "[provider one]\ndialect=openai\nbase-url=https://one.example/v1\nmodels=m\n"                              \
  "[key a]\nprovider=one\nsecret=env:A\n"                                                                    \
  "[key b]\nprovider=one\nsecret=env:B\n"                                                                    \
  "[key c]\nprovider=one\nsecret=env:C\n"                                                                    \
  "[key locked]\nprovider=one\nsecret=env:D\n"                                                               \
  "[circuit-breaker]\nthreshold=1\ncooldown=15s\n"
#define LEAST_BAD "[routing]\non-exhausted=least-bad\n"

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
fail (World *self, const char *key, AipFaultClass fault_class, gint64 now_us, gint64 retry_after_us)
{
  g_autoptr (AipLiveKey) live = aip_live_keys_find (self->live, "one", key);
  AipLiveOutcome outcome = { .verdict = { fault_class, "x", 500, retry_after_us } };
  AipLiveAttempt live_attempt;

  g_assert_true (aip_live_key_begin (live, now_us, &live_attempt));
  aip_live_key_end (live, &live_attempt, &outcome, now_us, MIDDLE);
}

/* The only one in the plan is @key, ahead of its time; NULL: there is no plan. */
static void
assert_least_bad (World *self, const AipRouteQuery *query, const char *key)
{
  g_autoptr (GError) error = NULL;
  gint64 retry_after_us = -1;
  g_autoptr (GArray) plan = aip_router_plan (self->router, query, &retry_after_us, &error);

  if (key == NULL)
    {
      g_assert_null (plan);
      g_assert_true (error->domain == AIP_ERROR);
      return;
    }
  g_assert_no_error (error);
  g_assert_cmpuint (plan->len, ==, 1);
  g_assert_cmpstr (g_array_index (plan, AipCandidate, 0).key->name, ==, key);
  g_assert_true (g_array_index (plan, AipCandidate, 0).least_bad);
}

static void
go (World *self, const char *key, AipFaultClass fault_class, gint64 now_us)
{
  g_autoptr (AipLiveKey) live = aip_live_keys_find (self->live, "one", key);
  AipLiveOutcome outcome = { .verdict = { fault_class, "x", 500, -1 } };
  AipLiveAttempt live_attempt;

  g_assert_true (aip_live_key_begin_early (live, now_us, &live_attempt));
  aip_live_key_end (live, &live_attempt, &outcome, now_us, MIDDLE);
}

static void
test_soonest (void)
{
  World world;
  AipRouteQuery query = { .model = "m", .now_us = START + 3 * SECOND };

  world_init (&world, LEAST_BAD KEYS);
  fail (&world, "a", AIP_FAULT_CLASS_TRANSIENT, START + 2 * SECOND, -1);
  fail (&world, "b", AIP_FAULT_CLASS_TRANSIENT, START + SECOND, -1);
  fail (&world, "c", AIP_FAULT_CLASS_AUTH, START - 1790 * SECOND, -1);
  assert_least_bad (&world, &query, "b");
  /* Only to look takes nothing. */
  assert_least_bad (&world, &query, "b");
  go (&world, "b", AIP_FAULT_CLASS_TRANSIENT, query.now_us);
  assert_least_bad (&world, &query, "a");
  go (&world, "a", AIP_FAULT_CLASS_TRANSIENT, query.now_us);
  assert_least_bad (&world, &query, NULL);
  world_clear (&world);
}

static void
test_not_asked_for (void)
{
  World world;
  AipRouteQuery query = { .model = "m", .now_us = START };

  world_init (&world, KEYS);
  for (const char *key = "a\0b\0c\0"; *key != '\0'; key += 2)
    fail (&world, key, AIP_FAULT_CLASS_TRANSIENT, START, -1);
  assert_least_bad (&world, &query, NULL);
  world_clear (&world);
}

/* While anybody is left, nobody goes ahead of his time. */
static void
test_not_needed (void)
{
  World world;
  AipRouteQuery query = { .model = "m", .now_us = START };
  g_autoptr (GArray) plan = NULL;

  world_init (&world, LEAST_BAD KEYS);
  fail (&world, "a", AIP_FAULT_CLASS_TRANSIENT, START, -1);
  fail (&world, "b", AIP_FAULT_CLASS_TRANSIENT, START, -1);
  plan = aip_router_plan (world.router, &query, NULL, NULL);
  g_assert_cmpuint (plan->len, ==, 1);
  g_assert_cmpstr (g_array_index (plan, AipCandidate, 0).key->name, ==, "c");
  g_assert_false (g_array_index (plan, AipCandidate, 0).least_bad);
  world_clear (&world);
}

static gboolean
may_use_cb (const AipCandidate *candidate, gint64 *wait_us, void *user_data)
{
  return !g_str_equal (candidate->key->name, user_data);
}

static void
test_who_may_not (void)
{
  static const char *const only_a[] = { "a", NULL };
  static const char *const nobody[] = { "x", NULL };
  World world;
  AipRouteQuery query = { .model = "m", .now_us = START };
  AipRateLimits limits;
  g_autoptr (AipLiveKey) b = NULL;

  world_init (&world, LEAST_BAD KEYS);
  fail (&world, "a", AIP_FAULT_CLASS_TRANSIENT, START, -1);
  fail (&world, "b", AIP_FAULT_CLASS_TRANSIENT, START - SECOND, -1);
  fail (&world, "c", AIP_FAULT_CLASS_RATE_LIMITED, START, 2 * SECOND);
  assert_least_bad (&world, &query, "b");
  /* Our own limits, and the provider's. */
  query.may_use = may_use_cb;
  query.may_use_data = (void *) "b";
  assert_least_bad (&world, &query, "a");
  query.may_use = NULL;
  b = aip_live_keys_find (world.live, "one", "b");
  aip_rate_limits_init (&limits);
  limits.requests.remaining = 0;
  limits.requests.reset_us = 60 * SECOND;
  aip_live_key_set_headroom (b, &limits, START);
  assert_least_bad (&world, &query, "a");
  /* The client's rights. */
  query.keys[0] = only_a;
  assert_least_bad (&world, &query, "a");
  query.keys[0] = nobody;
  assert_least_bad (&world, &query, NULL);
  world_clear (&world);
}

static void
test_without_a_model (void)
{
  World world;
  AipRouteQuery query = { .now_us = START };

  world_init (&world, LEAST_BAD KEYS);
  for (const char *key = "a\0b\0c\0"; *key != '\0'; key += 2)
    fail (&world, key, AIP_FAULT_CLASS_TRANSIENT, START, -1);
  assert_least_bad (&world, &query, "a");
  world_clear (&world);
}

static void
set_up (AipBreaker *breaker, const void *data)
{
  aip_breaker_init (breaker, &policy);
}

static void
tear_down (AipBreaker *breaker, const void *data)
{
  aip_breaker_clear (breaker);
}

static void
add (const char *name, void (*test) (AipBreaker *, const void *))
{
  g_autofree char *path = g_strconcat ("/routing/least-bad/breaker/", name, NULL);

  g_test_add (path, AipBreaker, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("classes", test_classes);
  add ("one-in-each-cooldown", test_one_in_each_cooldown);
  add ("at-once", test_at_once);
  add ("one-at-a-time", test_one_at_a_time);
  add ("left", test_left);
  add ("served", test_served);
  add ("retry-after", test_retry_after);
  add ("retry-after-of-an-early-one", test_retry_after_of_an_early_one);
  add ("refused", test_refused);
  add ("refused-while-it-waits", test_refused_while_it_waits);
  add ("checks-of-a-refused-key", test_checks_of_a_refused_key);
  add ("slow", test_slow);
  add ("half-open", test_half_open);
  add ("restart", test_restart);
  add ("threads", test_threads);
  g_test_add_func ("/routing/least-bad/soonest", test_soonest);
  g_test_add_func ("/routing/least-bad/not-asked-for", test_not_asked_for);
  g_test_add_func ("/routing/least-bad/not-needed", test_not_needed);
  g_test_add_func ("/routing/least-bad/who-may-not", test_who_may_not);
  g_test_add_func ("/routing/least-bad/without-a-model", test_without_a_model);

  return g_test_run ();
}
