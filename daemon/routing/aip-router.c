/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-router.h"

#include <string.h>

#include "base/aip-error.h"
#include "routing/aip-model-catalog.h"
#include "routing/aip-route-errors.h"
#include "routing/aip-route-explain.h"
#include "routing/aip-route-table.h"

/* Far beyond any real name; what is longer is not worth a look at every glob. */
#define MAX_NAME_LENGTH 1024

struct _AipRouter
{
  gatomicrefcount ref_count;
  AipConfig *config;
  AipRouteRules *rules;
  AipRouteTable *table;
  GPtrArray *catalog; /* of AipModelInfo */
  guint turn;         /* atomic; for names that have no route of their own */
};

/**
 * aip_router_new:
 * @config: the config; kept
 * @secrets: (array) (nullable): for each key of @config, in its order; the secrets are referenced
 * @discovered: (nullable) (element-type AipDiscovered): the providers' own lists; copied
 *
 * Returns: (transfer full): the router
 */
AipRouter *
aip_router_new (AipConfig *config, const AipKeySecret *secrets, const GPtrArray *discovered)
{
  g_return_val_if_fail (config != NULL, NULL);
  g_return_val_if_fail (secrets != NULL || config->keys->len == 0, NULL);

  AipRouter *self = g_new0 (AipRouter, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->config = aip_config_ref (config);
  self->rules = aip_route_rules_new (config, secrets, discovered);
  self->table = aip_route_table_new (self->rules);
  self->catalog = aip_model_catalog_new (self->table);

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

  g_ptr_array_unref (self->catalog);
  aip_route_table_free (self->table);
  aip_route_rules_free (self->rules);
  aip_config_unref (self->config);
  g_free (self);
}

/* Keys of one provider may be of different accounts, so their order does not change either. */
static gboolean
plan_without_model (AipRouter *self,
                    AipProtocol protocol,
                    const AipRouteProvider *only,
                    GArray *plan,
                    GError **error)
{
  const AipRouteProvider *provider =
      only != NULL ? only : aip_route_rules_find_fixed_provider (self->rules, protocol);

  if (provider == NULL || !aip_route_provider_speaks (provider, protocol))
    {
      aip_route_error_protocol (protocol, only, error);
      return FALSE;
    }

  if (provider->candidates->len == 0)
    {
      aip_route_error_no_key (provider, error);
      return FALSE;
    }

  g_array_append_vals (plan, provider->candidates->data, provider->candidates->len);

  return TRUE;
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

static gboolean
plan_model (AipRouter *self,
            const AipRouteQuery *query,
            const AipRouteProvider *only,
            GArray *plan,
            GError **error)
{
  g_autoptr (AipRoute) made = NULL;
  AipRoute *route = NULL;
  guint turn = 0;

  if (!check_name (query->model, error))
    return FALSE;

  if (only == NULL)
    route = aip_route_table_find (self->table, query->model);
  if (route != NULL)
    turn = aip_route_next_turn (route);
  else
    {
      route = made = aip_route_make (self->rules, query->model, only);
      turn = __atomic_fetch_add (&self->turn, 1, __ATOMIC_RELAXED);
    }

  aip_route_fill (route, query->protocol, turn, plan);
  if (plan->len > 0)
    return TRUE;

  aip_route_error_no_candidate (self->rules, self->catalog, query, route, error);

  return FALSE;
}

/**
 * aip_router_plan:
 * @self: the router
 * @query: what is asked for
 * @error: where to put an error
 *
 * Lists who can serve a request, best first: by the place among a mapping's targets, then the provider's
 * priority, then the key's; equals take turns from call to call. Requests that name no model get one
 * provider, always the same, and its keys always in the same order.
 *
 * Any thread may call it.
 *
 * Returns: (transfer full) (nullable) (element-type AipCandidate): at least one candidate, borrowed from
 * @self; where the client's own name for the model is used, from @query->model. Or %NULL with
 * %AIP_ERROR_INVALID_ARGUMENT (no such provider, an overlong name), %AIP_ERROR_NOT_FOUND (no such model),
 * %AIP_ERROR_LOCKED or %AIP_ERROR_UNAVAILABLE (nobody can serve it now).
 */
GArray *
aip_router_plan (AipRouter *self, const AipRouteQuery *query, GError **error)
{
  g_return_val_if_fail (self != NULL && query != NULL, NULL);
  g_return_val_if_fail ((guint) query->protocol < AIP_N_PROTOCOLS, NULL);

  const AipRouteProvider *only = NULL;

  if (self->rules->providers->len == 0)
    {
      aip_route_error_no_provider (self->config, error);
      return NULL;
    }

  if (query->provider != NULL)
    {
      only = aip_route_rules_find_provider (self->rules, query->provider);
      if (only == NULL)
        {
          aip_route_error_unknown_provider (self->config, query->provider, error);
          return NULL;
        }
    }

  g_autoptr (GArray) plan = g_array_sized_new (FALSE, FALSE, sizeof (AipCandidate), 4);
  gboolean planned = query->model == NULL ? plan_without_model (self, query->protocol, only, plan, error)
                                          : plan_model (self, query, only, plan, error);

  return planned ? g_steal_pointer (&plan) : NULL;
}

/**
 * aip_router_explain:
 * @self: the router
 * @query: what would be asked for; it names a model
 * @error: where to put %AIP_ERROR_INVALID_ARGUMENT: no such provider, an overlong name
 *
 * Tells what aip_router_plan () would list next, and why all else is not in it. Takes no turn.
 *
 * Returns: (transfer full) (nullable) (element-type AipRouteExplanation): candidates in the order in which
 * they would be tried, then what is out
 */
GPtrArray *
aip_router_explain (AipRouter *self, const AipRouteQuery *query, GError **error)
{
  g_return_val_if_fail (self != NULL && query != NULL && query->model != NULL, NULL);

  const AipRouteProvider *only = NULL;
  g_autoptr (GArray) plan = g_array_new (FALSE, FALSE, sizeof (AipCandidate));
  g_autoptr (AipRoute) made = NULL;
  AipRoute *route = NULL;
  const guint *turn = &self->turn;

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
  if (route != NULL)
    turn = &route->turn;
  else
    route = made = aip_route_make (self->rules, query->model, only);
  if (query->provider == NULL || only != NULL)
    aip_route_fill (route, query->protocol, __atomic_load_n (turn, __ATOMIC_RELAXED), plan);
  return aip_route_explain (self->config, self->rules, query, route, plan);
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

  return g_ptr_array_ref (self->catalog);
}
