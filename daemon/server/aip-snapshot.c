/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-snapshot"

#include "server/aip-snapshot.h"

static GHashTable *
make_key_quotas (const AipConfig *config, AipLedger *ledger)
{
  GHashTable *quotas = NULL;

  for (guint i = 0; i < config->keys->len; i++)
    {
      AipKeyConfig *key = g_ptr_array_index (config->keys, i);
      AipQuota *quota = aip_ledger_get_key_quota (ledger, key);

      if (quota == NULL)
        continue;
      if (quotas == NULL)
        quotas = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) aip_quota_unref);
      g_hash_table_insert (quotas, key, quota);
    }
  return quotas;
}

/**
 * aip_snapshot_new:
 * @config: (transfer none): the configuration
 * @clients: (transfer none): who may use it
 * @router: (transfer none): what serves which model
 * @ledger: (transfer none): what of the limits is used
 * @models_complete: every provider that has to be asked for its models was asked, and no secret is still to
 * come
 *
 * Returns: (transfer full): a snapshot of them, and the guard that follows from the configuration
 */
AipSnapshot *
aip_snapshot_new (AipConfig *config,
                  AipClients *clients,
                  AipRouter *router,
                  AipLedger *ledger,
                  gboolean models_complete)
{
  AipSnapshot *self = g_new0 (AipSnapshot, 1);

  g_atomic_ref_count_init (&self->refs);
  self->config = aip_config_ref (config);
  self->clients = aip_clients_ref (clients);
  self->router = aip_router_ref (router);
  self->guard = aip_guard_new (config);
  self->ledger = aip_ledger_ref (ledger);
  self->key_quotas = make_key_quotas (config, ledger);
  self->models_complete = models_complete;
  return self;
}

/**
 * aip_snapshot_ref:
 * @self: a snapshot
 *
 * Returns: (transfer full): the same
 */
AipSnapshot *
aip_snapshot_ref (AipSnapshot *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * aip_snapshot_unref:
 * @self: (transfer full): a snapshot
 */
void
aip_snapshot_unref (AipSnapshot *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  aip_guard_free (self->guard);
  g_clear_pointer (&self->key_quotas, g_hash_table_unref);
  aip_ledger_unref (self->ledger);
  aip_router_unref (self->router);
  aip_clients_unref (self->clients);
  aip_config_unref (self->config);
  g_free (self);
}

/**
 * aip_snapshot_get_key_quota:
 * @self: a snapshot
 * @key: (nullable): one of its configuration's
 *
 * Returns: (transfer none) (nullable): its limits; NULL: it has none
 */
AipQuota *
aip_snapshot_get_key_quota (const AipSnapshot *self, const AipKeyConfig *key)
{
  return self->key_quotas != NULL && key != NULL ? g_hash_table_lookup (self->key_quotas, key) : NULL;
}
