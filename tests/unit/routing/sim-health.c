/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-world-private.h"

/* Asks each key for its health at fixed times, as long as requests come. */

typedef struct
{
  SimWorld *world;
  SimKey *key;
  AipLiveAttempt attempt;
  SimPass pass;
  SimAnswer answer;
} Check;

static void
ended_cb (void *data)
{
  Check *self = data;
  SimWorld *world = self->world;
  AipLiveOutcome outcome = { .verdict = self->answer.verdict };

  aip_live_key_end (self->key->live, &self->attempt, &outcome, world->queue.now_us,
                    sim_world_draw_jitter (world));
  sim_breaker_settle (&self->key->breaker, &self->pass, &self->answer.verdict, world->queue.now_us);
  sim_world_compare_key (world, self->key);
  g_free (self);
}

static void
check_key (SimWorld *world, SimKey *key)
{
  gint64 now_us = world->queue.now_us;
  SimUpstream *upstream = key->upstream;
  Check *self = g_new0 (Check, 1);
  gboolean may = aip_live_key_begin_check (key->live, now_us, &self->attempt);

  g_assert_cmpint (may, ==, sim_breaker_enter_check (&key->breaker, now_us, &self->pass));
  sim_world_compare_key (world, key);
  if (!may)
    {
      g_free (self);
      return;
    }
  upstream->n_checks++;
  self->world = world;
  self->key = key;
  sim_upstream_answer (upstream, upstream->check != NULL ? upstream->check : upstream->serve,
                       sim_world_get_time (world), &self->answer);
  sim_queue_push (&world->queue, now_us + self->answer.took_us, ended_cb, self);
}

static void
tick_cb (void *data)
{
  SimWorld *world = data;

  for (guint i = 0; i < world->n_keys; i++)
    check_key (world, &world->keys[i]);
  if (world->queue.now_us + world->check_us <= sim_world_get_end (world))
    sim_queue_push (&world->queue, world->queue.now_us + world->check_us, tick_cb, world);
}

/**
 * sim_health_start:
 * @world: a world whose @check_us is set
 *
 * Checks all keys from time to time, the first time at half of that.
 */
void
sim_health_start (SimWorld *world)
{
  sim_queue_push (&world->queue, world->queue.now_us + world->check_us / 2, tick_cb, world);
}
