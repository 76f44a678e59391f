/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-unused-secrets.h"

#include <string.h>

#include "base/aip-error.h"

#define CLIENT_PREFIX "client:"

static gboolean
is_client (const char *ref)
{
  return g_str_has_prefix (ref, CLIENT_PREFIX);
}

static gboolean
is_named (const AipConfig *config, const char *ref)
{
  if (is_client (ref))
    return aip_config_find_client (config, ref + strlen (CLIENT_PREFIX)) != NULL;
  for (guint i = 0; i < config->keys->len; i++)
    if (g_str_equal (((const AipKeyConfig *) g_ptr_array_index (config->keys, i))->name, ref))
      return TRUE;
  return FALSE;
}

/**
 * aip_unused_secrets_list:
 * @config: what is in force
 * @store: where secret=keyring is looked up
 *
 * Returns: (transfer full): the names of secrets that no key or client of @config has, as far as the store
 * can be read now: that of a key, or "client:NAME"
 */
char **
aip_unused_secrets_list (const AipConfig *config, AipKeyStore *store)
{
  g_auto (GStrv) refs = NULL;
  g_autoptr (GStrvBuilder) unused = g_strv_builder_new ();

  g_return_val_if_fail (config != NULL && AIP_IS_KEY_STORE (store), NULL);

  refs = aip_key_store_list (store);
  for (char **ref = refs; *ref != NULL; ref++)
    if (!is_named (config, *ref))
      g_strv_builder_add (unused, *ref);
  return g_strv_builder_end (unused);
}

typedef struct
{
  const AipBusHost *host;
  void *host_data;
  char *ref;
} Removal;

static void
removal_free (void *data)
{
  Removal *removal = data;

  g_free (removal->ref);
  g_free (removal);
}

/* Asked when all changes before it have been made, which may have added what has the name. */
static gboolean
check (AipChange *change, void *data, GError **error)
{
  const Removal *removal = data;
  const char *ref = removal->ref;
  AipKeyStore *store = removal->host->get_key_store (removal->host_data);
  const char *kind = is_client (ref) ? "client" : "key";
  const char *name = is_client (ref) ? ref + strlen (CLIENT_PREFIX) : ref;
  gboolean known =
      aip_key_store_is_writable (store) && aip_key_store_get_state (store) == AIP_KEY_STORE_READY;
  g_autoptr (AipSecret) secret = known ? aip_key_store_lookup (store, ref) : NULL;

  if (is_named (removal->host->get_config (removal->host_data), ref))
    g_set_error (
        error, AIP_ERROR, AIP_ERROR_IN_USE,
        "%s %s is in the configuration: `aiproxyctl %s remove %s` removes it with what it has in the "
        "keyring",
        kind, name, kind, name);
  else if (known && secret == NULL)
    g_set_error (error, AIP_ERROR, AIP_ERROR_NOT_FOUND, "the keyring has no secret of this name");
  else
    return TRUE;
  return FALSE;
}

/**
 * aip_unused_secrets_remove:
 * @change: gets the removal, and its check
 * @host: what is in force
 * @host_data: for @host
 * @ref: the name of a secret
 *
 * Has a secret removed, unless the configuration names it.
 */
void
aip_unused_secrets_remove (AipChange *change, const AipBusHost *host, void *host_data, const char *ref)
{
  Removal *removal = g_new0 (Removal, 1);

  *removal = (Removal){ host, host_data, g_strdup (ref) };
  aip_change_set_check (change, check, removal, removal_free);
  aip_change_remove_secret (change, ref);
}
