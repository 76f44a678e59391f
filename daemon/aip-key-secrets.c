/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-keys"

#include "aip-key-secrets.h"

struct _AipKeySecrets
{
  AipKeyStores *stores; /* (not owned) */
  AipConfig *config;    /* (nullable): the last one; it keeps the sections that are compared alive */
  GArray *secrets;      /* of AipKeySecret: of its keys */
  guint serial;         /* of the stores, when they were looked up */
};

static void
secret_clear (AipKeySecret *secret)
{
  g_clear_pointer (&secret->secret, aip_secret_unref);
}

/**
 * aip_key_secrets_new:
 * @stores: (not owned): where secrets lie; they outlive the result
 *
 * Returns: (transfer full): with nothing looked up yet
 */
AipKeySecrets *
aip_key_secrets_new (AipKeyStores *stores)
{
  AipKeySecrets *self = g_new0 (AipKeySecrets, 1);

  self->stores = stores;
  return self;
}

/**
 * aip_key_secrets_free:
 * @self: (transfer full): the secrets
 */
void
aip_key_secrets_free (AipKeySecrets *self)
{
  g_clear_pointer (&self->secrets, g_array_unref);
  g_clear_pointer (&self->config, aip_config_unref);
  g_free (self);
}

static AipKeySecret
look_up (AipKeySecrets *self, const AipKeyConfig *key)
{
  AipKeySecret found = { .secret = aip_key_stores_find (self->stores, key) };

  if (found.secret == NULL)
    found.missing = aip_key_stores_explain (self->stores, key, &found.locked);
  return found;
}

/* Returns: (transfer full) (nullable): the secret of a key that is still the one which was at its place */
static AipSecret *
ref_known (const AipKeySecrets *self, const AipConfig *config, guint place)
{
  AipSecret *secret;

  if (self->config == NULL || self->serial != aip_key_stores_get_serial (self->stores) ||
      place >= self->secrets->len || self->config->keys->pdata[place] != config->keys->pdata[place])
    return NULL;
  secret = g_array_index (self->secrets, AipKeySecret, place).secret;
  return secret != NULL ? aip_secret_ref (secret) : NULL;
}

/**
 * aip_key_secrets_find:
 * @self: the secrets
 * @config: what is in force from now on
 *
 * Returns: (transfer none) (array): for each key of @config, in its order; valid until the next call
 */
const AipKeySecret *
aip_key_secrets_find (AipKeySecrets *self, AipConfig *config)
{
  GArray *secrets = g_array_sized_new (FALSE, TRUE, sizeof (AipKeySecret), config->keys->len + 1);

  g_array_set_clear_func (secrets, (GDestroyNotify) secret_clear);
  for (guint i = 0; i < config->keys->len; i++)
    {
      AipKeySecret found = { .secret = ref_known (self, config, i) };

      if (found.secret == NULL)
        found = look_up (self, config->keys->pdata[i]);
      g_array_append_val (secrets, found);
    }
  g_clear_pointer (&self->secrets, g_array_unref);
  g_clear_pointer (&self->config, aip_config_unref);
  self->secrets = secrets;
  self->config = aip_config_ref (config);
  self->serial = aip_key_stores_get_serial (self->stores);
  return (const AipKeySecret *) (const void *) secrets->data;
}
