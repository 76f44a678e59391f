/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/aip-placeholder.h"
#include "config/aip-config-draft.h"
#include "config/aip-config-suggest.h"
#include "config/aip-config-values.h"

/* Every struct of a named group begins with its name. */
static const char *
get_name (const GPtrArray *elements, guint index)
{
  return *(char **) g_ptr_array_index (elements, index);
}

static gboolean
has_name (const GPtrArray *elements, const char *name)
{
  for (guint i = 0; i < elements->len; i++)
    if (g_str_equal (get_name (elements, i), name))
      return TRUE;
  return FALSE;
}

/* @name, the value of the setting @key in @group, must be one of @elements. */
static void
check_reference (AipConfigDraft *draft,
                 const char *group,
                 const char *key,
                 const char *kind,
                 const GPtrArray *elements,
                 const char *name)
{
  g_autoptr (GPtrArray) names = NULL;
  g_autofree char *hint = NULL;

  if (name == NULL || has_name (elements, name))
    return;
  names = g_ptr_array_new ();
  for (guint i = 0; i < elements->len; i++)
    g_ptr_array_add (names, (char *) get_name (elements, i));
  g_ptr_array_add (names, NULL);

  hint = aip_config_suggest_or_list (name, (const char *const *) names->pdata);
  /* Tenants alone have no command that makes one. */
  aip_config_draft_report (draft, TRUE, group, key, "there is no [%s NAME] of this name; %s%s", kind, hint,
                           g_str_equal (kind, "tenant") ? "; or write a group [tenant NAME] for it" : "");
}

static void
check_file (AipConfigDraft *draft, const char *group, const char *key, const char *path)
{
  if (path != NULL && access (path, R_OK) != 0)
    aip_config_draft_report (draft, TRUE, group, key,
                             "cannot be read: %s; write the path of a file that this user may read",
                             g_strerror (errno));
}

static void
check_server (AipConfigDraft *draft, const AipServerConfig *server)
{
  if (server->tls_certificate != NULL && server->tls_key == NULL)
    aip_config_draft_report (draft, TRUE, "server", "tls-certificate", "is useless alone; set tls-key too");
  if (server->tls_key != NULL && server->tls_certificate == NULL)
    aip_config_draft_report (draft, TRUE, "server", "tls-key", "is useless alone; set tls-certificate too");
  check_file (draft, "server", "tls-certificate", server->tls_certificate);
  check_file (draft, "server", "tls-key", server->tls_key);

  for (guint i = 0; !server->require_token && server->listen[i] != NULL; i++)
    {
      g_autoptr (GSocketAddress) address = aip_config_parse_listen (server->listen[i], NULL);

      if (aip_config_is_loopback (address))
        continue;
      aip_config_draft_report (
          draft, TRUE, "server", "listen",
          "opens the daemon to the network while require-token=false would let everybody there "
          "spend your keys' money; set require-token=true, or listen on 127.0.0.1 and [::1] only");
      break;
    }
}

static void
check_order (AipConfigDraft *draft,
             const char *group,
             const char *less_key,
             guint64 less,
             const char *more_key,
             guint64 more)
{
  /* Told where somebody set one of the two. */
  const char *key = aip_config_draft_find (draft, group, less_key) != NULL ? less_key : more_key;

  if (less > more)
    aip_config_draft_report (draft, TRUE, group, key, "contradicts the other; %s must not be longer than %s",
                             less_key, more_key);
}

static void
check_keys (AipConfigDraft *draft, const AipConfig *config, const AipConfig *base)
{
  for (guint i = 0; i < config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (config->keys, i);

      if (base != NULL && key == g_ptr_array_index (base->keys, i))
        continue;

      g_autofree char *group = g_strconcat ("key ", key->name, NULL);

      if (aip_config_draft_find (draft, group, "provider") != NULL)
        check_reference (draft, group, "provider", "provider", config->providers, key->provider);
    }
}

/* [mapping ALIAS@PROVIDER] is [mapping ALIAS] with provider=PROVIDER; but "@" may belong to a model's name.
 */
static void
split_alias (AipConfig *config, AipMappingConfig *mapping)
{
  char *at = strrchr (mapping->alias, '@');

  if (mapping->provider == NULL && at != NULL && at != mapping->alias && has_name (config->providers, at + 1))
    {
      mapping->provider = g_strdup (at + 1);
      mapping->at_provider = TRUE;
      *at = '\0';
    }
}

static void
check_slip (AipConfigDraft *draft,
            const AipConfig *config,
            const AipMappingConfig *mapping,
            const char *group)
{
  const char *at = strrchr (mapping->alias, '@');
  g_autoptr (GPtrArray) names = NULL;
  const char *near;

  if (at == NULL || at == mapping->alias || mapping->provider != NULL)
    return;
  names = g_ptr_array_new ();
  for (guint i = 0; i < config->providers->len; i++)
    g_ptr_array_add (names, (char *) get_name (config->providers, i));
  g_ptr_array_add (names, NULL);

  near = aip_config_suggest (at + 1, (const char *const *) names->pdata);
  if (near != NULL)
    aip_config_draft_report (draft, FALSE, group, NULL,
                             "names no provider behind \"@\", so all of it is the alias; did you mean @%s?",
                             near);
}

static void
check_mappings (AipConfigDraft *draft, AipConfig *config)
{
  g_autoptr (GHashTable) met = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < config->mappings->len; i++)
    {
      AipMappingConfig *mapping = g_ptr_array_index (config->mappings, i);
      g_autofree char *group = g_strconcat ("mapping ", mapping->alias, NULL);

      split_alias (config, mapping);
      check_slip (draft, config, mapping, group);
      check_reference (draft, group, "provider", "provider", config->providers, mapping->provider);
      if (mapping->targets[0] == NULL && aip_config_draft_find (draft, group, "target") != NULL)
        aip_config_draft_report (draft, TRUE, group, "target",
                                 "is empty; write the model that the alias stands for");
      if (!g_hash_table_add (met, g_strconcat (mapping->alias, "@", mapping->provider, NULL)))
        aip_config_draft_report (
            draft, TRUE, group, NULL,
            "maps an alias that another group maps already for this provider; keep one of them, "
            "target may be a list");
    }
}

/* A digest's bytes are as good as random. */
static guint
digest_hash (gconstpointer key)
{
  guint hash;

  memcpy (&hash, ((const AipClientConfig *) key)->digest, sizeof hash);
  return hash;
}

static gboolean
digest_equal (gconstpointer a, gconstpointer b)
{
  const AipClientConfig *x = a;
  const AipClientConfig *y = b;

  return memcmp (x->digest, y->digest, sizeof x->digest) == 0;
}

/* @met: clients before this one, by their digests */
static void
check_token (AipConfigDraft *draft, const AipClientConfig *client, GHashTable *met, const char *group)
{
  const AipClientConfig *other;
  static const guint8 unset[32];

  /* Reported as missing or malformed already. */
  if (memcmp (client->digest, unset, sizeof unset) == 0)
    return;

  if (aip_placeholder_is_token_digest (client->digest))
    aip_config_draft_report (
        draft, TRUE, group, "token-sha256",
        "is the digest of an example's token, which everybody knows; make a token of your own "
        "with: aiproxyctl client rotate %s",
        client->name);
  other = g_hash_table_lookup (met, client);
  if (other != NULL)
    aip_config_draft_report (draft, TRUE, group, "token-sha256",
                             "is the token of [client %s] too; give each client its own", other->name);
  else
    g_hash_table_add (met, (gpointer) client);
}

static void
check_clients (AipConfigDraft *draft, const AipConfig *config)
{
  g_autoptr (GHashTable) met = g_hash_table_new (digest_hash, digest_equal);

  for (guint i = 0; i < config->clients->len; i++)
    {
      const AipClientConfig *client = g_ptr_array_index (config->clients, i);
      g_autofree char *group = g_strconcat ("client ", client->name, NULL);

      check_token (draft, client, met, group);
      check_reference (draft, group, "tenant", "tenant", config->tenants, client->tenant);
    }
}

static gboolean
is_shared (const GPtrArray *elements, const GPtrArray *base)
{
  /* An empty array may have no memory at all, which memcmp () does not take. */
  return elements->len == base->len &&
         (base->len == 0 || memcmp (elements->pdata, base->pdata, base->len * sizeof (void *)) == 0);
}

/**
 * aip_config_check:
 * @draft: what was read
 * @config: what became of it; mappings and base URLs are brought into their final form
 * @base: (nullable): a snapshot of groups of the same names that was checked; what @config shares with it is
 *   in its final form and is not checked again
 *
 * Checks what no setting shows alone: references, contradictions, files, and what would be dangerous.
 */
void
aip_config_check (AipConfigDraft *draft, AipConfig *config, const AipConfig *base)
{
  check_server (draft, &config->server);
  check_reference (draft, "routing", "default-provider", "provider", config->providers,
                   config->routing.default_provider);
  check_order (draft, "retry", "base-delay", config->retry.base_delay, "max-delay", config->retry.max_delay);
  check_order (draft, "circuit-breaker", "cooldown", config->breaker.cooldown, "max-cooldown",
               config->breaker.max_cooldown);
  aip_config_check_providers (draft, config, base);
  check_keys (draft, config, base);
  if (base == NULL || !is_shared (config->mappings, base->mappings))
    check_mappings (draft, config);
  if (base == NULL || !is_shared (config->clients, base->clients))
    check_clients (draft, config);
  aip_config_check_policy (draft, config);
}
