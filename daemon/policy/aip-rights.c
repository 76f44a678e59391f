/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-rights"

#include "policy/aip-rights.h"

#include "base/aip-error.h"
#include "base/aip-glob.h"

/* An empty list allows all. */
static gboolean
allow (const AipClient *client,
       char *const *globs,
       const char *kind,
       const char *value,
       const char *setting,
       GError **error)
{
  if (globs[0] == NULL || aip_glob_match_any ((const char *const *) globs, value))
    return TRUE;
  g_set_error (error, AIP_ERROR, AIP_ERROR_FORBIDDEN,
               "client `%s` may not use the %s `%s`: see `%s` in [client %s] of aiproxy.conf", client->name,
               kind, value, setting, client->name);
  return FALSE;
}

/**
 * aip_rights_allow_model:
 * @client: who asks
 * @model: the model's name as the client wrote it
 * @error: return location for an %AIP_ERROR_FORBIDDEN that names the setting to change
 *
 * Returns: whether the client's `models` allow it
 */
gboolean
aip_rights_allow_model (const AipClient *client, const char *model, GError **error)
{
  g_return_val_if_fail (client != NULL && model != NULL, FALSE);

  return client->config == NULL || allow (client, client->config->models, "model", model, "models", error);
}

/**
 * aip_rights_allow_strategy:
 * @client: who asks
 * @strategy: what it asks for with X-Proxy-Strategy
 * @error: return location for an %AIP_ERROR_FORBIDDEN that names the setting to change
 *
 * Returns: whether the client's `allowed-strategies` have it
 */
gboolean
aip_rights_allow_strategy (const AipClient *client, const char *strategy, GError **error)
{
  g_return_val_if_fail (client != NULL && strategy != NULL, FALSE);

  return client->config == NULL || allow (client, client->config->allowed_strategies, "strategy", strategy,
                                          "allowed-strategies", error);
}

/**
 * aip_rights_allow_provider:
 * @client: who asks
 * @provider: name of a provider that could serve it
 * @error: (optional): return location for an %AIP_ERROR_FORBIDDEN that names the setting to change
 *
 * Returns: whether the client's `allowed-providers` have it
 */
gboolean
aip_rights_allow_provider (const AipClient *client, const char *provider, GError **error)
{
  g_return_val_if_fail (client != NULL && provider != NULL, FALSE);

  return client->config == NULL ||
         allow (client, client->config->allowed_providers, "provider", provider, "allowed-providers", error);
}

/**
 * aip_rights_allow_key:
 * @client: who asks
 * @key: name of a key that could serve it
 * @error: (optional): return location for an %AIP_ERROR_FORBIDDEN that names the setting to change
 *
 * Returns: whether the client's `allowed-keys` have it
 */
gboolean
aip_rights_allow_key (const AipClient *client, const char *key, GError **error)
{
  g_return_val_if_fail (client != NULL && key != NULL, FALSE);

  return client->config == NULL ||
         allow (client, client->config->allowed_keys, "key", key, "allowed-keys", error);
}
