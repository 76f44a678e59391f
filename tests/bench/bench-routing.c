/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bench"

#include "routing/aip-router.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/aip-config-loader.h"
#include "config/aip-config-schema.h"

#define ROUNDS 9u
#define ROUND_US (G_USEC_PER_SEC / 10)
#define MAX_ATTEMPTS 3

static AipConfig *
make_config (guint n_keys)
{
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  g_autoptr (GString) text = g_string_new ("[provider p]\ndialect=openai\nbase-url=https://p.example/v1\n"
                                           "models=m\n");
  AipConfig *config;

  for (guint i = 0; i < n_keys; i++)
    g_string_append_printf (text, "[key k%u]\nprovider=p\nsecret=env:K\nweight=%u\n", i, i % 3 + 1);
  config = aip_config_parse (text->str, text->len, "bench.conf", problems);
  if (config == NULL)
    g_error ("the configuration is wrong");
  return config;
}

static AipRouter *
make_router (guint n_keys, AipLiveKeys *live)
{
  g_autoptr (AipConfig) config = make_config (n_keys);
  g_autofree AipKeySecret *secrets = g_new0 (AipKeySecret, n_keys);
  g_autoptr (AipSecret) secret = aip_secret_new ("sk-bench", -1);

  for (guint i = 0; i < n_keys; i++)
    secrets[i].secret = secret;
  return aip_router_new (config, secrets, NULL, live, NULL);
}

/* Keys as they are after some use: every tenth is out, the others differ in speed. */
static void
use_keys (AipLiveKeys *live, gint64 now_us)
{
  g_autoptr (GPtrArray) keys = aip_live_keys_list (live);

  for (guint i = 0; i < keys->len; i++)
    {
      AipLiveKey *key = g_ptr_array_index (keys, i);
      AipLiveAttempt attempt;
      AipLiveOutcome outcome = { .tokens = i, .output_tokens = 100, .streamed = TRUE };

      if (!aip_live_key_begin (key, now_us, &attempt))
        g_error ("a new key is out");
      aip_live_key_answered (key, &attempt, TRUE, now_us + 1000 * (i % 500));
      if (i % 10 == 9)
        outcome.verdict.fault_class = AIP_FAULT_CLASS_AUTH;
      aip_live_key_end (key, &attempt, &outcome, now_us + G_USEC_PER_SEC, i);
    }
}

/* This process's own time, so that what else runs on the machine counts little. */
static gint64
get_cpu_us (void)
{
  struct timespec time;

  if (clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &time) != 0)
    g_error ("no clock of the processor's time");
  return time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

/* One round: plans for a while and gives the time of one in nanoseconds. */
static double
measure (AipRouter *router, AipRouteQuery *query)
{
  gint64 start = get_cpu_us ();
  gint64 now = start;
  guint64 n = 0;

  while (now - start < ROUND_US)
    {
      for (guint i = 0; i < 64; i++)
        {
          g_autoptr (GArray) plan = NULL;

          query->random = query->random * G_GUINT64_CONSTANT (6364136223846793005) + 1442695040888963407u;
          plan = aip_router_plan (router, query, NULL, NULL);
          if (plan == NULL)
            g_error ("nobody is left");
        }
      n += 64;
      now = get_cpu_us ();
    }

  return (double) (now - start) * 1000 / (double) n;
}

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
run (const char *strategy, guint n_keys, guint64 sticky)
{
  const gint64 now_us = 100 * G_TIME_SPAN_MINUTE;
  g_autoptr (AipLiveKeys) live = aip_live_keys_new ();
  g_autoptr (AipRouter) router = make_router (n_keys, live);
  AipRouteQuery query = {
    .model = "m",
    .strategy = strategy,
    .now_us = now_us + 2 * G_USEC_PER_SEC,
    .sticky = sticky,
    .limit = MAX_ATTEMPTS,
  };
  double times[ROUNDS];

  use_keys (live, now_us);
  for (guint i = 0; i < ROUNDS; i++)
    times[i] = measure (router, &query);

  qsort (times, ROUNDS, sizeof times[0], compare_doubles);
  g_print ("{\"benchmark\": \"routing\", \"strategy\": \"%s\", \"sticky\": %s, \"keys\": %u, "
           "\"median_ns_per_plan\": %.0f, \"best_ns_per_plan\": %.0f}\n",
           strategy, sticky != 0 ? "true" : "false", n_keys, times[ROUNDS / 2], times[0]);
}

int
main (void)
{
  static const guint sizes[] = { 3, 30, 1000 };

  for (gsize s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      for (guint i = 0; aip_config_strategies[i] != NULL; i++)
        run (aip_config_strategies[i], sizes[s], 0);
      run ("weighted_score", sizes[s], 12345);
    }
  return 0;
}
