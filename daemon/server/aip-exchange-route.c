/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include <string.h>

#include "base/aip-clock.h"
#include "base/aip-error.h"
#include "config/aip-config-schema.h"
#include "policy/aip-rights.h"
#include "server/aip-exchange-private.h"
#include "wire/aip-conversation.h"

/* Who may serve a request, and in which order. */

#define MAX_TIMEOUT_SECONDS 86400

/* Some of the plan may be taken by others before their turn comes. */
#define SPARE_CANDIDATES 2

/* How much of a body tells one conversation from another. */
#define MAX_STICKY_LENGTH 4096

static AipOutcome
refuse_model (AipExchange *self, const char *why)
{
  const AipClient *client = self->client;
  gboolean own = client->config != NULL && client->config->models[0] != NULL;
  g_autofree char *message = g_strdup_printf (
      "Client `%s` may use certain models alone, %s: see `models` in [%s %s] of aiproxy.conf", client->name,
      why, own ? "client" : "tenant", own ? client->name : client->tenant);

  return aip_exchange_refuse (
      self,
      &(AipFailure){ .status = 403, .code = "model_not_allowed", .param = "model", .message = message });
}

/* No upstream may find another model in the request than we do, or choose one itself. */
static AipOutcome
check_model (AipExchange *self)
{
  g_autoptr (GError) error = NULL;

  if (!aip_client_is_restricted (self->client))
    return AIP_OUTCOME_NEXT;
  if (self->streams_up)
    return refuse_model (self, "and the model of an upload cannot be seen");
  if (self->call.model == NULL && (self->route.json || self->route.kind == AIP_ROUTE_REALTIME))
    return refuse_model (self, "so it has to name one");
  if (self->route.json && aip_call_has_second_model (&self->call))
    return refuse_model (self, "and some upstreams read `model` in any case, which may be there once");
  if (self->call.model != NULL && !aip_rights_allow_model (self->client, self->call.model, &error))
    return aip_exchange_refuse (
        self, &(AipFailure){
                  .status = 403, .code = "model_not_allowed", .param = "model", .message = error->message });
  return AIP_OUTCOME_NEXT;
}

/* X-Proxy-Timeout: the client's own limit for the whole answer, in seconds. A longer one than `total` counts
 * as that. */
static gboolean
take_timeout (AipExchange *self)
{
  const char *header = aip_head_get (self->head, "X-Proxy-Timeout");
  char *end = NULL;
  double seconds = header != NULL ? g_ascii_strtod (header, &end) : 0;

  if (header == NULL)
    return TRUE;
  if (end == header || *end != '\0' || !(seconds >= 0.001 && seconds <= MAX_TIMEOUT_SECONDS))
    return FALSE;
  self->timeout = (guint64) (seconds * 1000);
  return TRUE;
}

/* --- what the client asks for, and may --- */

static AipOutcome
refuse_right (AipExchange *self, const GError *error, const char *code, const char *param)
{
  return aip_exchange_refuse (
      self, &(AipFailure){ .status = 403, .code = code, .param = param, .message = error->message });
}

static AipOutcome
check_strategy (AipExchange *self, const AipRouteQuery *query)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *known = NULL;
  g_autofree char *message = NULL;

  if (query->strategy == NULL)
    return AIP_OUTCOME_NEXT;
  if (!g_strv_contains (aip_config_strategies, query->strategy))
    {
      known = g_strjoinv (", ", (char **) aip_config_strategies);
      message = g_strdup_printf ("X-Proxy-Strategy takes one of: %s", known);
      return aip_exchange_refuse (
          self, &(AipFailure){ .status = 400, .code = "unknown_strategy", .message = message });
    }
  if (!aip_rights_allow_strategy (self->client, query->strategy, &error))
    return refuse_right (self, error, "strategy_not_allowed", NULL);
  return AIP_OUTCOME_NEXT;
}

static AipOutcome
check_rights (AipExchange *self, const AipRouteQuery *query)
{
  g_autoptr (GError) error = NULL;
  AipOutcome outcome = check_model (self);

  if (outcome != AIP_OUTCOME_NEXT)
    return outcome;
  if (query->provider != NULL && !aip_rights_allow_provider (self->client, query->provider, &error))
    return refuse_right (self, error, "provider_not_allowed", NULL);
  return check_strategy (self, query);
}

/* --- whom it stays with --- */

static guint64
add_hash (guint64 hash, const char *text, gsize length)
{
  /* FNV-1a */
  for (gsize i = 0; i < length; i++)
    hash = (hash ^ (guchar) text[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash;
}

static guint64
hash_conversation (const AipCall *call, guint64 hash)
{
  gsize length, start, end;
  const char *text = g_bytes_get_data (call->body, &length);

  if (!aip_conversation_find (text, length, &start, &end))
    {
      start = 0;
      end = length;
    }
  return add_hash (hash, text + start, MIN (end - start, MAX_STICKY_LENGTH));
}

static guint64
make_sticky (const AipExchange *self)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  if (!self->snapshot->config->routing.sticky)
    return 0;
  hash = add_hash (hash, self->client->name, strlen (self->client->name));
  if (self->call.body != NULL)
    hash = hash_conversation (&self->call, hash);
  return hash != 0 ? hash : 1;
}

/* --- the plan --- */

static gboolean
may_use_cb (const AipCandidate *candidate, gint64 *wait_us, void *user_data)
{
  AipExchange *self = user_data;
  AipQuota *quota = aip_snapshot_get_key_quota (self->snapshot, candidate->key);
  gint64 wait;

  if (quota == NULL)
    return TRUE;
  wait = aip_quota_get_wait (quota, aip_exchange_estimate_need (self, quota));
  /* A limit that is too small for the request never has room for it: that is no time to come back at. */
  if (wait > 0 && wait != G_MAXINT64)
    *wait_us = wait;
  return wait == 0;
}

static double
get_headroom_cb (const AipCandidate *candidate, void *user_data)
{
  const AipExchange *self = user_data;

  return aip_quota_get_headroom (aip_snapshot_get_key_quota (self->snapshot, candidate->key));
}

/* What is asked for, by whom. */
static AipRouteQuery
make_query (const AipExchange *self)
{
  AipRouteQuery query = {
    .protocol = self->route.protocol,
    .model = self->call.model,
    .provider = aip_head_get (self->head, "X-Proxy-Provider"),
    .strategy = aip_head_get (self->head, "X-Proxy-Strategy"),
  };

  for (guint i = 0; i < AIP_N_RIGHTS; i++)
    {
      query.providers[i] = aip_rights_get_providers (self->client, i);
      query.keys[i] = aip_rights_get_keys (self->client, i);
    }
  return query;
}

/* What it goes by at this moment. */
static void
complete_query (AipExchange *self, AipRouteQuery *query)
{
  const AipRetryConfig *retry = &self->snapshot->config->retry;

  query->now_us = aip_clock_now ();
  query->random = aip_worker_random (self->worker);
  query->sticky = make_sticky (self);
  query->tokens = aip_exchange_estimate_tokens (self);
  query->limit = (retry->enabled ? retry->max_attempts : 1) + SPARE_CANDIDATES;
  query->too_long = self->too_long.models != NULL ? &self->too_long : NULL;
  if (self->snapshot->key_quotas == NULL)
    return;
  query->may_use = may_use_cb;
  query->get_headroom = get_headroom_cb;
  query->may_use_data = self;
}

static AipOutcome
refuse_plan (AipExchange *self, const GError *error, gint64 retry_after_us)
{
  if (retry_after_us > 0)
    self->retry_after = (guint) MIN ((retry_after_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC, G_MAXINT);
  return aip_exchange_refuse_error (self, error);
}

/* What is missing may be a model that no provider has told of yet, or a key that is still being read. */
static gboolean
wait_for_plan (AipExchange *self, const GError *error, gint64 retry_after_us)
{
  return (self->n_attempts == 0 && !g_error_matches (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT) &&
          aip_exchange_wait_for_models (self)) ||
         (g_error_matches (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE) &&
          aip_exchange_wait_in_queue (self, retry_after_us, 0));
}

static AipOutcome
make_plan (AipExchange *self, AipRouteQuery *query)
{
  g_autoptr (GError) error = NULL;
  gint64 retry_after_us = -1;

  complete_query (self, query);
  self->plan = aip_router_plan (self->snapshot->router, query, &retry_after_us, &error);
  if (self->plan != NULL)
    {
      self->plan_is_cut = self->plan->len >= query->limit;
      self->has_planned = TRUE;
      aip_exchange_leave_queue (self);
      aip_exchange_report_start (self);
      aip_exchange_trace_plan (self);
      return AIP_OUTCOME_NEXT;
    }
  if (wait_for_plan (self, error, retry_after_us))
    {
      aip_exchange_report_start (self);
      return AIP_OUTCOME_WAIT;
    }
  if (self->n_attempts > 0)
    return aip_exchange_tell (self);
  if (g_error_matches (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE) ||
      g_error_matches (error, AIP_ERROR, AIP_ERROR_RATE_LIMITED))
    aip_exchange_trace_refusal (self, query);
  return refuse_plan (self, error, retry_after_us);
}

/**
 * aip_exchange_route:
 * @self: an exchange that knows what is asked for
 *
 * The step AIP_STEP_ROUTE: rights, limits, candidates.
 *
 * Returns: AIP_OUTCOME_NEXT with a plan, or what else a step has to return
 */
AipOutcome
aip_exchange_route (AipExchange *self)
{
  AipRouteQuery query = make_query (self);
  AipOutcome outcome;

  query.strategy_used = &self->strategy;
  if (self->route.kind == AIP_ROUTE_MODELS || self->route.kind == AIP_ROUTE_MODEL)
    return aip_exchange_list_models (self);
  if (!take_timeout (self))
    return aip_exchange_refuse (self,
                                &(AipFailure){ .status = 400,
                                               .code = "invalid_timeout",
                                               .message = "X-Proxy-Timeout takes seconds, such as 30 or 0.5, "
                                                          "up to a day" });
  outcome = check_rights (self, &query);
  if (outcome == AIP_OUTCOME_NEXT)
    outcome = aip_exchange_reserve (self);
  return outcome == AIP_OUTCOME_NEXT ? make_plan (self, &query) : outcome;
}

/* The last attempt's candidate is in it, and nobody in it is to be tried twice. */
static void
put_plan_aside (AipExchange *self)
{
  if (self->old_plans == NULL)
    self->old_plans = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  g_array_set_size (self->plan, self->next);
  g_ptr_array_add (self->old_plans, g_steal_pointer (&self->plan));
  self->next = 0;
}

/**
 * aip_exchange_plan_rest:
 * @self: an exchange whose plan has nobody left; its `too_long` knows of the models that are too small for it
 *
 * Plans anew, beyond those whose turn has come, with such models alone as may be large enough. The plan may
 * have nobody new in it, or nobody at all.
 */
void
aip_exchange_plan_rest (AipExchange *self)
{
  AipRouteQuery query = make_query (self);

  put_plan_aside (self);
  complete_query (self, &query);
  for (guint i = self->n_plans_over; i < self->old_plans->len; i++)
    query.limit += ((const GArray *) g_ptr_array_index (self->old_plans, i))->len;
  query.strategy_used = &self->strategy;
  self->plan = aip_router_plan (self->snapshot->router, &query, NULL, NULL);
  if (self->plan == NULL)
    self->plan = g_array_new (FALSE, FALSE, sizeof (AipCandidate));
  self->plan_is_cut = self->plan->len >= query.limit;
  aip_exchange_trace_plan (self);
}

/**
 * aip_exchange_start_over:
 * @self: an exchange whose plan has nobody left
 *
 * Goes back to the step AIP_STEP_ROUTE, after which everybody may be tried again who is not hopeless.
 */
void
aip_exchange_start_over (AipExchange *self)
{
  put_plan_aside (self);
  self->n_plans_over = self->old_plans->len;
  self->n_plans_again = 0;
  self->found_full = self->passed_over = self->may_pass = FALSE;
  self->refused_until = 0;
  self->step = AIP_STEP_ROUTE;
}

/**
 * aip_exchange_look_ahead:
 * @self: an exchange whose plan has nobody left
 *
 * Returns: how long until somebody may serve it after all, in microseconds; 0: now; -1: nobody knows
 */
gint64
aip_exchange_look_ahead (AipExchange *self)
{
  AipRouteQuery query = make_query (self);
  g_autoptr (GArray) plan = NULL;
  gint64 wait_us = -1;

  complete_query (self, &query);
  query.look_only = TRUE;
  plan = aip_router_plan (self->snapshot->router, &query, &wait_us, NULL);
  for (guint i = 0; plan != NULL && i < plan->len; i++)
    if (!aip_exchange_is_hopeless (self, &g_array_index (plan, AipCandidate, i)))
      return 0;
  return wait_us;
}

/**
 * aip_exchange_refuse_taken:
 * @self: an exchange with a plan all of whose candidates were taken by others just now, or have no room
 *
 * Returns: what the step has to return
 */
AipOutcome
aip_exchange_refuse_taken (AipExchange *self)
{
  self->retry_after = self->no_room != NULL ? self->no_room_wait : 1;
  if (self->no_room != NULL)
    return aip_exchange_refuse_error (self, self->no_room);
  return aip_exchange_refuse (self,
                              &(AipFailure){ .status = 503,
                                             .code = "no_usable_key",
                                             .message = "Every key that could serve this is being tried "
                                                        "by another request just now: ask again" });
}
