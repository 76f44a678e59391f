/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-route-explain.h"

static void
explanation_free (AipRouteExplanation *self)
{
  g_free (self->provider);
  g_free (self->key);
  g_free (self->model);
  g_free (self->reason);
  g_free (self->note);
  g_free (self);
}

static AipRouteExplanation *
add (GPtrArray *list, const char *provider, const char *key, const char *model, const char *reason)
{
  AipRouteExplanation *self = g_new0 (AipRouteExplanation, 1);

  self->provider = g_strdup (provider);
  self->key = g_strdup (key);
  self->model = g_strdup (model);
  self->reason = g_strdup (reason);
  g_ptr_array_add (list, self);
  return self;
}

static const char *
get_key_name (const AipCandidate *candidate)
{
  return candidate->key != NULL ? candidate->key->name : NULL;
}

static void
add_candidate (GPtrArray *list, const AipCandidate *candidate, gint64 now_us)
{
  AipRouteExplanation *added =
      add (list, candidate->provider->name, get_key_name (candidate), candidate->model, NULL);

  added->note = aip_live_key_dup_reason (candidate->live, now_us);
  added->score = candidate->score;
}

typedef struct
{
  GPtrArray *list;
  guint max;
  const char *provider;
  const char *model;
} Out;

static void
out_cb (const AipKeyConfig *key, const char *reason, void *user_data)
{
  Out *out = user_data;

  if (out->list->len < out->max)
    add (out->list, out->provider, key->name, out->model, reason);
}

static gboolean
is_on_route (const AipRoute *route, const char *provider)
{
  for (guint i = 0; i < route->steps->len; i++)
    if (g_str_equal (g_array_index (route->steps, AipRouteStep, i).provider->config->name, provider))
      return TRUE;
  return FALSE;
}

/* Why a provider is not even on the route. */
static const char *
get_reason (const AipProviderConfig *config, const AipRouteRules *rules, const AipRouteQuery *query)
{
  const AipRouteProvider *provider = aip_route_rules_find_provider (rules, config->name);

  if (!config->enabled)
    return "it is disabled";
  if (provider == NULL)
    return "its dialect is not served by this version";
  if (query->provider != NULL && !g_str_equal (query->provider, config->name))
    return "another provider was asked for";
  if (!aip_route_provider_speaks (provider, query->protocol))
    return "it does not take requests in this protocol";
  return "it is not known to have this model";
}

static void
add_those_out (GPtrArray *list, guint max, const AipRoutePlan *plan, const AipRouteStep *step)
{
  for (guint i = 0; i < step->candidates->len && list->len < max; i++)
    {
      const AipCandidate *candidate = &g_array_index (step->candidates, AipCandidate, i);
      g_autofree char *reason = aip_route_plan_dup_reason (plan, candidate);

      if (reason != NULL)
        add (list, candidate->provider->name, get_key_name (candidate), step->model, reason);
    }
}

static void
add_rest_of_route (GPtrArray *list, guint max, const AipRoutePlan *plan, const AipRoute *route)
{
  for (guint i = 0; i < route->steps->len && list->len < max; i++)
    {
      const AipRouteStep *step = &g_array_index (route->steps, AipRouteStep, i);
      Out out = { list, max, step->provider->config->name, step->model };

      if ((step->protocols & (1u << plan->query->protocol)) == 0)
        {
          add (list, out.provider, NULL, out.model, "it does not take requests in this protocol");
          continue;
        }
      add_those_out (list, max, plan, step);
      aip_route_provider_explain (step->provider, step->model, out_cb, &out);
    }
}

static void
add_contexts (GPtrArray *list, const AipRouteRules *rules)
{
  for (guint i = 0; i < list->len; i++)
    {
      AipRouteExplanation *explanation = g_ptr_array_index (list, i);

      if (explanation->model != NULL)
        explanation->context = aip_route_rules_get_context (rules, explanation->model);
    }
}

/**
 * aip_route_explain:
 * @config: the config
 * @rules: who serves what
 * @plan: a plan for a query that names a model
 * @route: the steps that @rules make of it
 * @candidates: (element-type AipCandidate): what would be tried, in this order
 * @max: how many to explain
 *
 * Returns: (transfer full) (element-type AipRouteExplanation): the plan, then all that is not in it, and why
 */
GPtrArray *
aip_route_explain (const AipConfig *config,
                   const AipRouteRules *rules,
                   const AipRoutePlan *plan,
                   const AipRoute *route,
                   const GArray *candidates,
                   guint max)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) explanation_free);

  g_return_val_if_fail (
      config != NULL && rules != NULL && plan != NULL && route != NULL && candidates != NULL, list);

  for (guint i = 0; i < candidates->len && list->len < max; i++)
    add_candidate (list, &g_array_index (candidates, AipCandidate, i), plan->query->now_us);
  add_rest_of_route (list, max, plan, route);
  for (guint i = 0; i < config->providers->len && list->len < max; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (config->providers, i);

      if (!is_on_route (route, provider->name))
        add (list, provider->name, NULL, NULL, get_reason (provider, rules, plan->query));
    }
  add_contexts (list, rules);
  return list;
}
