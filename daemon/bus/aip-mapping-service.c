/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-mapping-service.h"

#include "bus/aip-bus-settings.h"

struct _AipMappingService
{
  AipBusMappingSkeleton parent_instance;

  const AipBusContext *context;
  char *group; /* where it stands in the file */
};

static void aip_mapping_service_iface_init (AipBusMappingIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (AipMappingService,
                               aip_mapping_service,
                               AIP_BUS_TYPE_MAPPING_SKELETON,
                               G_IMPLEMENT_INTERFACE (AIP_BUS_TYPE_MAPPING, aip_mapping_service_iface_init))

static void
updated (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_mapping_complete_update (AIP_BUS_MAPPING (service), invocation);
}

static gboolean
handle_update (AipBusMapping *mapping,
               GDBusMethodInvocation *invocation,
               GVariant *settings,
               GVariant *options)
{
  AipMappingService *self = AIP_MAPPING_SERVICE (mapping);

  return aip_bus_update (self->context, self, invocation, self->group, NULL, settings, options, updated);
}

static void
removed (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_mapping_complete_remove (AIP_BUS_MAPPING (service), invocation);
}

static gboolean
handle_remove (AipBusMapping *mapping, GDBusMethodInvocation *invocation, GVariant *options)
{
  AipMappingService *self = AIP_MAPPING_SERVICE (mapping);
  AipChange *change;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  change = aip_change_new ();
  aip_config_edit_remove_group (aip_change_get_edit (change), self->group);
  return aip_bus_change (self->context, self, invocation, change, removed);
}

static void
aip_mapping_service_iface_init (AipBusMappingIface *iface)
{
  iface->handle_update = handle_update;
  iface->handle_remove = handle_remove;
}

static void
aip_mapping_service_finalize (GObject *object)
{
  g_free (AIP_MAPPING_SERVICE (object)->group);
  G_OBJECT_CLASS (aip_mapping_service_parent_class)->finalize (object);
}

static void
aip_mapping_service_class_init (AipMappingServiceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = aip_mapping_service_finalize;
}

static void
aip_mapping_service_init (AipMappingService *self)
{
}

/**
 * aip_mapping_service_new:
 * @context: (transfer none): the context
 *
 * Returns: (transfer full): a mapping on the bus that shows nothing yet
 */
AipMappingService *
aip_mapping_service_new (const AipBusContext *context)
{
  AipMappingService *self = g_object_new (AIP_TYPE_MAPPING_SERVICE, NULL);

  self->context = context;
  return self;
}

/**
 * aip_mapping_dup_name:
 * @config: a mapping
 *
 * Returns: (transfer full): what no other mapping is called: "ALIAS", or "ALIAS@PROVIDER" for one provider
 */
char *
aip_mapping_dup_name (const AipMappingConfig *config)
{
  return config->provider != NULL ? g_strconcat (config->alias, "@", config->provider, NULL)
                                  : g_strdup (config->alias);
}

/**
 * aip_mapping_dup_group:
 * @config: a mapping
 *
 * Returns: (transfer full): its group in the config file
 */
char *
aip_mapping_dup_group (const AipMappingConfig *config)
{
  return g_strconcat ("mapping ", config->alias, config->at_provider ? "@" : NULL, config->provider, NULL);
}

/**
 * aip_mapping_service_show:
 * @self: a mapping on the bus
 * @config: what to show
 */
void
aip_mapping_service_show (AipMappingService *self, const AipMappingConfig *config)
{
  AipBusMapping *mapping = AIP_BUS_MAPPING (self);
  g_autofree char *name = aip_mapping_dup_name (config);

  g_free (self->group);
  self->group = aip_mapping_dup_group (config);
  aip_bus_mapping_set_alias (mapping, name);
  aip_bus_mapping_set_targets (mapping, (const char *const *) config->targets);
  aip_bus_mapping_set_provider (mapping, config->provider != NULL ? config->provider : "");
  aip_bus_mapping_set_strategy (mapping, config->strategy != NULL ? config->strategy : "");
}
