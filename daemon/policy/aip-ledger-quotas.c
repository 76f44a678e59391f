/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ledger"

#include "policy/aip-ledger-local.h"
#include "policy/aip-ledger-private.h"

/* Who is limited to what, as the configuration has it. */

static void
add_client (AipLedger *self,
            AipQuota *quota,
            const AipConfig *config,
            const char *name,
            const AipClientConfig *client)
{
  AipQuotaPart *part;
  gboolean by_default = config->rate_limit.enabled && (client == NULL || client->rpm == 0);
  g_autofree char *account = client != NULL ? g_strdup (name) : g_strdup_printf ("(%s)", name);

  if (!by_default && (client == NULL || (client->rpm == 0 && client->tpm == 0 &&
                                         client->daily_requests == 0 && client->daily_tokens == 0)))
    return;
  part = aip_quota_add_part (quota, AIP_PARTY_CLIENT, name);
  part->in_config = client != NULL;
  part->is_default = by_default;
  if (by_default)
    {
      part->limits[AIP_LIMIT_REQUESTS] = config->rate_limit.requests;
      part->window = (gint64) config->rate_limit.window * 1000;
    }
  else
    part->limits[AIP_LIMIT_REQUESTS] = client->rpm;
  if (client != NULL)
    {
      part->limits[AIP_LIMIT_TOKENS] = client->tpm;
      part->limits[AIP_LIMIT_DAY_REQUESTS] = client->daily_requests;
      part->limits[AIP_LIMIT_DAY_TOKENS] = client->daily_tokens;
    }
  aip_ledger_open_part (self, part, "client", account);
}

static void
add_tenant (AipLedger *self, AipQuota *quota, const AipTenantConfig *tenant)
{
  AipQuotaPart *part;

  if (tenant->daily_requests == 0 && tenant->daily_tokens == 0)
    return;
  part = aip_quota_add_part (quota, AIP_PARTY_TENANT, tenant->name);
  part->in_config = TRUE;
  part->limits[AIP_LIMIT_DAY_REQUESTS] = tenant->daily_requests;
  part->limits[AIP_LIMIT_DAY_TOKENS] = tenant->daily_tokens;
  aip_ledger_open_part (self, part, "tenant", tenant->name);
}

static AipQuota *
finish_quota (AipQuota *quota)
{
  if (quota->n_parts > 0)
    return quota;
  aip_quota_unref (quota);
  return NULL;
}

/**
 * aip_ledger_get_client_quota:
 * @self: a ledger
 * @config: where the limits stand
 * @name: the client's name
 * @client: (nullable): its settings; %NULL: it is held to [rate-limit] alone
 * @tenant: (nullable): the [tenant NAME] that it belongs to
 *
 * From any thread.
 *
 * Returns: (transfer full) (nullable): the client's limits with those of its tenant; %NULL: there are none
 */
AipQuota *
aip_ledger_get_client_quota (AipLedger *self,
                             const AipConfig *config,
                             const char *name,
                             const AipClientConfig *client,
                             const char *tenant)
{
  const AipTenantConfig *found;
  AipQuota *quota;

  g_return_val_if_fail (self != NULL && config != NULL && name != NULL, NULL);

  quota = aip_quota_new ();
  found = tenant != NULL ? aip_config_find_tenant (config, tenant) : NULL;
  add_client (self, quota, config, name, client);
  if (found != NULL)
    add_tenant (self, quota, found);
  return finish_quota (quota);
}

/**
 * aip_ledger_get_tenant_quota:
 * @self: a ledger
 * @tenant: a tenant
 *
 * From any thread.
 *
 * Returns: (transfer full) (nullable): the tenant's own limits; %NULL: there are none
 */
AipQuota *
aip_ledger_get_tenant_quota (AipLedger *self, const AipTenantConfig *tenant)
{
  AipQuota *quota;

  g_return_val_if_fail (self != NULL && tenant != NULL, NULL);

  quota = aip_quota_new ();
  add_tenant (self, quota, tenant);
  return finish_quota (quota);
}

/**
 * aip_ledger_get_key_quota:
 * @self: a ledger
 * @key: an upstream key
 *
 * From any thread.
 *
 * Returns: (transfer full) (nullable): the key's limits; %NULL: there are none
 */
AipQuota *
aip_ledger_get_key_quota (AipLedger *self, const AipKeyConfig *key)
{
  AipQuota *quota;
  AipQuotaPart *part;

  g_return_val_if_fail (self != NULL && key != NULL, NULL);

  if (key->rpm == 0 && key->tpm == 0)
    return NULL;
  quota = aip_quota_new ();
  part = aip_quota_add_part (quota, AIP_PARTY_KEY, key->name);
  part->in_config = TRUE;
  part->limits[AIP_LIMIT_REQUESTS] = key->rpm;
  part->limits[AIP_LIMIT_TOKENS] = key->tpm;
  aip_ledger_open_part (self, part, "key", key->name);
  return finish_quota (quota);
}
