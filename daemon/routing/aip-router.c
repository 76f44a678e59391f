/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-router.h"

#include <string.h>

#include "base/aip-error.h"
#include "routing/aip-model-catalog.h"
#include "routing/aip-route-errors.h"
#include "routing/aip-route-explain.h"
#include "routing/aip-route-plan.h"
#include "routing/aip-route-table.h"

/* Far beyond any real name; what is longer is not worth a look at every glob. */
#define MAX_NAME_LENGTH 1024

struct _AipRouter
{
  gatomicrefcount ref_count;
  AipConfig *config;
  AipRouteRules *rules;
  AipRouteTable *table;
  GPtrArray *live;     /* of AipLiveKey: those of the keys, then those of the providers */
  GPtrArray *catalog;  /* of AipModelInfo; atomic; NULL: not asked for yet */
  AipBalance *balance; /* for names that have no route of their own */
  const AipStrategy *strategy;
  gint64 patience_us; /* how long a half-open key waits for a health check */
  gboolean least_bad; /* who is out is tried when there is nobody else */
};

static void
set_secrets (const AipConfig *config, const AipKeySecret *secrets, const GPtrArray *known)
{
  for (guint i = 0; i < config->keys->len; i++)
    if (secrets[i].secret != NULL)
      aip_live_key_set_secret (g_ptr_array_index (known, i), secrets[i].secret);
}

/**
 * aip_router_new:
 * @config: the config; kept
 * @secrets: (array) (nullable): for each key of @config, in its order; the secrets are referenced
 * @discovered: (nullable) (element-type AipDiscovered): the providers' own lists; copied
 * @live: (nullable): what is going on with the keys; gets @config, see aip_live_keys_set_config (), and
 *   @secrets, see aip_live_key_set_secret (); %NULL: nothing is known yet
 * @old: (nullable): the router that was made before. What is the same is shared, and the more so where
 *   @config shares its sections with that one's: of thousands of keys one change is to touch few
 *
 * Returns: (transfer full): the router; that it was made with @old does not show
 */
AipRouter *
aip_router_new (AipConfig *config,
                const AipKeySecret *secrets,
                const GPtrArray *discovered,
                AipLiveKeys *live,
                const AipRouter *old)
{
  g_return_val_if_fail (config != NULL, NULL);
  g_return_val_if_fail (secrets != NULL || config->keys->len == 0, NULL);

  AipRouter *self = g_new0 (AipRouter, 1);
  g_autoptr (AipLiveKeys) keys = live != NULL ? aip_live_keys_ref (live) : aip_live_keys_new ();
  GPtrArray *known = aip_live_keys_set_config (keys, config);
  const AipRouteInput input = { config, secrets, discovered, known };

  g_atomic_ref_count_init (&self->ref_count);
  set_secrets (config, secrets, known);
  self->config = aip_config_ref (config);
  self->rules = aip_route_rules_new (&input, old != NULL ? old->rules : NULL);
  self->table = aip_route_table_new (self->rules, known->len, old != NULL ? old->table : NULL);
  self->live = known;
  self->balance = aip_balance_new (known->len);
  self->strategy = aip_strategy_find (config->routing.strategy);
  /* Two checks in a row that do not come are none. */
  self->patience_us = config->health_check.enabled ? 2 * 1000 * (gint64) config->health_check.interval : 0;
  self->least_bad = g_str_equal (config->routing.on_exhausted, "least-bad");

  return self;
}

/**
 * aip_router_ref:
 * @self: the router
 *
 * Returns: (transfer full): @self
 */
AipRouter *
aip_router_ref (AipRouter *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

/**
 * aip_router_unref:
 * @self: (transfer full): the router
 */
void
aip_router_unref (AipRouter *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  aip_balance_free (self->balance);
  g_clear_pointer (&self->catalog, g_ptr_array_unref);
  g_ptr_array_unref (self->live);
  aip_route_table_free (self->table);
  aip_route_rules_free (self->rules);
  aip_config_unref (self->config);
  g_free (self);
}

static GPtrArray *
get_catalog (AipRouter *self)
{
  GPtrArray *catalog = g_atomic_pointer_get (&self->catalog);

  if (catalog != NULL)
    return catalog;

  catalog = aip_model_catalog_new (self->table);
  if (g_atomic_pointer_compare_and_exchange (&self->catalog, NULL, catalog))
    return catalog;

  g_ptr_array_unref (catalog);
  return g_atomic_pointer_get (&self->catalog);
}

/* Returns: (transfer full) (element-type AipCandidate): the plan; may be empty */
static GArray *
finish_plan (const AipRouter *self, AipRoutePlan *plan, const AipRouteStep *steps, guint n_steps)
{
  GArray *candidates = aip_route_plan_finish (plan);
  AipCandidate found;

  if (candidates->len == 0 && plan->least_bad && plan->n_out > 0 &&
      aip_route_plan_find_least_bad (plan, steps, n_steps, &found))
    g_array_append_val (candidates, found);
  return candidates;
}

/* Keys of one provider may be of different accounts, so their order does not change either. */
static GArray *
plan_without_model (AipRouter *self, AipRoutePlan *plan, const AipRouteProvider *only, GError **error)
{
  AipProtocol protocol = plan->query->protocol;
  const AipRouteProvider *provider =
      only != NULL ? only : aip_route_rules_find_fixed_provider (self->rules, protocol);

  if (provider == NULL || !aip_route_provider_speaks (provider, protocol))
    {
      aip_route_error_protocol (protocol, only, error);
      return NULL;
    }

  AipRouteStep step = {
    .provider = provider,
    .protocols = provider->dialect->protocols,
    .candidates = provider->candidates,
  };
  g_autoptr (GArray) candidates = NULL;

  plan->strategy = &aip_strategy_failover;
  aip_route_plan_add_steps (plan, &step, 1);
  candidates = finish_plan (self, plan, &step, 1);
  if (candidates->len > 0)
    return g_steal_pointer (&candidates);

  aip_route_error_no_key (provider, plan, error);

  return NULL;
}

static gboolean
check_name (const char *model, GError **error)
{
  if (strnlen (model, MAX_NAME_LENGTH + 1) <= MAX_NAME_LENGTH)
    return TRUE;
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "model: the name is longer than %d bytes",
               MAX_NAME_LENGTH);
  return FALSE;
}

static const AipStrategy *
choose_strategy (const AipRouter *self, const AipRouteQuery *query, const AipRoute *route)
{
  const AipStrategy *strategy = query->strategy != NULL ? aip_strategy_find (query->strategy) : NULL;

  if (strategy == NULL)
    strategy = route->strategy;
  return strategy != NULL ? strategy : self->strategy;
}

/* Returns: (transfer full) (element-type AipCandidate): who can serve a name; may be empty */
static GArray *
plan_route (AipRouter *self, AipRoutePlan *plan, const AipRoute *route)
{
  plan->strategy = choose_strategy (self, plan->query, route);
  plan->balance = route->balance != NULL ? route->balance : self->balance;
  aip_route_plan_add_route (plan, route);
  return finish_plan (self, plan, (const AipRouteStep *) (const void *) route->steps->data,
                      route->steps->len);
}

static GArray *
plan_model (AipRouter *self, AipRoutePlan *plan, const AipRouteProvider *only, GError **error)
{
  const char *model = plan->query->model;
  g_autoptr (AipRoute) made = NULL;
  g_autoptr (GArray) candidates = NULL;
  AipRoute *route = NULL;

  if (!check_name (model, error))
    return NULL;

  if (only == NULL)
    route = aip_route_table_find (self->table, model);
  if (route == NULL)
    route = made = aip_route_make (self->rules, model, only);

  candidates = plan_route (self, plan, route);
  if (candidates->len > 0)
    return g_steal_pointer (&candidates);

  /* It looks for near names among all that there are, which is no little work. */
  if (error != NULL)
    aip_route_error_no_candidate (self->rules, get_catalog (self), plan, route, error);

  return NULL;
}

static gboolean
check_query (AipRouter *self, const AipRouteQuery *query, const AipRouteProvider **only, GError **error)
{
  if (self->rules->providers->len == 0)
    {
      aip_route_error_no_provider (self->config, error);
      return FALSE;
    }
  if (query->provider == NULL)
    return TRUE;

  *only = aip_route_rules_find_provider (self->rules, query->provider);
  if (*only == NULL)
    aip_route_error_unknown_provider (self->config, query->provider, error);

  return *only != NULL;
}

/**
 * aip_router_plan:
 * @self: the router
 * @query: what is asked for
 * @retry_after_us: (out) (optional): where there is nobody now: microseconds until the first one may be back;
 *   -1: nobody knows
 * @error: where to put an error
 *
 * Lists who can serve a request, best first: by the place among a mapping's targets, then the provider's
 * priority, then the key's, and among equals by the strategy. Who is out (an open breaker, a limit, the
 * client's rights) is not in it. At the end come keys that are better not tried while others are there:
 * half-open ones, and those whose provider said that its limit is used up. A half-open key for which no
 * health check can or does find out comes first among its equals, once; see aip_live_key_begin (). Where
 * there is nobody, and [routing] on-exhausted says so, one that is out is the whole plan, with its
 * `least_bad` set.
 *
 * Requests that name no model get one provider, always the same, and its keys always in the same order.
 *
 * Any thread may call it.
 *
 * Returns: (transfer full) (nullable) (element-type AipCandidate): at least one candidate, borrowed from
 * @self; where the client's own name for the model is used, from @query->model. Or %NULL with
 * %AIP_ERROR_INVALID_ARGUMENT (no such provider, an overlong name), %AIP_ERROR_NOT_FOUND (no such model),
 * %AIP_ERROR_FORBIDDEN (nothing that the client may use), %AIP_ERROR_LOCKED or %AIP_ERROR_UNAVAILABLE (nobody
 * can serve it now, and why).
 */
GArray *
aip_router_plan (AipRouter *self, const AipRouteQuery *query, gint64 *retry_after_us, GError **error)
{
  g_return_val_if_fail (self != NULL && query != NULL, NULL);
  g_return_val_if_fail ((guint) query->protocol < AIP_N_PROTOCOLS, NULL);

  const AipRouteProvider *only = NULL;
  g_auto (AipRoutePlan) plan = { 0 };
  GArray *candidates = NULL;

  if (retry_after_us != NULL)
    *retry_after_us = -1;
  if (!check_query (self, query, &only, error))
    return NULL;

  aip_route_plan_init (&plan, query, query->limit);
  plan.patience_us = self->patience_us;
  plan.take_turn = !query->look_only;
  plan.least_bad = self->least_bad;
  candidates = query->model == NULL ? plan_without_model (self, &plan, only, error)
                                    : plan_model (self, &plan, only, error);
  if (candidates == NULL && retry_after_us != NULL)
    *retry_after_us = plan.wait_us;
  if (candidates != NULL && query->strategy_used != NULL)
    *query->strategy_used = plan.strategy->name;

  return candidates;
}

/**
 * aip_router_explain:
 * @self: the router
 * @query: what would be asked for; it names a model; its limit does not count
 * @max: how many to tell of; 0: all
 * @error: where to put %AIP_ERROR_INVALID_ARGUMENT: no such provider, an overlong name
 *
 * Tells what aip_router_plan () would list next, with each one's score, and why all else is not in it. Takes
 * no turn.
 *
 * Returns: (transfer full) (nullable) (element-type AipRouteExplanation): candidates in the order in which
 * they would be tried, then what is out
 */
GPtrArray *
aip_router_explain (AipRouter *self, const AipRouteQuery *query, guint max, GError **error)
{
  g_return_val_if_fail (self != NULL && query != NULL && query->model != NULL, NULL);

  const AipRouteProvider *only = NULL;
  AipRouteQuery whole = *query;
  g_auto (AipRoutePlan) plan = { 0 };
  g_autoptr (GArray) candidates = NULL;
  g_autoptr (AipRoute) made = NULL;
  AipRoute *route = NULL;

  if (!check_name (query->model, error))
    return NULL;
  if (query->provider != NULL)
    {
      only = aip_route_rules_find_provider (self->rules, query->provider);
      if (only == NULL && aip_config_find_provider (self->config, query->provider) == NULL)
        {
          aip_route_error_unknown_provider (self->config, query->provider, error);
          return NULL;
        }
    }
  if (only == NULL)
    route = aip_route_table_find (self->table, query->model);
  if (route == NULL)
    route = made = aip_route_make (self->rules, query->model, only);
  whole.limit = 0;
  aip_route_plan_init (&plan, &whole, 0);
  plan.patience_us = self->patience_us;
  if (query->provider == NULL || only != NULL)
    candidates = plan_route (self, &plan, route);
  else
    candidates = aip_route_plan_finish (&plan);
  return aip_route_explain (self->config, self->rules, &plan, route, candidates, max > 0 ? max : G_MAXUINT);
}

/**
 * aip_router_list_models:
 * @self: the router
 *
 * Lists what a client may ask for by name: configured, discovered and well-known models and aliases, as far
 * as a provider with a usable key serves them.
 *
 * Returns: (transfer full) (element-type AipModelInfo): sorted by id, each once; shared with others, so not
 *   to be changed
 */
GPtrArray *
aip_router_list_models (AipRouter *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return g_ptr_array_ref (get_catalog (self));
}

/**
 * aip_router_get_live_key:
 * @self: the router
 * @index: of one of its config's keys; behind these, of one of its providers, as such that needs no key
 *
 * Returns: (transfer none): what is going on with it
 */
AipLiveKey *
aip_router_get_live_key (const AipRouter *self, guint index)
{
  g_return_val_if_fail (self != NULL && index < self->live->len, NULL);

  return g_ptr_array_index (self->live, index);
}

/**
 * aip_router_get_context:
 * @self: the router
 * @model: a provider's name for a model
 *
 * Returns: how many tokens fit into it; 0: not known
 */
guint
aip_router_get_context (AipRouter *self, const char *model)
{
  g_return_val_if_fail (self != NULL && model != NULL, 0);

  return aip_route_rules_get_context (self->rules, model);
}

/**
 * aip_router_renew:
 * @self: the router that counts now
 * @protocol: what the client speaks
 * @candidate: one that an earlier router has planned
 *
 * Makes of @candidate what the same key of the same provider is by now: with its new secret, at its new URL.
 * Its model and its score stay.
 *
 * Returns: whether it may still be asked; else that key or provider was removed or disabled, or has no secret
 * any more, and @candidate is as it was
 */
gboolean
aip_router_renew (const AipRouter *self, AipProtocol protocol, AipCandidate *candidate)
{
  g_return_val_if_fail (self != NULL && candidate != NULL, FALSE);

  const AipRouteProvider *provider = aip_route_rules_find_provider (self->rules, candidate->provider->name);

  if (provider == NULL || !aip_route_provider_speaks (provider, protocol))
    return FALSE;

  for (guint i = 0; i < provider->candidates->len; i++)
    {
      AipCandidate found = g_array_index (provider->candidates, AipCandidate, i);

      if (g_strcmp0 (found.key != NULL ? found.key->name : NULL,
                     candidate->key != NULL ? candidate->key->name : NULL) != 0)
        continue;
      found.model = candidate->model;
      found.score = candidate->score;
      found.least_bad = candidate->least_bad;
      *candidate = found;
      return TRUE;
    }

  return FALSE;
}
