/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-rights"

#include "policy/aip-rights.h"

#include "base/aip-error.h"
#include "base/aip-glob.h"

/* An empty list allows all. */
static gboolean
allow (const AipClient *client,
       AipRightsOwner owner,
       char *const *globs,
       const char *kind,
       const char *value,
       const char *setting,
       GError **error)
{
  static const char *const owners[AIP_N_RIGHTS] = { "client", "tenant" };
  const char *name = owner == AIP_RIGHTS_TENANT ? client->tenant : client->name;

  if (globs == NULL || globs[0] == NULL || aip_glob_match_any ((const char *const *) globs, value))
    return TRUE;
  g_set_error (error, AIP_ERROR, AIP_ERROR_FORBIDDEN,
               "%s `%s` may not use the %s `%s`: see `%s` in [%s %s] of aiproxy.conf", owners[owner], name,
               kind, value, setting, owners[owner], name);
  return FALSE;
}

static char **
get_models (const AipClient *client, AipRightsOwner owner)
{
  if (owner == AIP_RIGHTS_TENANT)
    return client->tenant_config != NULL ? client->tenant_config->models : NULL;
  return client->config != NULL ? client->config->models : NULL;
}

static char **
get_providers (const AipClient *client, AipRightsOwner owner)
{
  if (owner == AIP_RIGHTS_TENANT)
    return client->tenant_config != NULL ? client->tenant_config->allowed_providers : NULL;
  return client->config != NULL ? client->config->allowed_providers : NULL;
}

static char **
get_keys (const AipClient *client, AipRightsOwner owner)
{
  if (owner == AIP_RIGHTS_TENANT)
    return client->tenant_config != NULL ? client->tenant_config->allowed_keys : NULL;
  return client->config != NULL ? client->config->allowed_keys : NULL;
}

/**
 * aip_rights_get_providers:
 * @client: who asks
 * @owner: whose rights
 *
 * Returns: (transfer none) (nullable): globs: the providers that may serve it; NULL: all
 */
const char *const *
aip_rights_get_providers (const AipClient *client, AipRightsOwner owner)
{
  char **globs;

  g_return_val_if_fail (client != NULL, NULL);

  globs = get_providers (client, owner);
  return globs != NULL && globs[0] != NULL ? (const char *const *) globs : NULL;
}

/**
 * aip_rights_get_keys:
 * @client: who asks
 * @owner: whose rights
 *
 * Returns: (transfer none) (nullable): globs: the keys that may serve it; NULL: all
 */
const char *const *
aip_rights_get_keys (const AipClient *client, AipRightsOwner owner)
{
  char **globs;

  g_return_val_if_fail (client != NULL, NULL);

  globs = get_keys (client, owner);
  return globs != NULL && globs[0] != NULL ? (const char *const *) globs : NULL;
}

/**
 * aip_rights_allow_model:
 * @client: who asks
 * @model: the model's name as the client wrote it
 * @error: return location for an %AIP_ERROR_FORBIDDEN that names the setting to change
 *
 * Returns: whether the client's and its tenant's `models` allow it
 */
gboolean
aip_rights_allow_model (const AipClient *client, const char *model, GError **error)
{
  g_return_val_if_fail (client != NULL && model != NULL, FALSE);

  return allow (client, AIP_RIGHTS_CLIENT, get_models (client, AIP_RIGHTS_CLIENT), "model", model, "models",
                error) &&
         allow (client, AIP_RIGHTS_TENANT, get_models (client, AIP_RIGHTS_TENANT), "model", model, "models",
                error);
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

  return client->config == NULL || allow (client, AIP_RIGHTS_CLIENT, client->config->allowed_strategies,
                                          "strategy", strategy, "allowed-strategies", error);
}

/**
 * aip_rights_allow_provider:
 * @client: who asks
 * @provider: name of a provider that could serve it
 * @error: (optional): return location for an %AIP_ERROR_FORBIDDEN that names the setting to change
 *
 * Returns: whether the client's and its tenant's `allowed-providers` have it
 */
gboolean
aip_rights_allow_provider (const AipClient *client, const char *provider, GError **error)
{
  g_return_val_if_fail (client != NULL && provider != NULL, FALSE);

  return allow (client, AIP_RIGHTS_CLIENT, get_providers (client, AIP_RIGHTS_CLIENT), "provider", provider,
                "allowed-providers", error) &&
         allow (client, AIP_RIGHTS_TENANT, get_providers (client, AIP_RIGHTS_TENANT), "provider", provider,
                "allowed-providers", error);
}

/**
 * aip_rights_allow_key:
 * @client: who asks
 * @key: name of a key that could serve it
 * @error: (optional): return location for an %AIP_ERROR_FORBIDDEN that names the setting to change
 *
 * Returns: whether the client's and its tenant's `allowed-keys` have it
 */
gboolean
aip_rights_allow_key (const AipClient *client, const char *key, GError **error)
{
  g_return_val_if_fail (client != NULL && key != NULL, FALSE);

  return allow (client, AIP_RIGHTS_CLIENT, get_keys (client, AIP_RIGHTS_CLIENT), "key", key, "allowed-keys",
                error) &&
         allow (client, AIP_RIGHTS_TENANT, get_keys (client, AIP_RIGHTS_TENANT), "key", key, "allowed-keys",
                error);
}
