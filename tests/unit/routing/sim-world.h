/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-ledger.h"
#include "routing/aip-router.h"
#include "sim-breaker.h"
#include "sim-limits.h"
#include "sim-queue.h"
#include "sim-upstream.h"

G_BEGIN_DECLS

/*
 * A simulator of the daemon's routing and limits: requests over a fake clock, each taken through the daemon's
 * own router, breakers and ledger as an exchange does it: room in its client's limits, a plan, the plan's
 * candidates in turn, each with its breaker's pass and room in its key's limits.
 *
 * Whatever they decide is compared with what has to be, at each step: SimBreaker and SimLimit tell that from
 * logs of their own. What differs ends the test.
 */

#define SIM_MAX_KEYS 8
#define SIM_MAX_CLIENTS 4
#define SIM_MAX_ATTEMPTS 3
#define SIM_SPARE_CANDIDATES 2
#define SIM_START_US (1000 * G_TIME_SPAN_SECOND)

/* No health checks, for a configuration. */
#define SIM_NO_CHECKS "[health-check]\nenabled=false\n"

/**
 * SimAsk: one request.
 * @index: its number, from 0 on
 * @client: which one of the configuration's clients sends it
 * @input_tokens: what it takes at least
 * @output_tokens: what it may take beside that
 * @sticky: see AipRouteQuery
 */
typedef struct
{
  guint index;
  guint client;
  guint64 input_tokens;
  guint64 output_tokens;
  guint64 sticky;
} SimAsk;

/**
 * SimKey: one key, and what has to be of it.
 */
typedef struct
{
  SimUpstream *upstream;
  int priority;
  AipLiveKey *live;
  AipQuota *quota; /* (nullable) */
  SimParty party;
  SimQuota limits;
  SimBreaker breaker;
} SimKey;

/**
 * SimClient: one client, with its tenant.
 */
typedef struct
{
  AipQuota *quota; /* (nullable) */
  SimParty party;
  SimQuota limits;
  guint n_granted;
  guint n_refused;
} SimClient;

typedef struct _SimWorld SimWorld;

/* Says what is asked; @ask comes in with an index, and is else zero. */
typedef void (*SimDescribeFunc) (SimWorld *self, SimAsk *ask);

/* Looks at a plan before anybody is tried. */
typedef void (*SimPlannedFunc) (SimWorld *self, const SimAsk *ask, const GArray *plan);

/**
 * SimWorld: one run. Before it, all but the counters may be changed.
 * @n_requests: how many there are, @step_us apart
 * @exact: cooldowns have no jitter
 * @check_us: how often each key is asked for its health; 0: never
 * @describe: (nullable)
 * @planned: (nullable)
 * @data: for them
 * @n_served: requests that were served
 * @n_broken: of which the client has a part alone
 * @n_left: whose client has left
 * @n_told: whose client was told of a fault of its own
 * @n_lost: that no attempt has served
 * @n_denied: that nobody could serve
 * @n_refused: that their client's limits had no room for
 * @last_retry_after_us: what one that was denied last was told
 */
struct _SimWorld
{
  guint n_requests;
  gint64 step_us;
  gboolean exact;
  gint64 check_us;
  SimDescribeFunc describe;
  SimPlannedFunc planned;
  void *data;
  guint64 random;

  SimQueue queue;
  AipConfig *config;
  AipLiveKeys *live;
  AipRouter *router;
  AipLedger *ledger;
  SimKey keys[SIM_MAX_KEYS];
  guint n_keys;
  SimClient clients[SIM_MAX_CLIENTS];
  guint n_clients;
  SimParty tenant;
  guint n_arrived;
  guint n_ended;

  guint n_served;
  guint n_broken;
  guint n_left;
  guint n_told;
  guint n_lost;
  guint n_denied;
  guint n_refused;
  gint64 last_retry_after_us;
};

guint sim_get_n_requests (void);

void sim_world_init (SimWorld *self, const char *settings, SimUpstream *upstreams, gint64 run_us);
void sim_world_clear (SimWorld *self);
void sim_world_run (SimWorld *self);

SimKey *sim_world_find_key (SimWorld *self, const AipLiveKey *live);
gint64 sim_world_get_time (const SimWorld *self);
gint64 sim_world_get_end (const SimWorld *self);
guint sim_world_count_between (const SimWorld *self, gint64 from_us, gint64 to_us);
void sim_world_reset_key (SimWorld *self, SimKey *key);
void sim_world_compare_key (SimWorld *self, SimKey *key);
guint64 sim_world_draw_jitter (SimWorld *self);

G_END_DECLS
