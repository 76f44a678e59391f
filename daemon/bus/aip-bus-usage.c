/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-bus-usage.h"

static GVariant *
make_use (const AipLimitUse *use)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&dict, "party", "s", use->party);
  g_variant_dict_insert (&dict, "name", "s", use->name);
  g_variant_dict_insert (&dict, "limit", "s", use->limit);
  g_variant_dict_insert (&dict, "size", "t", use->size);
  g_variant_dict_insert (&dict, "used", "t", use->used);
  g_variant_dict_insert (&dict, "left", "t", use->size - MIN (use->used, use->size));
  g_variant_dict_insert (&dict, "window-us", "x", use->window);
  g_variant_dict_insert (&dict, "reset-us", "x", use->reset);
  return g_variant_dict_end (&dict);
}

static GVariant *
make_uses (const AipQuota *quota)
{
  AipLimitUse uses[AIP_MAX_LIMIT_USES];
  guint n = aip_quota_get_uses (quota, uses);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < n; i++)
    g_variant_builder_add_value (&builder, make_use (&uses[i]));
  return g_variant_builder_end (&builder);
}

/**
 * aip_bus_usage_of_client:
 * @context: the context
 * @name: a client's name; one that no [client NAME] has is held to what holds for all
 *
 * Returns: (transfer floating): a{sv} as of Client.GetUsage
 */
GVariant *
aip_bus_usage_of_client (const AipBusContext *context, const char *name)
{
  const AipConfig *config = context->host->get_config (context->host_data);
  const AipClientConfig *client = aip_config_find_client (config, name);
  g_autoptr (AipQuota) quota =
      aip_ledger_get_client_quota (context->host->get_ledger (context->host_data), config, name, client,
                                   client != NULL ? client->tenant : NULL);
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert_value (&dict, "limits", make_uses (quota));
  return g_variant_dict_end (&dict);
}

static GVariant *
make_clients (const AipConfig *config, const char *tenant)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_STRING_ARRAY);
  for (guint i = 0; i < config->clients->len; i++)
    {
      const AipClientConfig *client = g_ptr_array_index (config->clients, i);

      if (g_strcmp0 (client->tenant, tenant) == 0)
        g_variant_builder_add (&builder, "s", client->name);
    }
  return g_variant_builder_end (&builder);
}

/**
 * aip_bus_usage_list_tenants:
 * @context: the context
 *
 * Returns: (transfer floating): aa{sv} as of Manager.ListTenants
 */
GVariant *
aip_bus_usage_list_tenants (const AipBusContext *context)
{
  const AipConfig *config = context->host->get_config (context->host_data);
  AipLedger *ledger = context->host->get_ledger (context->host_data);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < config->tenants->len; i++)
    {
      const AipTenantConfig *tenant = g_ptr_array_index (config->tenants, i);
      g_autoptr (AipQuota) quota = aip_ledger_get_tenant_quota (ledger, tenant);
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

      g_variant_dict_insert (&dict, "name", "s", tenant->name);
      g_variant_dict_insert_value (&dict, "clients", make_clients (config, tenant->name));
      g_variant_dict_insert_value (&dict, "limits", make_uses (quota));
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  return g_variant_builder_end (&builder);
}
