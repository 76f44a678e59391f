/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include <errno.h>
#include <unistd.h>

#include "base/aip-glob.h"
#include "config/aip-config-draft.h"

static void
check_key_file (AipConfigDraft *draft, const char *key, const char *path)
{
  if (path != NULL && access (path, R_OK) != 0)
    aip_config_draft_report (draft, TRUE, "jwt", key,
                             "cannot be read: %s; write the path of a file that this user may read",
                             g_strerror (errno));
}

static gboolean
is_allowed (const AipJwtConfig *jwt, const char *algorithm)
{
  return jwt->algorithms[0] == NULL || g_strv_contains ((const char *const *) jwt->algorithms, algorithm);
}

/* Without the two, tokens that the same issuer made for other services would open this one. */
static void
check_jwt (AipConfigDraft *draft, const AipConfig *config)
{
  const AipJwtConfig *jwt = &config->jwt;
  const char *key = jwt->secret.name != NULL ? "secret" : jwt->key_file != NULL ? "key-file" : "jwks-file";

  if (!aip_config_accepts_jwt (config))
    {
      if (jwt->issuer != NULL || jwt->audience[0] != NULL)
        aip_config_draft_report (draft, FALSE, "jwt", NULL,
                                 "is not used, as there is no key; set secret, key-file or jwks-file");
      return;
    }
  if (jwt->issuer == NULL)
    aip_config_draft_report (draft, TRUE, "jwt", key, "needs issuer too; write what the tokens' iss is");
  if (jwt->audience[0] == NULL)
    aip_config_draft_report (draft, TRUE, "jwt", key, "needs audience too; write what the tokens' aud is");
  if (jwt->secret.name != NULL && !is_allowed (jwt, "HS256"))
    aip_config_draft_report (draft, TRUE, "jwt", "secret", "is for HS256 alone; add it to algorithms");
  if (jwt->secret.name == NULL && !is_allowed (jwt, "RS256") && !is_allowed (jwt, "ES256"))
    aip_config_draft_report (draft, TRUE, "jwt", key, "is for RS256 and ES256; add one to algorithms");
  if (*jwt->claim_client == '\0')
    aip_config_draft_report (draft, TRUE, "jwt", "claim-client", "is empty; write a claim such as sub");
  if (jwt->key_file != NULL && jwt->jwks_file != NULL)
    aip_config_draft_report (draft, TRUE, "jwt", "key-file", "contradicts jwks-file; keep one of them");
  check_key_file (draft, "key-file", jwt->key_file);
  check_key_file (draft, "jwks-file", jwt->jwks_file);
}

static void
check_names (AipConfigDraft *draft,
             const char *group,
             const char *key,
             char *const *globs,
             const GPtrArray *elements)
{
  for (guint i = 0; globs[i] != NULL; i++)
    {
      gboolean found = !aip_glob_is_exact (globs[i]);

      /* Every struct of a named group begins with its name. */
      for (guint j = 0; j < elements->len && !found; j++)
        found = g_str_equal (*(char **) g_ptr_array_index (elements, j), globs[i]);
      if (!found)
        aip_config_draft_report (draft, FALSE, group, key, "has %s, which there is not", globs[i]);
    }
}

/**
 * aip_config_check_policy:
 * @draft: what was read
 * @config: what became of it
 *
 * Checks what belongs together in [jwt] and [redis], and whether what clients are held to is there.
 */
void
aip_config_check_policy (AipConfigDraft *draft, const AipConfig *config)
{
  g_assert (draft != NULL && config != NULL);

  check_jwt (draft, config);
  if (config->redis.password.name != NULL && config->redis.url == NULL)
    aip_config_draft_report (draft, FALSE, "redis", "password", "is not used, as there is no url");
  for (guint i = 0; i < config->clients->len; i++)
    {
      const AipClientConfig *client = g_ptr_array_index (config->clients, i);
      g_autofree char *group = g_strconcat ("client ", client->name, NULL);

      check_names (draft, group, "allowed-providers", client->allowed_providers, config->providers);
      check_names (draft, group, "allowed-keys", client->allowed_keys, config->keys);
    }
  for (guint i = 0; i < config->tenants->len; i++)
    {
      const AipTenantConfig *tenant = g_ptr_array_index (config->tenants, i);
      g_autofree char *group = g_strconcat ("tenant ", tenant->name, NULL);

      check_names (draft, group, "allowed-providers", tenant->allowed_providers, config->providers);
      check_names (draft, group, "allowed-keys", tenant->allowed_keys, config->keys);
    }
}
