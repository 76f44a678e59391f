/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-route-rules.h"

#include <string.h>

static void
alias_free (AipRouteAlias *alias)
{
  g_clear_pointer (&alias->special, g_ptr_array_unref);
  g_free (alias);
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

static gboolean
are_same (const GPtrArray *a, const GPtrArray *b)
{
  return a->len == b->len && (a->len == 0 || memcmp (a->pdata, b->pdata, a->len * sizeof (void *)) == 0);
}

static gboolean
are_of_same_providers (const GPtrArray *a, const GPtrArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++)
    {
      const AipKeyConfig *left = g_ptr_array_index (a, i);
      const AipKeyConfig *right = g_ptr_array_index (b, i);

      if (left != right && !g_str_equal (left->provider, right->provider))
        return FALSE;
    }
  return TRUE;
}

/* provider's name -> GArray of guint: which of the config's keys are its own; in one pass over them all. */
static GHashTable *
index_keys (const AipConfig *config)
{
  GHashTable *index = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_array_unref);

  for (guint i = 0; i < config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (config->keys, i);
      GArray *own = g_hash_table_lookup (index, key->provider);

      if (own == NULL)
        {
          own = g_array_new (FALSE, FALSE, sizeof (guint));
          g_hash_table_insert (index, g_strdup (key->provider), own);
        }
      g_array_append_val (own, i);
    }

  return index;
}

static AipRouteProvider *
find_provider (const AipRouteRules *self, const char *name)
{
  for (guint i = 0; i < self->providers->len; i++)
    {
      AipRouteProvider *provider = g_ptr_array_index (self->providers, i);

      if (g_str_equal (provider->config->name, name))
        return provider;
    }

  return NULL;
}

/* Returns: (transfer full) (nullable) */
static AipRouteProvider *
make_provider (const AipRouteRules *self, const AipRouteInput *input, guint place, const AipRouteRules *old)
{
  const char *name = ((AipProviderConfig *) g_ptr_array_index (input->config->providers, place))->name;
  const char *const *discovered = find_discovered (input->discovered, name);
  const GArray *keys = g_hash_table_lookup (self->own_keys, name);
  AipRouteProvider *known = old != NULL ? find_provider (old, name) : NULL;

  /* Lists of candidates are kept by the models that mappings lead to, and go when these do. */
  if (known != NULL && (!known->restricted || self->aliases == old->aliases) &&
      aip_route_provider_is_made_of (known, input, place, keys, discovered))
    return aip_route_provider_ref (known);
  return aip_route_provider_new (input, place, keys, discovered, known);
}

static void
add_providers (AipRouteRules *self, const AipRouteInput *input, const AipRouteRules *old)
{
  const AipConfig *config = input->config;

  self->own_keys = old != NULL && are_of_same_providers (config->keys, old->config->keys)
                       ? g_hash_table_ref (old->own_keys)
                       : index_keys (config);
  self->providers = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_route_provider_unref);

  for (guint i = 0; i < config->providers->len; i++)
    {
      AipRouteProvider *added = make_provider (self, input, i, old);

      if (added != NULL)
        g_ptr_array_add (self->providers, added);
    }

  /* GLib promises that equals keep their order. */
  g_ptr_array_sort (self->providers, compare_providers);

  if (config->routing.default_provider != NULL)
    self->default_provider = find_provider (self, config->routing.default_provider);
}

static void
add_aliases (AipRouteRules *self, const AipConfig *config, const AipRouteRules *old)
{
  if (old != NULL && are_same (config->mappings, old->config->mappings))
    {
      self->aliases = g_hash_table_ref (old->aliases);
      return;
    }

  self->aliases = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) alias_free);

  for (guint i = 0; i < config->mappings->len; i++)
    {
      const AipMappingConfig *mapping = g_ptr_array_index (config->mappings, i);
      AipRouteAlias *alias = g_hash_table_lookup (self->aliases, mapping->alias);

      if (alias == NULL)
        {
          alias = g_new0 (AipRouteAlias, 1);
          g_hash_table_insert (self->aliases, mapping->alias, alias);
        }

      if (mapping->provider == NULL)
        {
          alias->general = mapping;
          continue;
        }
      if (alias->special == NULL)
        alias->special = g_ptr_array_new ();
      g_ptr_array_add (alias->special, (void *) mapping);
    }
}

static void
add_contexts (AipRouteRules *self, const AipConfig *config)
{
  for (guint i = 0; i < config->models->len; i++)
    {
      AipModelConfig *model = g_ptr_array_index (config->models, i);

      if (model->context == 0)
        continue;
      if (self->contexts == NULL)
        self->contexts = g_hash_table_new (g_str_hash, g_str_equal);
      g_hash_table_insert (self->contexts, model->name, model);
    }
}

/* How much a provider is wanted for models that nobody knows; 0: not at all. */
static guint
get_unknown_grade (const AipRouteRules *self, const AipRouteProvider *provider, AipProtocol protocol)
{
  if (provider->closed || !aip_route_provider_speaks (provider, protocol))
    return 0;
  if (provider == self->default_provider)
    return 3;
  if (provider->globs != NULL)
    return 0;

  return provider->discovered != NULL ? 1 : 2;
}

static void
choose_for_unknown (AipRouteRules *self, AipProtocol protocol)
{
  guint best = 1;

  for (guint i = 0; i < self->providers->len; i++)
    best = MAX (best, get_unknown_grade (self, aip_route_rules_get_provider (self, i), protocol));

  for (guint i = 0; i < self->providers->len; i++)
    if (get_unknown_grade (self, aip_route_rules_get_provider (self, i), protocol) == best)
      g_array_index (self->unknown_protocols, guint, i) |= 1u << protocol;
}

/**
 * aip_route_rules_new:
 * @input: what to make them of; the config must outlive the result
 * @old: (nullable): those that were made before; their config must still be there
 *
 * Returns: (transfer full): the rules; they share with @old what is the same
 */
AipRouteRules *
aip_route_rules_new (const AipRouteInput *input, const AipRouteRules *old)
{
  g_return_val_if_fail (input != NULL, NULL);
  g_return_val_if_fail (input->secrets != NULL || input->config->keys->len == 0, NULL);

  AipRouteRules *self = g_new0 (AipRouteRules, 1);
  const AipConfig *config = input->config;

  self->config = config;
  self->unknown_allowed = config->routing.allow_unknown_models || !config->routing.validate_models;
  self->live = g_ptr_array_ref (input->live);
  add_aliases (self, config, old);
  add_providers (self, input, old);
  self->unknown_protocols = g_array_new (FALSE, TRUE, sizeof (guint));
  g_array_set_size (self->unknown_protocols, self->providers->len);
  for (AipProtocol protocol = 0; protocol < AIP_N_PROTOCOLS; protocol++)
    choose_for_unknown (self, protocol);
  add_contexts (self, config);

  return self;
}

/**
 * aip_route_rules_free:
 * @self: (transfer full): the rules
 */
void
aip_route_rules_free (AipRouteRules *self)
{
  g_return_if_fail (self != NULL);

  g_clear_pointer (&self->contexts, g_hash_table_unref);
  g_array_unref (self->unknown_protocols);
  g_ptr_array_unref (self->providers);
  g_hash_table_unref (self->own_keys);
  g_hash_table_unref (self->aliases);
  g_ptr_array_unref (self->live);
  g_free (self);
}

/**
 * aip_route_rules_get_provider:
 * @self: the rules
 * @index: a place in their providers
 *
 * Returns: (transfer none): the provider
 */
const AipRouteProvider *
aip_route_rules_get_provider (const AipRouteRules *self, guint index)
{
  g_return_val_if_fail (self != NULL && index < self->providers->len, NULL);

  return g_ptr_array_index (self->providers, index);
}

/**
 * aip_route_rules_find_provider:
 * @self: the rules
 * @name: a provider's name
 *
 * Returns: (transfer none) (nullable): the provider, if it is in use
 */
const AipRouteProvider *
aip_route_rules_find_provider (const AipRouteRules *self, const char *name)
{
  g_return_val_if_fail (self != NULL && name != NULL, NULL);

  return find_provider (self, name);
}

/**
 * aip_route_rules_find_fixed_provider:
 * @self: the rules
 * @protocol: what the client speaks
 *
 * Files and batches live at one provider, so requests that name no model must all go to the same: the default
 * provider, else the first that speaks @protocol.
 *
 * Returns: (transfer none) (nullable): the provider
 */
const AipRouteProvider *
aip_route_rules_find_fixed_provider (const AipRouteRules *self, AipProtocol protocol)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (self->default_provider != NULL && aip_route_provider_speaks (self->default_provider, protocol))
    return self->default_provider;

  for (guint i = 0; i < self->providers->len; i++)
    if (aip_route_provider_speaks (aip_route_rules_get_provider (self, i), protocol))
      return aip_route_rules_get_provider (self, i);

  return NULL;
}

/**
 * aip_route_rules_get_context:
 * @self: the rules
 * @model: a provider's name for a model
 *
 * Returns: how many tokens fit into it, as its `context` in the configuration says; 0: not known
 */
guint
aip_route_rules_get_context (const AipRouteRules *self, const char *model)
{
  const AipModelConfig *found;

  g_return_val_if_fail (self != NULL && model != NULL, 0);

  found = self->contexts != NULL ? g_hash_table_lookup (self->contexts, model) : NULL;
  return found != NULL ? found->context : 0;
}
