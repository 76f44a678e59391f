/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-route-table.h"

static void
add_route (AipRouteTable *self, const AipRouteRules *rules, guint n_keys, const char *name)
{
  if (g_hash_table_contains (self->routes, name))
    return;

  const char *owned = g_string_chunk_insert (self->names, name);
  AipRoute *route = aip_route_make (rules, owned, NULL);

  route->balance = aip_balance_new (n_keys);

  for (guint i = 0; i < route->steps->len; i++)
    {
      const AipRouteStep *step = &g_array_index (route->steps, AipRouteStep, i);

      aip_route_provider_keep_candidates (step->provider, step->model, step->candidates);
    }

  g_hash_table_insert (self->routes, (void *) owned, route);
}

static void
add_routes (AipRouteTable *self, const AipRouteRules *rules, guint n_keys)
{
  GHashTableIter iter;
  void *name = NULL;

  self->names = g_string_chunk_new (4096);
  self->routes = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) aip_route_free);

  g_hash_table_iter_init (&iter, rules->aliases);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    add_route (self, rules, n_keys, name);

  for (guint i = 0; i < rules->providers->len; i++)
    {
      g_hash_table_iter_init (&iter, aip_route_rules_get_provider (rules, i)->names);
      while (g_hash_table_iter_next (&iter, &name, NULL))
        add_route (self, rules, n_keys, name);
    }
}

/**
 * aip_route_table_new:
 * @rules: who serves what; they must outlive the result
 * @n_keys: the highest AipCandidate.index, plus one
 *
 * Makes the routes of all aliases and of all names that a provider is known to have.
 *
 * Returns: (transfer full): the table
 */
AipRouteTable *
aip_route_table_new (const AipRouteRules *rules, guint n_keys)
{
  g_return_val_if_fail (rules != NULL, NULL);

  AipRouteTable *self = g_new0 (AipRouteTable, 1);

  add_routes (self, rules, n_keys);

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
  g_string_chunk_free (self->names);
  g_free (self);
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
