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
  self->secrets = g_array_new (FALSE, TRUE, sizeof (AipKeySecret));
  g_array_set_clear_func (self->secrets, (GDestroyNotify) secret_clear);
  return self;
}

/**
 * aip_key_secrets_free:
 * @self: (transfer full): the secrets
 */
void
aip_key_secrets_free (AipKeySecrets *self)
{
  g_array_unref (self->secrets);
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

/* Whether the secret of the key at @place is known, as it is the very key of before. */
static gboolean
is_known (const AipKeySecrets *self, const AipConfig *config, guint place)
{
  return place < self->config->keys->len && self->config->keys->pdata[place] == config->keys->pdata[place] &&
         g_array_index (self->secrets, AipKeySecret, place).secret != NULL;
}

static void
forget (AipKeySecrets *self)
{
  g_array_set_size (self->secrets, 0);
  g_clear_pointer (&self->config, aip_config_unref);
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
  if (self->serial != aip_key_stores_get_serial (self->stores))
    forget (self);
  /* What is new there is all zero. */
  g_array_set_size (self->secrets, config->keys->len);
  for (guint i = 0; i < config->keys->len; i++)
    {
      AipKeySecret *secret = &g_array_index (self->secrets, AipKeySecret, i);

      if (self->config != NULL && is_known (self, config, i))
        continue;
      secret_clear (secret);
      *secret = look_up (self, config->keys->pdata[i]);
    }
  g_clear_pointer (&self->config, aip_config_unref);
  self->config = aip_config_ref (config);
  self->serial = aip_key_stores_get_serial (self->stores);
  return (const AipKeySecret *) (const void *) self->secrets->data;
}
