/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-world.h"

#include <string.h>

#include "config/aip-config-loader.h"
#include "sim-random.h"
#include "sim-world-private.h"

#define MAX_REQUESTS 100000u
/* 2020-09-13 23:55:00 UTC: five minutes before midnight. */
#define WALL_START_US (1600041300 * G_TIME_SPAN_SECOND)

/**
 * sim_get_n_requests:
 *
 * What checks memory makes everything slow: then fewer are enough, as all of the code has run.
 *
 * Returns: how many requests a run has
 */
guint
sim_get_n_requests (void)
{
  const char *told = g_getenv ("AIP_SIM_REQUESTS");
  guint64 n = MAX_REQUESTS;

  if (told != NULL)
    g_assert_true (g_ascii_string_to_unsigned (told, 10, 10000, MAX_REQUESTS, &n, NULL));
  g_assert_cmpuint (MAX_REQUESTS % n, ==, 0);
  return (guint) n;
}

/* --- a world --- */

static AipConfig *
make_config (const char *settings, const SimUpstream *upstreams)
{
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  g_autoptr (GString) text = g_string_new (settings);
  AipConfig *config;

  g_string_append (text, "[provider p]\ndialect=openai\nbase-url=https://p.example/v1\nmodels=m\n");
  for (; upstreams->key != NULL; upstreams++)
    g_string_append_printf (text, "[key %s]\nprovider=p\nsecret=env:K\n%s", upstreams->key,
                            upstreams->settings != NULL ? upstreams->settings : "");
  config = aip_config_parse (text->str, text->len, "test.conf", problems);
  for (guint i = 0; i < problems->len; i++)
    {
      g_autofree char *problem = aip_config_problem_to_string (g_ptr_array_index (problems, i));

      g_test_message ("%s", problem);
    }
  g_assert_nonnull (config);
  return config;
}

static AipRouter *
make_router (AipConfig *config, AipLiveKeys *live)
{
  g_autoptr (AipSecret) secret = aip_secret_new ("sk-test", -1);
  AipKeySecret secrets[SIM_MAX_KEYS] = { 0 };

  g_assert_cmpuint (config->keys->len, <=, SIM_MAX_KEYS);
  for (guint i = 0; i < config->keys->len; i++)
    secrets[i].secret = secret;
  return aip_router_new (config, secrets, NULL, live, NULL);
}

static void
add_keys (SimWorld *self, SimUpstream *upstreams)
{
  for (self->n_keys = 0; self->n_keys < self->config->keys->len; self->n_keys++)
    {
      const AipKeyConfig *config = g_ptr_array_index (self->config->keys, self->n_keys);
      const guint64 sizes[SIM_N_LIMITS] = { config->rpm, config->tpm };
      SimKey *key = &self->keys[self->n_keys];

      g_assert_cmpstr (upstreams[self->n_keys].key, ==, config->name);
      key->upstream = &upstreams[self->n_keys];
      key->upstream->script.random = 88172645463325252u + self->n_keys;
      key->priority = config->priority;
      key->live = aip_live_keys_find (self->live, "p", config->name);
      key->quota = aip_ledger_get_key_quota (self->ledger, config);
      sim_party_init (&key->party, sizes, self->queue.wall_us);
      key->limits.parties[0] = &key->party;
      sim_breaker_init (&key->breaker, &self->config->breaker, self->exact);
    }
}

/* All who belong to a tenant belong to the same one. */
static void
add_clients (SimWorld *self)
{
  const AipTenantConfig *tenant =
      self->config->tenants->len > 0 ? g_ptr_array_index (self->config->tenants, 0) : NULL;
  const guint64 tenant_sizes[SIM_N_LIMITS] = { 0, 0, tenant != NULL ? tenant->daily_requests : 0,
                                               tenant != NULL ? tenant->daily_tokens : 0 };

  sim_party_init (&self->tenant, tenant_sizes, self->queue.wall_us);
  g_assert_cmpuint (self->config->clients->len, <=, SIM_MAX_CLIENTS);
  for (self->n_clients = 0; self->n_clients < self->config->clients->len; self->n_clients++)
    {
      const AipClientConfig *config = g_ptr_array_index (self->config->clients, self->n_clients);
      const guint64 sizes[SIM_N_LIMITS] = { config->rpm, config->tpm, config->daily_requests,
                                            config->daily_tokens };
      SimClient *client = &self->clients[self->n_clients];

      client->quota =
          aip_ledger_get_client_quota (self->ledger, self->config, config->name, config, config->tenant);
      sim_party_init (&client->party, sizes, self->queue.wall_us);
      client->limits.parties[0] = &client->party;
      client->limits.parties[1] = config->tenant != NULL ? &self->tenant : NULL;
    }
}

/**
 * sim_world_init:
 * @self: (out caller-allocates): a world before its first request; to be cleared
 * @settings: the configuration without providers and keys
 * @upstreams: ends with one without a key; they must outlive @self
 * @run_us: how long requests come
 */
void
sim_world_init (SimWorld *self, const char *settings, SimUpstream *upstreams, gint64 run_us)
{
  *self = (SimWorld){ .n_requests = sim_get_n_requests (), .exact = TRUE, .random = 1 };
  self->step_us = run_us / self->n_requests;
  sim_queue_init (&self->queue, SIM_START_US, WALL_START_US - SIM_START_US);
  self->config = make_config (settings, upstreams);
  self->live = aip_live_keys_new ();
  self->router = make_router (self->config, self->live);
  self->ledger = aip_ledger_new (NULL);
  add_keys (self, upstreams);
  add_clients (self);
}

/**
 * sim_world_clear:
 * @self: a world
 */
void
sim_world_clear (SimWorld *self)
{
  for (guint i = 0; i < self->n_keys; i++)
    {
      SimKey *key = &self->keys[i];

      aip_live_key_unref (key->live);
      aip_quota_unref (key->quota);
      sim_party_clear (&key->party);
      sim_breaker_clear (&key->breaker);
    }
  for (guint i = 0; i < self->n_clients; i++)
    {
      aip_quota_unref (self->clients[i].quota);
      sim_party_clear (&self->clients[i].party);
    }
  sim_party_clear (&self->tenant);
  aip_ledger_close (self->ledger);
  aip_ledger_unref (self->ledger);
  aip_router_unref (self->router);
  aip_live_keys_unref (self->live);
  aip_config_unref (self->config);
  sim_queue_clear (&self->queue);
}

/* --- a run --- */

static void
arrive_cb (void *data)
{
  SimWorld *self = data;
  guint index = self->n_arrived++;

  if (self->n_arrived < self->n_requests)
    sim_queue_push (&self->queue, SIM_START_US + self->n_arrived * self->step_us, arrive_cb, self);
  sim_request_start (self, index);
}

/* Nothing is forgotten, and nothing is told twice. */
static void
check_sums (const SimWorld *self)
{
  guint n = self->n_served + self->n_broken + self->n_left + self->n_told + self->n_lost + self->n_denied +
            self->n_refused;

  g_assert_cmpuint (n, ==, self->n_requests);
  g_assert_cmpuint (self->n_ended, ==, self->n_requests);
  for (guint i = 0; i < self->n_keys; i++)
    {
      const SimKey *key = &self->keys[i];
      AipLiveKeyTotals totals;
      AipLiveKeyFigures figures;

      aip_live_key_get_totals (key->live, &totals);
      aip_live_key_get_figures (key->live, self->queue.now_us, &figures);
      g_assert_cmpuint (key->upstream->in_flight, ==, 0);
      g_assert_cmpuint (figures.in_flight, ==, 0);
      g_assert_cmpuint (totals.succeeded, ==, key->upstream->n_served);
      g_assert_cmpuint (totals.attempts, >=, key->upstream->n_asked);
    }
}

static void
check_party (const SimParty *party)
{
  for (guint kind = 0; kind < SIM_N_LIMITS; kind++)
    if (party->limits[kind].size > 0 && (kind == SIM_LIMIT_REQUESTS || kind == SIM_LIMIT_DAY_REQUESTS))
      g_assert_cmpuint (sim_limit_get_peak (&party->limits[kind]), <=, party->limits[kind].size);
}

/**
 * sim_world_run:
 * @self: a world
 *
 * Lets all requests come, and waits for the last of them to end.
 */
void
sim_world_run (SimWorld *self)
{
  for (guint i = 0; i < self->n_keys; i++)
    self->keys[i].breaker.exact = self->exact;
  if (self->check_us > 0)
    sim_health_start (self);
  sim_queue_push (&self->queue, SIM_START_US, arrive_cb, self);
  sim_queue_run (&self->queue);
  check_sums (self);
  for (guint i = 0; i < self->n_keys; i++)
    check_party (&self->keys[i].party);
  for (guint i = 0; i < self->n_clients; i++)
    check_party (&self->clients[i].party);
  check_party (&self->tenant);
}

/* --- for those who look --- */

/**
 * sim_world_find_key:
 * @self: a world
 * @live: the daemon's side of one of its keys
 *
 * Returns: the key
 */
SimKey *
sim_world_find_key (SimWorld *self, const AipLiveKey *live)
{
  SimKey *key = self->keys;

  while (key->live != live)
    key++;
  return key;
}

/**
 * sim_world_get_time:
 * @self: a world
 *
 * Returns: microseconds since the run's start
 */
gint64
sim_world_get_time (const SimWorld *self)
{
  return self->queue.now_us - SIM_START_US;
}

/**
 * sim_world_get_end:
 * @self: a world
 *
 * Returns: when the last request comes, by the steady clock
 */
gint64
sim_world_get_end (const SimWorld *self)
{
  return SIM_START_US + (self->n_requests - 1) * self->step_us;
}

/**
 * sim_world_count_between:
 * @self: a world
 * @from_us: from the run's start
 * @to_us: the same
 *
 * Returns: how many requests come from @from_us on and before @to_us
 */
guint
sim_world_count_between (const SimWorld *self, gint64 from_us, gint64 to_us)
{
  gint64 first = (from_us + self->step_us - 1) / self->step_us;
  gint64 behind = (to_us + self->step_us - 1) / self->step_us;

  return (guint) (MIN (behind, self->n_requests) - MIN (first, self->n_requests));
}

/**
 * sim_world_compare_key:
 * @self: a world
 * @key: one of its keys, with which something has happened
 *
 * Fails where its breaker is not what it has to be.
 */
void
sim_world_compare_key (SimWorld *self, SimKey *key)
{
  sim_breaker_compare (&key->breaker, aip_live_key_get_breaker (key->live), self->queue.now_us);
}

/**
 * sim_world_reset_key:
 * @self: a world
 * @key: one of its keys, which its owner wants tried again
 */
void
sim_world_reset_key (SimWorld *self, SimKey *key)
{
  aip_live_key_reset (key->live);
  sim_breaker_reset (&key->breaker);
  sim_world_compare_key (self, key);
}

/**
 * sim_world_draw_jitter:
 * @self: a world
 *
 * Returns: a number for aip_live_key_end (), in the middle where cooldowns are to be exact
 */
guint64
sim_world_draw_jitter (SimWorld *self)
{
  return self->exact ? G_GUINT64_CONSTANT (1) << 63 : sim_random (&self->random);
}
