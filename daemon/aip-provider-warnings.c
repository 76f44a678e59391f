/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-daemon"

#include "aip-provider-warnings.h"

#include "wire/aip-dialect.h"

static void
warn_of_idle (const AipConfig *config)
{
  for (guint i = 0; i < config->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (config->providers, i);

      if (aip_dialect_find (provider->dialect) == NULL)
        g_warning ("provider %s is left out: the dialect %s is not served by this version", provider->name,
                   provider->dialect);
    }
}

/* Returns the names of providers that have keys; they belong to @config. */
static GHashTable *
collect_keyed (const AipConfig *config)
{
  GHashTable *names = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < config->keys->len; i++)
    g_hash_table_add (names, ((AipKeyConfig *) g_ptr_array_index (config->keys, i))->provider);
  return names;
}

/* A provider without keys is one that wants none, which is not what everybody means who takes a key away. */
static void
warn_of_lost_keys (const AipConfig *config, const AipConfig *before)
{
  g_autoptr (GHashTable) keyed_before = collect_keyed (before);
  g_autoptr (GHashTable) keyed = collect_keyed (config);

  for (guint i = 0; i < config->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (config->providers, i);

      if (provider->enabled && g_hash_table_contains (keyed_before, provider->name) &&
          !g_hash_table_contains (keyed, provider->name))
        g_warning ("provider %s has no key any more, and is asked without one; add a key, or disable it",
                   provider->name);
    }
}

/**
 * aip_provider_warnings_log:
 * @config: what is to be used
 * @before: (nullable): what was used until now
 *
 * Logs which providers of a valid configuration may not do what is wanted of them.
 */
void
aip_provider_warnings_log (const AipConfig *config, const AipConfig *before)
{
  g_return_if_fail (config != NULL);

  warn_of_idle (config);
  if (before != NULL)
    warn_of_lost_keys (config, before);
}
