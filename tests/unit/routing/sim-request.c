/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-error.h"
#include "sim-random.h"
#include "sim-world-private.h"

/*
 * One request, as an exchange takes it through the daemon:
 *
 *   room in its client's limits -> plan -> next candidate: pass of its breaker -> room in its limits -> sent
 *                                              ^                                                        │
 *                                              └── it fails before its client has seen any of it <──────┘
 */

typedef struct
{
  SimWorld *world;
  SimAsk ask;
  AipReservation *reservation; /* (nullable) */
  SimHold hold;
  GArray *plan; /* (nullable) */
  guint next;   /* of @plan */
  guint n_attempts;
  SimAnswer answer; /* of the last attempt */

  /* The attempt under way. */
  SimKey *key;
  AipLiveAttempt attempt;
  SimPass pass;
  AipReservation *key_reservation; /* (nullable) */
  SimHold key_hold;
  gint64 sent_us;
} Request;

/* --- limits --- */

static guint64
fit (const Request *self, const AipQuota *quota, const SimQuota *limits)
{
  guint64 most = self->ask.input_tokens + self->ask.output_tokens;
  guint64 need = sim_quota_fit (limits, self->world->queue.now_us, self->ask.input_tokens, most);

  if (quota == NULL)
    return self->ask.input_tokens;
  g_assert_cmpuint (aip_quota_fit (quota, self->ask.input_tokens, most), ==, need);
  return need;
}

/* Returns: whether there is room, which the ledger has to say as well */
static gboolean
reserve (Request *self, AipQuota *quota, const SimQuota *limits, AipReservation **reservation, SimHold *hold)
{
  gint64 now_us = self->world->queue.now_us;
  guint64 tokens = fit (self, quota, limits);
  gint64 wait_us = sim_quota_get_wait (limits, now_us, tokens);
  AipLedgerAnswer answer = aip_ledger_reserve (self->world->ledger, quota, tokens, NULL, NULL, reservation);

  g_assert_cmpint (answer, ==, wait_us == 0 ? AIP_LEDGER_GRANTED : AIP_LEDGER_REFUSED);
  if (wait_us > 0)
    {
      guint told = wait_us == SIM_NEVER ? 0 : (guint) ((wait_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);

      g_assert_cmpuint (aip_reservation_get_retry_after (*reservation), ==, told);
      g_clear_pointer (reservation, aip_reservation_free);
      return FALSE;
    }
  sim_quota_charge (limits, now_us, tokens, hold);
  return TRUE;
}

/* What was never sent is taken back. */
static void
settle (Request *self,
        const SimQuota *limits,
        AipReservation **reservation,
        const SimHold *hold,
        gboolean sent)
{
  AipReservation *held = g_steal_pointer (reservation);
  gint64 now_us = self->world->queue.now_us;

  if (held == NULL)
    return;
  if (!sent)
    {
      aip_reservation_refund (held);
      sim_quota_refund (limits, now_us, hold);
      return;
    }
  aip_reservation_settle (held, self->answer.tokens);
  sim_quota_settle (limits, now_us, hold,
                    self->answer.tokens == AIP_TOKENS_UNKNOWN ? hold->tokens : self->answer.tokens);
}

/* --- the end --- */

static void
end (Request *self, guint *counter)
{
  (*counter)++;
  self->world->n_ended++;
  if (self->reservation != NULL)
    settle (self, &self->world->clients[self->ask.client].limits, &self->reservation, &self->hold,
            self->n_attempts > 0);
  g_clear_pointer (&self->plan, g_array_unref);
  g_free (self);
}

static void try_next (Request *self);

static void
end_attempt (Request *self, gboolean sent)
{
  SimWorld *world = self->world;
  SimKey *key = self->key;
  gboolean known = sent && self->answer.tokens != AIP_TOKENS_UNKNOWN;
  AipLiveOutcome outcome = { .verdict = self->answer.verdict, .tokens = known ? self->answer.tokens : 0 };

  aip_live_key_end (key->live, &self->attempt, &outcome, world->queue.now_us, sim_world_draw_jitter (world));
  sim_breaker_settle (&key->breaker, &self->pass, &self->answer.verdict, world->queue.now_us);
  sim_world_compare_key (world, key);
  settle (self, &key->limits, &self->key_reservation, &self->key_hold, sent && !self->answer.unsent);
}

static void
ended_cb (void *data)
{
  Request *self = data;
  SimUpstream *upstream = self->key->upstream;
  AipFaultClass fault_class = self->answer.verdict.fault_class;

  end_attempt (self, TRUE);
  upstream->in_flight--;
  if (fault_class == AIP_FAULT_CLASS_NONE)
    upstream->n_served++;
  else
    upstream->n_failed++;
  if (fault_class == AIP_FAULT_CLASS_NONE)
    end (self, &self->world->n_served);
  else if (fault_class == AIP_FAULT_CLASS_CANCELLED)
    end (self, &self->world->n_left);
  else if (self->answer.streams)
    end (self, &self->world->n_broken);
  else if (!aip_fault_class_fails_over (fault_class))
    end (self, &self->world->n_told);
  else
    try_next (self);
}

static void
wait_for_end (Request *self)
{
  gint64 end_us = self->sent_us + self->answer.took_us;

  if (end_us > self->world->queue.now_us)
    sim_queue_push (&self->world->queue, end_us, ended_cb, self);
  else
    ended_cb (self);
}

static void
answered_cb (void *data)
{
  Request *self = data;
  gint64 now_us = self->world->queue.now_us;

  aip_live_key_answered (self->key->live, &self->attempt, self->answer.streams, now_us);
  if (self->answer.streams)
    sim_breaker_answered (&self->key->breaker, &self->pass, now_us);
  sim_world_compare_key (self->world, self->key);
  wait_for_end (self);
}

/* --- attempts --- */

static void
send (Request *self)
{
  SimWorld *world = self->world;
  SimUpstream *upstream = self->key->upstream;

  self->n_attempts++;
  self->sent_us = world->queue.now_us;
  upstream->n_asked++;
  upstream->in_flight++;
  upstream->most_in_flight = MAX (upstream->most_in_flight, upstream->in_flight);
  sim_upstream_answer (upstream, upstream->serve, sim_world_get_time (world), &self->answer);
  if (self->answer.first_byte_us < 0)
    wait_for_end (self);
  else if (self->answer.first_byte_us == 0)
    answered_cb (self);
  else
    sim_queue_push (&world->queue, self->sent_us + self->answer.first_byte_us, answered_cb, self);
}

/* Returns: whether the breaker gives a pass, which it has to say as well */
static gboolean
begin (Request *self, const AipCandidate *candidate)
{
  gint64 now_us = self->world->queue.now_us;
  SimBreaker *breaker;
  gboolean may, has_to;

  self->key = sim_world_find_key (self->world, candidate->live);
  breaker = &self->key->breaker;
  if (candidate->least_bad)
    {
      may = aip_live_key_begin_early (candidate->live, now_us, &self->attempt);
      has_to = sim_breaker_enter_early (breaker, now_us, &self->pass);
    }
  else
    {
      may = aip_live_key_begin (candidate->live, now_us, &self->attempt);
      has_to = sim_breaker_enter (breaker, now_us, &self->pass);
    }
  g_assert_cmpint (may, ==, has_to);
  sim_world_compare_key (self->world, self->key);
  return may;
}

static void
try_next (Request *self)
{
  while (self->n_attempts < SIM_MAX_ATTEMPTS && self->next < self->plan->len)
    {
      gboolean first = self->next == 0;

      if (begin (self, &g_array_index (self->plan, AipCandidate, self->next++)))
        {
          if (reserve (self, self->key->quota, &self->key->limits, &self->key_reservation, &self->key_hold))
            {
              send (self);
              return;
            }
          sim_answer_fail (&self->answer, AIP_FAULT_CLASS_CANCELLED, 0, -1);
          end_attempt (self, FALSE);
        }
      /* Nobody has come in between. */
      g_assert_false (first);
    }
  end (self, &self->world->n_lost);
}

/* --- the plan --- */

static gboolean
may_use_cb (const AipCandidate *candidate, gint64 *wait_us, void *user_data)
{
  Request *self = user_data;
  SimKey *key = sim_world_find_key (self->world, candidate->live);
  gint64 wait =
      key->quota == NULL ? 0 : aip_quota_get_wait (key->quota, fit (self, key->quota, &key->limits));

  if (wait > 0 && wait != G_MAXINT64)
    *wait_us = wait;
  return wait == 0;
}

static double
get_headroom_cb (const AipCandidate *candidate, void *user_data)
{
  Request *self = user_data;

  return aip_quota_get_headroom (sim_world_find_key (self->world, candidate->live)->quota);
}

static gboolean
has_key_limits (const SimWorld *world)
{
  for (guint i = 0; i < world->n_keys; i++)
    if (world->keys[i].quota != NULL)
      return TRUE;
  return FALSE;
}

static void
plan (Request *self)
{
  SimWorld *world = self->world;
  gboolean limited = has_key_limits (world);
  gint64 retry_after_us = 0;
  g_autoptr (GError) error = NULL;
  AipRouteQuery query = {
    .model = "m",
    .now_us = world->queue.now_us,
    .random = sim_random (&world->random),
    .sticky = self->ask.sticky,
    .tokens = self->ask.input_tokens,
    .limit = SIM_MAX_ATTEMPTS + SIM_SPARE_CANDIDATES,
    .may_use = limited ? may_use_cb : NULL,
    .get_headroom = limited ? get_headroom_cb : NULL,
    .may_use_data = self,
  };

  self->plan = aip_router_plan (world->router, &query, &retry_after_us, &error);
  sim_plan_check (world, &self->ask, &query, self->plan, retry_after_us);
  if (self->plan != NULL)
    {
      if (world->planned != NULL)
        world->planned (world, &self->ask, self->plan);
      try_next (self);
      return;
    }
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE);
  world->last_retry_after_us = retry_after_us;
  end (self, &world->n_denied);
}

/**
 * sim_request_start:
 * @world: a world
 * @index: the request's number
 *
 * Lets a request come.
 */
void
sim_request_start (SimWorld *world, guint index)
{
  Request *self = g_new0 (Request, 1);
  SimClient *client;

  self->world = world;
  self->ask.index = index;
  if (world->describe != NULL)
    world->describe (world, &self->ask);
  if (world->n_clients > 0)
    {
      client = &world->clients[self->ask.client];
      if (!reserve (self, client->quota, &client->limits, &self->reservation, &self->hold))
        {
          client->n_refused++;
          end (self, &world->n_refused);
          return;
        }
      client->n_granted++;
    }
  plan (self);
}
