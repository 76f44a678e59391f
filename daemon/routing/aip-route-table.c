/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-route-table.h"

static void
add_names (GHashTable *slots, GHashTable *names)
{
  GHashTableIter iter;
  void *name = NULL;

  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (!g_hash_table_contains (slots, name))
      g_hash_table_insert (slots, name, GUINT_TO_POINTER (g_hash_table_size (slots)));
}

static GHashTable *
make_slots (const AipRouteRules *rules)
{
  GHashTable *slots = g_hash_table_new (g_str_hash, g_str_equal);

  add_names (slots, rules->aliases);
  for (guint i = 0; i < rules->providers->len; i++)
    add_names (slots, aip_route_rules_get_provider (rules, i)->names);
  return slots;
}

/* Whether the names of both are not only equal, but the very same. */
static gboolean
have_same_names (const AipRouteRules *a, const AipRouteRules *b)
{
  if (a->aliases != b->aliases || a->providers->len != b->providers->len)
    return FALSE;
  for (guint i = 0; i < a->providers->len; i++)
    if (aip_route_rules_get_provider (a, i)->names != aip_route_rules_get_provider (b, i)->names)
      return FALSE;
  return TRUE;
}

/**
 * aip_route_table_new:
 * @rules: who serves what; they must outlive the result
 * @n_keys: the highest AipCandidate.index, plus one
 * @old: (nullable): the table that was made before; its rules must still be there
 *
 * Makes room for the routes of all aliases and of all names that a provider is known to have.
 *
 * Returns: (transfer full): the table
 */
AipRouteTable *
aip_route_table_new (const AipRouteRules *rules, guint n_keys, const AipRouteTable *old)
{
  g_return_val_if_fail (rules != NULL, NULL);

  AipRouteTable *self = g_new0 (AipRouteTable, 1);

  self->rules = rules;
  self->n_keys = n_keys;
  self->slots =
      old != NULL && have_same_names (rules, old->rules) ? g_hash_table_ref (old->slots) : make_slots (rules);
  self->routes = g_new0 (AipRoute *, g_hash_table_size (self->slots));

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

  for (guint i = 0; i < g_hash_table_size (self->slots); i++)
    g_clear_pointer (&self->routes[i], aip_route_free);
  g_hash_table_unref (self->slots);
  g_free (self->routes);
  g_free (self);
}

static AipRoute *
make_route (const AipRouteTable *self, const char *name)
{
  AipRoute *route = aip_route_make (self->rules, name, NULL);

  route->balance = aip_balance_new (self->n_keys);

  for (guint i = 0; i < route->steps->len; i++)
    {
      const AipRouteStep *step = &g_array_index (route->steps, AipRouteStep, i);

      aip_route_provider_keep_candidates (step->provider, step->model, step->candidates);
    }

  return route;
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
  void *known = NULL;
  void *slot = NULL;

  g_return_val_if_fail (self != NULL && name != NULL, NULL);

  if (!g_hash_table_lookup_extended (self->slots, name, &known, &slot))
    return NULL;

  AipRoute **place = &self->routes[GPOINTER_TO_UINT (slot)];
  AipRoute *route = g_atomic_pointer_get (place);

  if (route != NULL)
    return route;

  /* @name is the caller's, @known lives as long as the rules do. */
  route = make_route (self, known);
  if (g_atomic_pointer_compare_and_exchange (place, NULL, route))
    return route;

  /* Another thread was first, and may have taken turns already. */
  aip_route_free (route);
  return g_atomic_pointer_get (place);
}
