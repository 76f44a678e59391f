/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-provider-service.h"

#include "base/aip-error.h"
#include "bus/aip-bus-settings.h"
#include "bus/aip-mapping-service.h"

struct _AipProviderService
{
  AipBusProviderSkeleton parent_instance;

  const AipBusContext *context;
  AipBusBreaker breaker;
};

static void aip_provider_service_iface_init (AipBusProviderIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (AipProviderService,
                               aip_provider_service,
                               AIP_BUS_TYPE_PROVIDER_SKELETON,
                               G_IMPLEMENT_INTERFACE (AIP_BUS_TYPE_PROVIDER, aip_provider_service_iface_init))

static void
updated (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_provider_complete_update (AIP_BUS_PROVIDER (service), invocation);
}

static gboolean
handle_update (AipBusProvider *provider,
               GDBusMethodInvocation *invocation,
               GVariant *settings,
               GVariant *options)
{
  g_autofree char *group = g_strconcat ("provider ", aip_bus_provider_get_name (provider), NULL);

  return aip_bus_update (AIP_PROVIDER_SERVICE (provider)->context, provider, invocation, group, NULL,
                         settings, options, updated);
}

/* --- removing --- */

static void
removed (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_provider_complete_remove (AIP_BUS_PROVIDER (service), invocation);
}

/* Lists in @users, and adds to @change the removal of, what names the provider. */
static void
collect_users (const AipBusContext *context, const char *name, GString *users, AipChange *change)
{
  const AipConfig *config = context->host->get_config (context->host_data);
  gboolean writable = aip_key_store_is_writable (context->host->get_key_store (context->host_data));

  for (guint i = 0; i < config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (config->keys, i);
      g_autofree char *group = g_strconcat ("key ", key->name, NULL);

      if (!g_str_equal (key->provider, name))
        continue;
      g_string_append_printf (users, "%s[%s]", users->len > 0 ? ", " : "", group);
      aip_config_edit_remove_group (aip_change_get_edit (change), group);
      if (key->ref_kind == AIP_KEY_REF_KEYRING && writable)
        aip_change_remove_secret (change, key->name);
    }
  for (guint i = 0; i < config->mappings->len; i++)
    {
      const AipMappingConfig *mapping = g_ptr_array_index (config->mappings, i);
      g_autofree char *group = aip_mapping_dup_group (mapping);

      if (g_strcmp0 (mapping->provider, name) != 0)
        continue;
      g_string_append_printf (users, "%s[%s]", users->len > 0 ? ", " : "", group);
      aip_config_edit_remove_group (aip_change_get_edit (change), group);
    }
  if (g_strcmp0 (config->routing.default_provider, name) == 0)
    {
      g_string_append_printf (users, "%sdefault-provider of [routing]", users->len > 0 ? ", " : "");
      aip_config_edit_unset (aip_change_get_edit (change), "routing", "default-provider");
    }
}

static gboolean
handle_remove (AipBusProvider *provider, GDBusMethodInvocation *invocation, GVariant *options)
{
  static const char *const known[] = { "force:b", NULL };
  const AipBusContext *context = AIP_PROVIDER_SERVICE (provider)->context;
  const char *name = aip_bus_provider_get_name (provider);
  g_autofree char *group = g_strconcat ("provider ", name, NULL);
  g_autoptr (AipChange) change = aip_change_new ();
  g_autoptr (GString) users = g_string_new (NULL);

  if (aip_bus_refuse_options (invocation, options, known))
    return TRUE;
  collect_users (context, name, users, change);
  if (users->len > 0 && !aip_bus_options_get_boolean (options, "force", FALSE))
    return aip_bus_fail (invocation,
                         g_error_new (AIP_ERROR, AIP_ERROR_IN_USE,
                                      "provider %s is used by %s: remove these first, or all with the option "
                                      "force (`aiproxyctl provider remove %s --force`)",
                                      name, users->str, name));
  aip_config_edit_remove_group (aip_change_get_edit (change), group);
  return aip_bus_change (context, provider, invocation, g_steal_pointer (&change), removed);
}

/* --- its breaker --- */

static gboolean
handle_reset_breaker (AipBusProvider *provider, GDBusMethodInvocation *invocation, GVariant *options)
{
  const AipBusContext *context = AIP_PROVIDER_SERVICE (provider)->context;
  g_autoptr (AipLiveKey) live = NULL;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  live = aip_live_keys_find (context->host->get_live_keys (context->host_data),
                             aip_bus_provider_get_name (provider), NULL);
  if (live == NULL)
    return aip_bus_fail (invocation, g_error_new (AIP_ERROR, AIP_ERROR_NOT_FOUND,
                                                  "the provider was removed meanwhile; add it again"));
  aip_live_key_reset (live);
  aip_provider_service_show_breaker (AIP_PROVIDER_SERVICE (provider));
  aip_bus_provider_complete_reset_breaker (provider, invocation);
  return TRUE;
}

/* --- testing --- */

static void
tested_cb (const AipTestResult *result, void *user_data)
{
  aip_bus_provider_complete_test (NULL, user_data, aip_bus_make_test_result (result));
}

static gboolean
handle_test (AipBusProvider *provider, GDBusMethodInvocation *invocation, GVariant *options)
{
  const AipBusContext *context = AIP_PROVIDER_SERVICE (provider)->context;

  if (!aip_bus_refuse_options (invocation, options, NULL))
    context->host->test (aip_bus_provider_get_name (provider), NULL, tested_cb, invocation,
                         context->host_data);
  return TRUE;
}

static void
aip_provider_service_iface_init (AipBusProviderIface *iface)
{
  iface->handle_update = handle_update;
  iface->handle_remove = handle_remove;
  iface->handle_reset_breaker = handle_reset_breaker;
  iface->handle_test = handle_test;
}

static void
aip_provider_service_class_init (AipProviderServiceClass *klass)
{
}

static void
aip_provider_service_init (AipProviderService *self)
{
}

/**
 * aip_provider_service_new:
 * @context: (transfer none): the context
 *
 * Returns: (transfer full): a provider on the bus that shows nothing yet
 */
AipProviderService *
aip_provider_service_new (const AipBusContext *context)
{
  AipProviderService *self = g_object_new (AIP_TYPE_PROVIDER_SERVICE, NULL);

  self->context = context;
  return self;
}

static char **
dup_header_names (const AipProviderConfig *config)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (const AipConfigHeader *header = config->headers; header != NULL && header->name != NULL; header++)
    g_strv_builder_add (builder, header->name);
  return g_strv_builder_end (builder);
}

/**
 * aip_provider_service_show:
 * @self: a provider on the bus
 * @config: what to show
 */
void
aip_provider_service_show (AipProviderService *self, const AipProviderConfig *config)
{
  AipBusProvider *provider = AIP_BUS_PROVIDER (self);
  g_auto (GStrv) header_names = dup_header_names (config);

  aip_bus_provider_set_name (provider, config->name);
  aip_bus_provider_set_dialect (provider, config->dialect);
  aip_bus_provider_set_base_url (provider, config->base_url);
  aip_bus_provider_set_models (provider, (const char *const *) config->models);
  aip_bus_provider_set_header_names (provider, (const char *const *) header_names);
  aip_bus_provider_set_enabled (provider, config->enabled);
  aip_bus_provider_set_priority (provider, config->priority);
  aip_bus_provider_set_weight (provider, config->weight);
  aip_bus_provider_set_verify_tls (provider, config->verify_tls);
  aip_bus_provider_set_ca_file (provider, config->ca_file != NULL ? config->ca_file : "");
  aip_bus_provider_set_proxy (provider, config->proxy != NULL ? config->proxy : "");
  aip_bus_provider_set_connect_timeout (provider, config->timeouts.connect);
  aip_bus_provider_set_first_byte_timeout (provider, config->timeouts.first_byte);
  aip_bus_provider_set_idle_timeout (provider, config->timeouts.idle);
  aip_bus_provider_set_total_timeout (provider, config->timeouts.total);
  aip_bus_provider_set_served (provider, aip_dialect_find (config->dialect) != NULL);
}

/**
 * aip_provider_service_show_breaker:
 * @self: a provider on the bus that shows its configuration
 *
 * Shows its breaker as it is now.
 */
void
aip_provider_service_show_breaker (AipProviderService *self)
{
  AipBusProvider *provider = AIP_BUS_PROVIDER (self);
  AipBusBreakerText text;

  if (!aip_bus_breakers_look (self->context->breakers, aip_bus_provider_get_name (provider), NULL,
                              &self->breaker, &text))
    return;
  aip_bus_provider_set_breaker_state (provider, text.state);
  aip_bus_provider_set_breaker_reason (provider, text.reason);
  aip_bus_provider_set_breaker_until (provider, text.until);
  g_free (text.reason);
}
