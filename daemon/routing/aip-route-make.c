/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-route-make.h"

#include <string.h>

static const AipMappingConfig *
find_special (const AipRouteAlias *alias, const AipRouteProvider *provider)
{
  if (alias == NULL || alias->special == NULL)
    return NULL;

  for (guint i = 0; i < alias->special->len; i++)
    {
      const AipMappingConfig *mapping = g_ptr_array_index (alias->special, i);

      if (g_str_equal (mapping->provider, provider->config->name))
        return mapping;
    }

  return NULL;
}

/* One name on its way to becoming a route. */
typedef struct
{
  const AipRouteRules *rules;
  const AipRouteAlias *alias;   /* (nullable) */
  const AipRouteProvider *only; /* (nullable): no other provider counts */
  AipRoute *route;
} Build;

static gboolean
is_considered (const Build *build, const AipRouteProvider *provider)
{
  return (build->only == NULL || build->only == provider) && find_special (build->alias, provider) == NULL;
}

static void
add_step (const Build *build,
          guint rank,
          const AipRouteProvider *provider,
          guint protocols,
          const char *model)
{
  aip_route_add (build->route, rank, provider, protocols, model,
                 aip_route_rules_get_context (build->rules, model));
}

static gboolean
add_known (const Build *build, guint rank, const char *model, const AipRouteProvider *only)
{
  gboolean added = FALSE;

  for (guint i = 0; i < build->rules->providers->len; i++)
    {
      const AipRouteProvider *provider = aip_route_rules_get_provider (build->rules, i);

      if ((only != NULL && only != provider) || !is_considered (build, provider))
        continue;
      if (!aip_route_provider_knows (provider, model))
        continue;
      add_step (build, rank, provider, provider->dialect->protocols, model);
      added = TRUE;
    }

  return added;
}

/* A provider that is asked for by name gets what nobody knows, unless its own list rules that out. */
static guint
get_unknown_protocols (const AipRouteRules *rules, guint place, const AipRouteProvider *only)
{
  const AipRouteProvider *provider = aip_route_rules_get_provider (rules, place);

  if (only == NULL)
    return g_array_index (rules->unknown_protocols, guint, place);

  if (provider->closed || (provider->globs != NULL && provider != rules->default_provider))
    return 0;

  return provider->dialect->protocols;
}

static void
add_unknown (const Build *build, guint rank, const char *model, const AipRouteProvider *only)
{
  if (!build->rules->unknown_allowed)
    return;

  for (guint i = 0; i < build->rules->providers->len; i++)
    {
      const AipRouteProvider *provider = aip_route_rules_get_provider (build->rules, i);

      if ((only != NULL && only != provider) || !is_considered (build, provider))
        continue;

      guint protocols = get_unknown_protocols (build->rules, i, only);
      if (protocols != 0)
        add_step (build, rank, provider, protocols, model);
    }
}

/* Splits "provider/model"; FALSE: @name does not begin with a provider that counts. */
static gboolean
split_name (const AipRouteRules *rules,
            const char *name,
            const AipRouteProvider *only,
            const AipRouteProvider **provider,
            const char **model)
{
  const char *slash = strchr (name, '/');

  if (slash == NULL || slash == name || slash[1] == '\0')
    return FALSE;

  for (guint i = 0; i < rules->providers->len; i++)
    {
      const AipRouteProvider *candidate = aip_route_rules_get_provider (rules, i);
      gsize length = strlen (candidate->config->name);

      if (length != (gsize) (slash - name) || memcmp (candidate->config->name, name, length) != 0)
        continue;
      *provider = candidate;
      *model = slash + 1;
      return only == NULL || only == candidate;
    }

  return FALSE;
}

static void
add_target (const Build *build, guint rank, const char *model)
{
  const AipRouteProvider *provider = NULL;
  const char *rest = NULL;

  if (add_known (build, rank, model, build->only))
    return;

  if (!split_name (build->rules, model, build->only, &provider, &rest))
    add_unknown (build, rank, model, build->only);
  else if (!add_known (build, rank, rest, provider))
    add_unknown (build, rank, rest, provider);
}

/* A mapping for one provider is itself the statement that the provider serves its targets. */
static gboolean
add_special_targets (const Build *build)
{
  gboolean added = FALSE;

  for (guint i = 0; i < build->rules->providers->len; i++)
    {
      const AipRouteProvider *provider = aip_route_rules_get_provider (build->rules, i);
      const AipMappingConfig *mapping = find_special (build->alias, provider);

      if (mapping == NULL || (build->only != NULL && build->only != provider))
        continue;
      for (guint rank = 0; mapping->targets[rank] != NULL; rank++)
        add_step (build, rank, provider, provider->dialect->protocols, mapping->targets[rank]);
      added = TRUE;
    }

  return added;
}

static gboolean
is_known (const AipRouteRules *rules, const char *name, const AipRouteProvider *only)
{
  for (guint i = 0; i < rules->providers->len; i++)
    {
      const AipRouteProvider *provider = aip_route_rules_get_provider (rules, i);

      if ((only == NULL || only == provider) && aip_route_provider_knows (provider, name))
        return TRUE;
    }

  return FALSE;
}

static const AipStrategy *
find_strategy (const AipMappingConfig *mapping)
{
  return mapping != NULL && mapping->strategy != NULL ? aip_strategy_find (mapping->strategy) : NULL;
}

/* The mapping for all providers counts for more than those for one, unless that is the only one asked for. */
static const AipStrategy *
choose_strategy (const Build *build)
{
  const AipStrategy *strategy = NULL;

  if (build->alias == NULL)
    return NULL;
  if (build->only == NULL)
    strategy = find_strategy (build->alias->general);

  const GPtrArray *special = build->alias->special;
  for (guint i = 0; special != NULL && i < special->len && strategy == NULL; i++)
    {
      const AipMappingConfig *mapping = g_ptr_array_index (special, i);

      if (build->only == NULL || g_str_equal (mapping->provider, build->only->config->name))
        strategy = find_strategy (mapping);
    }
  return strategy != NULL ? strategy : find_strategy (build->alias->general);
}

/**
 * aip_route_make:
 * @rules: who serves what
 * @name: the client's name for a model; it must outlive the result
 * @only: (nullable): the only provider that counts
 *
 * Finds out who serves @name: what a mapping says, else providers that are known to have it, else the
 * provider that it begins with ("provider/model"), else, where that is allowed, those of whom too little is
 * known to rule it out.
 *
 * Returns: (transfer full): the route; without steps: nobody
 */
AipRoute *
aip_route_make (const AipRouteRules *rules, const char *name, const AipRouteProvider *only)
{
  g_return_val_if_fail (rules != NULL && name != NULL, NULL);

  const AipRouteAlias *alias = g_hash_table_lookup (rules->aliases, name);
  const AipRouteProvider *provider = NULL;
  const char *rest = NULL;

  if (alias == NULL && !is_known (rules, name, only) && split_name (rules, name, only, &provider, &rest))
    {
      name = rest;
      only = provider;
      alias = g_hash_table_lookup (rules->aliases, name);
    }

  Build build = { .rules = rules, .alias = alias, .only = only, .route = aip_route_new () };
  gboolean known = add_special_targets (&build);

  if (alias != NULL && alias->general != NULL)
    for (guint rank = 0; alias->general->targets[rank] != NULL; rank++)
      add_target (&build, rank, alias->general->targets[rank]);
  else if (known)
    add_known (&build, 0, name, only);
  else
    add_target (&build, 0, name);

  build.route->strategy = choose_strategy (&build);
  aip_route_sort (build.route);

  return build.route;
}
