/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-route-rules.h"

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

/* provider's name -> GArray of guint: which of the config's keys are its own; in one pass over them all. */
static GHashTable *
index_keys (const AipConfig *config)
{
  GHashTable *index = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_array_unref);

  for (guint i = 0; i < config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (config->keys, i);
      GArray *own = g_hash_table_lookup (index, key->provider);

      if (own == NULL)
        {
          own = g_array_new (FALSE, FALSE, sizeof (guint));
          g_hash_table_insert (index, key->provider, own);
        }
      g_array_append_val (own, i);
    }

  return index;
}

static void
add_providers (AipRouteRules *self,
               const AipConfig *config,
               const AipKeySecret *secrets,
               const GPtrArray *discovered,
               const GPtrArray *live)
{
  g_autoptr (GHashTable) keys = index_keys (config);

  self->providers = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_route_provider_free);

  for (guint i = 0; i < config->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (config->providers, i);
      AipRouteProvider *added =
          aip_route_provider_new (config, provider, g_hash_table_lookup (keys, provider->name), secrets,
                                  find_discovered (discovered, provider->name), live);

      if (added != NULL)
        g_ptr_array_add (self->providers, added);
    }

  /* GLib promises that equals keep their order. */
  g_ptr_array_sort (self->providers, compare_providers);

  if (config->routing.default_provider != NULL)
    self->default_provider = aip_route_rules_find_provider (self, config->routing.default_provider);
}

static void
add_aliases (AipRouteRules *self, const AipConfig *config)
{
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

  return provider->discovered ? 1 : 2;
}

static void
choose_for_unknown (AipRouteRules *self, AipProtocol protocol)
{
  guint best = 1;

  for (guint i = 0; i < self->providers->len; i++)
    best = MAX (best, get_unknown_grade (self, aip_route_rules_get_provider (self, i), protocol));

  for (guint i = 0; i < self->providers->len; i++)
    {
      AipRouteProvider *provider = g_ptr_array_index (self->providers, i);

      if (get_unknown_grade (self, provider, protocol) == best)
        provider->unknown_protocols |= 1u << protocol;
    }
}

/**
 * aip_route_rules_new:
 * @config: the config; it must outlive the result
 * @secrets: (array) (nullable): for each key of @config
 * @discovered: (nullable) (element-type AipDiscovered): the providers' own lists; copied
 * @live: (transfer full): what aip_live_keys_set_config () gave for @config
 *
 * Returns: (transfer full): the rules
 */
AipRouteRules *
aip_route_rules_new (const AipConfig *config,
                     const AipKeySecret *secrets,
                     const GPtrArray *discovered,
                     GPtrArray *live)
{
  g_return_val_if_fail (config != NULL, NULL);
  g_return_val_if_fail (secrets != NULL || config->keys->len == 0, NULL);

  AipRouteRules *self = g_new0 (AipRouteRules, 1);

  self->unknown_allowed = config->routing.allow_unknown_models || !config->routing.validate_models;
  self->live = live;
  add_providers (self, config, secrets, discovered, live);
  for (AipProtocol protocol = 0; protocol < AIP_N_PROTOCOLS; protocol++)
    choose_for_unknown (self, protocol);
  add_aliases (self, config);
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
  g_hash_table_unref (self->aliases);
  g_ptr_array_unref (self->providers);
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

  for (guint i = 0; i < self->providers->len; i++)
    if (g_str_equal (aip_route_rules_get_provider (self, i)->config->name, name))
      return aip_route_rules_get_provider (self, i);

  return NULL;
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
