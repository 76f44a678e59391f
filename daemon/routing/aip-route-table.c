/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-route-table.h"

#include <string.h>

struct _AipRouteTable
{
  const AipConfig *config;
  gboolean unknown_allowed;
  GPtrArray *providers;                     /* of AipRouteProvider, lower priority first */
  const AipRouteProvider *default_provider; /* (nullable) */
  GHashTable *aliases;                      /* name -> Alias; the names belong to the config */
  GHashTable *routes;                       /* name -> AipRoute */
  GStringChunk *strings;                    /* the names in routes */
};

/* What the config says about one alias. */
typedef struct
{
  const AipMappingConfig *general; /* (nullable) */
  GPtrArray *special;              /* of AipMappingConfig, each for one provider */
} Alias;

static void
alias_free (Alias *alias)
{
  g_ptr_array_unref (alias->special);
  g_free (alias);
}

static const AipMappingConfig *
alias_find_special (const Alias *alias, const AipRouteProvider *provider)
{
  if (alias == NULL)
    return NULL;

  for (guint i = 0; i < alias->special->len; i++)
    {
      const AipMappingConfig *mapping = g_ptr_array_index (alias->special, i);

      if (g_str_equal (mapping->provider, provider->config->name))
        return mapping;
    }

  return NULL;
}

static const AipRouteProvider *
get_provider (const AipRouteTable *self, guint index)
{
  return g_ptr_array_index (self->providers, index);
}

/* One name on its way to becoming a route. */
typedef struct
{
  const AipRouteTable *table;
  const Alias *alias;           /* (nullable) */
  const AipRouteProvider *only; /* (nullable): no other provider counts */
  AipRoute *route;
} Build;

static gboolean
is_considered (const Build *build, const AipRouteProvider *provider)
{
  return (build->only == NULL || build->only == provider) &&
         alias_find_special (build->alias, provider) == NULL;
}

static gboolean
add_known (const Build *build, guint rank, const char *model, const AipRouteProvider *only)
{
  gboolean added = FALSE;

  for (guint i = 0; i < build->table->providers->len; i++)
    {
      const AipRouteProvider *provider = get_provider (build->table, i);

      if ((only != NULL && only != provider) || !is_considered (build, provider))
        continue;
      if (!aip_route_provider_knows (provider, model))
        continue;
      aip_route_add (build->route, rank, provider, provider->dialect->protocols, model);
      added = TRUE;
    }

  return added;
}

/* A provider that is asked for by name gets what nobody knows, unless its own list rules that out. */
static guint
get_unknown_protocols (const AipRouteTable *self,
                       const AipRouteProvider *provider,
                       const AipRouteProvider *only)
{
  if (only == NULL)
    return provider->unknown_protocols;

  if (provider->closed || (provider->globs != NULL && provider != self->default_provider))
    return 0;

  return provider->dialect->protocols;
}

static void
add_unknown (const Build *build, guint rank, const char *model, const AipRouteProvider *only)
{
  if (!build->table->unknown_allowed)
    return;

  for (guint i = 0; i < build->table->providers->len; i++)
    {
      const AipRouteProvider *provider = get_provider (build->table, i);

      if ((only != NULL && only != provider) || !is_considered (build, provider))
        continue;

      guint protocols = get_unknown_protocols (build->table, provider, only);
      if (protocols != 0)
        aip_route_add (build->route, rank, provider, protocols, model);
    }
}

/* Splits "provider/model"; FALSE: @name does not begin with a provider that counts. */
static gboolean
split_name (const AipRouteTable *self,
            const char *name,
            const AipRouteProvider *only,
            const AipRouteProvider **provider,
            const char **model)
{
  const char *slash = strchr (name, '/');

  if (slash == NULL || slash == name || slash[1] == '\0')
    return FALSE;

  for (guint i = 0; i < self->providers->len; i++)
    {
      const AipRouteProvider *candidate = get_provider (self, i);
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

  if (!split_name (build->table, model, build->only, &provider, &rest))
    add_unknown (build, rank, model, build->only);
  else if (!add_known (build, rank, rest, provider))
    add_unknown (build, rank, rest, provider);
}

/* A mapping for one provider is itself the statement that the provider serves its targets. */
static gboolean
add_special_targets (const Build *build)
{
  gboolean added = FALSE;

  for (guint i = 0; i < build->table->providers->len; i++)
    {
      const AipRouteProvider *provider = get_provider (build->table, i);
      const AipMappingConfig *mapping = alias_find_special (build->alias, provider);

      if (mapping == NULL || (build->only != NULL && build->only != provider))
        continue;
      for (guint rank = 0; mapping->targets[rank] != NULL; rank++)
        aip_route_add (build->route, rank, provider, provider->dialect->protocols, mapping->targets[rank]);
      added = TRUE;
    }

  return added;
}

static gboolean
is_known (const AipRouteTable *self, const char *name, const AipRouteProvider *only)
{
  for (guint i = 0; i < self->providers->len; i++)
    {
      const AipRouteProvider *provider = get_provider (self, i);

      if ((only == NULL || only == provider) && aip_route_provider_knows (provider, name))
        return TRUE;
    }

  return FALSE;
}

/**
 * aip_route_table_make:
 * @self: the table
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
aip_route_table_make (const AipRouteTable *self, const char *name, const AipRouteProvider *only)
{
  g_return_val_if_fail (self != NULL && name != NULL, NULL);

  const Alias *alias = g_hash_table_lookup (self->aliases, name);
  const AipRouteProvider *provider = NULL;
  const char *rest = NULL;

  if (alias == NULL && !is_known (self, name, only) && split_name (self, name, only, &provider, &rest))
    return aip_route_table_make (self, rest, provider);

  Build build = { .table = self, .alias = alias, .only = only, .route = aip_route_new () };
  gboolean known = add_special_targets (&build);

  if (alias != NULL && alias->general != NULL)
    for (guint rank = 0; alias->general->targets[rank] != NULL; rank++)
      add_target (&build, rank, alias->general->targets[rank]);
  else if (known)
    add_known (&build, 0, name, only);
  else
    add_target (&build, 0, name);

  aip_route_sort (build.route);

  return build.route;
}

static int
compare_providers (const void *a, const void *b)
{
  int left = (*(AipRouteProvider *const *) a)->config->priority;
  int right = (*(AipRouteProvider *const *) b)->config->priority;

  return (left > right) - (left < right);
}

static const char *const *
find_discovered (const GPtrArray *discovered, const char *provider)
{
  for (guint i = 0; discovered != NULL && i < discovered->len; i++)
    {
      const AipDiscovered *list = g_ptr_array_index (discovered, i);

      if (g_str_equal (list->provider, provider))
        return (const char *const *) list->models;
    }

  return NULL;
}

static void
add_providers (AipRouteTable *self, const AipKeySecret *secrets, const GPtrArray *discovered)
{
  const AipConfig *config = self->config;

  self->providers = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_route_provider_free);

  for (guint i = 0; i < config->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (config->providers, i);
      AipRouteProvider *added =
          aip_route_provider_new (config, provider, secrets, find_discovered (discovered, provider->name));

      if (added != NULL)
        g_ptr_array_add (self->providers, added);
    }

  /* GLib promises that equals keep their order. */
  g_ptr_array_sort (self->providers, compare_providers);

  if (config->routing.default_provider != NULL)
    self->default_provider = aip_route_table_find_provider (self, config->routing.default_provider);
}

static void
add_aliases (AipRouteTable *self)
{
  self->aliases = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) alias_free);

  for (guint i = 0; i < self->config->mappings->len; i++)
    {
      const AipMappingConfig *mapping = g_ptr_array_index (self->config->mappings, i);
      Alias *alias = g_hash_table_lookup (self->aliases, mapping->alias);

      if (alias == NULL)
        {
          alias = g_new0 (Alias, 1);
          alias->special = g_ptr_array_new ();
          g_hash_table_insert (self->aliases, mapping->alias, alias);
        }

      if (mapping->provider == NULL)
        alias->general = mapping;
      else
        g_ptr_array_add (alias->special, (void *) mapping);
    }
}

/* How much a provider is wanted for models that nobody knows; 0: not at all. */
static guint
get_unknown_grade (const AipRouteTable *self, const AipRouteProvider *provider, AipProtocol protocol)
{
  if (provider->closed || !aip_route_provider_speaks (provider, protocol))
    return 0;
  if (provider == self->default_provider)
    return 3;
  if (provider->globs != NULL)
    return 0;

  return provider->discovered ? 1 : 2;
}

static void
choose_for_unknown (AipRouteTable *self, AipProtocol protocol)
{
  guint best = 1;

  for (guint i = 0; i < self->providers->len; i++)
    best = MAX (best, get_unknown_grade (self, get_provider (self, i), protocol));

  for (guint i = 0; i < self->providers->len; i++)
    {
      AipRouteProvider *provider = g_ptr_array_index (self->providers, i);

      if (get_unknown_grade (self, provider, protocol) == best)
        provider->unknown_protocols |= 1u << protocol;
    }
}

static void
add_route (AipRouteTable *self, const char *name)
{
  if (g_hash_table_contains (self->routes, name))
    return;

  const char *owned = g_string_chunk_insert (self->strings, name);

  g_hash_table_insert (self->routes, (void *) owned, aip_route_table_make (self, owned, NULL));
}

static void
add_routes (AipRouteTable *self)
{
  GHashTableIter iter;
  void *name = NULL;

  self->strings = g_string_chunk_new (4096);
  self->routes = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) aip_route_free);

  g_hash_table_iter_init (&iter, self->aliases);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    add_route (self, name);

  for (guint i = 0; i < self->providers->len; i++)
    {
      g_hash_table_iter_init (&iter, get_provider (self, i)->names);
      while (g_hash_table_iter_next (&iter, &name, NULL))
        add_route (self, name);
    }
}

/**
 * aip_route_table_new:
 * @config: the config; it must outlive the result
 * @secrets: (array): for each key of @config
 * @discovered: (nullable) (element-type AipDiscovered): the providers' own lists
 *
 * Returns: (transfer full): the table
 */
AipRouteTable *
aip_route_table_new (const AipConfig *config, const AipKeySecret *secrets, const GPtrArray *discovered)
{
  g_return_val_if_fail (config != NULL, NULL);
  g_return_val_if_fail (secrets != NULL || config->keys->len == 0, NULL);

  AipRouteTable *self = g_new0 (AipRouteTable, 1);

  self->config = config;
  self->unknown_allowed = config->routing.allow_unknown_models || !config->routing.validate_models;
  add_providers (self, secrets, discovered);
  for (AipProtocol protocol = 0; protocol < AIP_N_PROTOCOLS; protocol++)
    choose_for_unknown (self, protocol);
  add_aliases (self);
  add_routes (self);

  return self;
}

/**
 * aip_route_table_free:
 * @self: (transfer full): the table
 */
void
aip_route_table_free (AipRouteTable *self)
{
  g_return_if_fail (self != NULL);

  g_hash_table_unref (self->routes);
  g_hash_table_unref (self->aliases);
  g_string_chunk_free (self->strings);
  g_ptr_array_unref (self->providers);
  g_free (self);
}

/**
 * aip_route_table_get_providers:
 * @self: the table
 *
 * Returns: (transfer none) (element-type AipRouteProvider): the providers in use, lower priority first
 */
const GPtrArray *
aip_route_table_get_providers (const AipRouteTable *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->providers;
}

/**
 * aip_route_table_get_routes:
 * @self: the table
 *
 * Returns: (transfer none) (element-type utf8 AipRoute): the routes of all names that are known exactly; not
 * to be changed
 */
GHashTable *
aip_route_table_get_routes (const AipRouteTable *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->routes;
}

/**
 * aip_route_table_find_provider:
 * @self: the table
 * @name: a provider's name
 *
 * Returns: (transfer none) (nullable): the provider, if it is in use
 */
const AipRouteProvider *
aip_route_table_find_provider (const AipRouteTable *self, const char *name)
{
  g_return_val_if_fail (self != NULL && name != NULL, NULL);

  for (guint i = 0; i < self->providers->len; i++)
    if (g_str_equal (get_provider (self, i)->config->name, name))
      return get_provider (self, i);

  return NULL;
}

/**
 * aip_route_table_find_fixed_provider:
 * @self: the table
 * @protocol: what the client speaks
 *
 * Files and batches live at one provider, so requests that name no model must all go to the same: the default
 * provider, else the first that speaks @protocol.
 *
 * Returns: (transfer none) (nullable): the provider
 */
const AipRouteProvider *
aip_route_table_find_fixed_provider (const AipRouteTable *self, AipProtocol protocol)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (self->default_provider != NULL && aip_route_provider_speaks (self->default_provider, protocol))
    return self->default_provider;

  for (guint i = 0; i < self->providers->len; i++)
    if (aip_route_provider_speaks (get_provider (self, i), protocol))
      return get_provider (self, i);

  return NULL;
}

/**
 * aip_route_table_find:
 * @self: the table
 * @name: the client's name for a model
 *
 * Returns: (transfer none) (nullable): the route for @name, if it is known exactly
 */
AipRoute *
aip_route_table_find (const AipRouteTable *self, const char *name)
{
  g_return_val_if_fail (self != NULL && name != NULL, NULL);

  return g_hash_table_lookup (self->routes, name);
}
