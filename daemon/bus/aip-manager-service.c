/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-manager-service.h"

#include "aip-build.h"
#include "bus/aip-bus-unlock.h"
#include "bus/aip-bus-usage.h"
#include "bus/aip-manager-add.h"
#include "bus/aip-manager-ask.h"
#include "bus/aip-unused-secrets.h"

struct _AipManagerService
{
  AipBusManagerSkeleton parent_instance;

  const AipBusContext *context;
  AipBusUnlock *unlock;
  const GDBusInterfaceVTable *generated;
  GDBusInterfaceVTable vtable; /* in its place */
};

static void aip_manager_service_iface_init (AipBusManagerIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (AipManagerService,
                               aip_manager_service,
                               AIP_BUS_TYPE_MANAGER_SKELETON,
                               G_IMPLEMENT_INTERFACE (AIP_BUS_TYPE_MANAGER, aip_manager_service_iface_init))

static const AipBusContext *
get_context (AipBusManager *manager)
{
  return AIP_MANAGER_SERVICE (manager)->context;
}

/* --- the daemon's life --- */

typedef struct
{
  const AipBusContext *context;
  GDBusMethodInvocation *invocation;
} ReloadCall;

static void
reloaded_cb (void *user_data)
{
  aip_bus_manager_complete_reload (NULL, user_data);
}

static void
secrets_reread_cb (void *user_data)
{
  g_autofree ReloadCall *call = user_data;

  call->context->host->settle (reloaded_cb, call->invocation, call->context->host_data);
}

static gboolean
handle_reload (AipBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options)
{
  const AipBusContext *context = get_context (manager);
  ReloadCall call = { context, invocation };
  GError *error = NULL;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  if (!context->host->reload (&error, context->host_data))
    return aip_bus_fail (invocation, error);
  context->host->settle_secrets (secrets_reread_cb, g_memdup2 (&call, sizeof call), context->host_data);
  return TRUE;
}

static gboolean
handle_pause (AipBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options)
{
  const AipBusContext *context = get_context (manager);

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  context->host->set_paused (TRUE, context->host_data);
  aip_bus_manager_complete_pause (manager, invocation);
  return TRUE;
}

static gboolean
handle_resume (AipBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options)
{
  const AipBusContext *context = get_context (manager);

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  context->host->set_paused (FALSE, context->host_data);
  aip_bus_manager_complete_resume (manager, invocation);
  return TRUE;
}

static gboolean
handle_unlock (AipBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options)
{
  if (!aip_bus_refuse_options (invocation, options, NULL))
    aip_bus_unlock_ask (AIP_MANAGER_SERVICE (manager)->unlock, invocation);
  return TRUE;
}

static void
secret_removed (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_manager_complete_remove_secret (AIP_BUS_MANAGER (service), invocation);
}

static gboolean
handle_remove_secret (AipBusManager *manager,
                      GDBusMethodInvocation *invocation,
                      const char *secret,
                      GVariant *options)
{
  const AipBusContext *context = get_context (manager);
  AipChange *change;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  change = aip_change_new ();
  aip_unused_secrets_remove (change, context->host, context->host_data, secret);
  return aip_bus_change (context, manager, invocation, change, secret_removed);
}

/* --- adding --- */

static gboolean
handle_add_provider (AipBusManager *manager,
                     GDBusMethodInvocation *invocation,
                     const char *name,
                     GVariant *settings,
                     GVariant *options)
{
  return aip_manager_add_provider (get_context (manager), manager, invocation, name, settings, options);
}

static gboolean
handle_add_key (AipBusManager *manager,
                GDBusMethodInvocation *invocation,
                GUnixFDList *list,
                const char *name,
                GVariant *settings,
                GVariant *options)
{
  return aip_manager_add_key (get_context (manager), manager, invocation, list, name, settings, options);
}

static gboolean
handle_add_mapping (AipBusManager *manager,
                    GDBusMethodInvocation *invocation,
                    const char *alias,
                    GVariant *settings,
                    GVariant *options)
{
  return aip_manager_add_mapping (get_context (manager), manager, invocation, alias, settings, options);
}

static gboolean
handle_add_client (AipBusManager *manager,
                   GDBusMethodInvocation *invocation,
                   GUnixFDList *list,
                   const char *name,
                   GVariant *settings,
                   GVariant *options)
{
  return aip_manager_add_client (get_context (manager), manager, invocation, name, settings, options);
}

/* --- asking --- */

static gboolean
handle_explain_route (AipBusManager *manager,
                      GDBusMethodInvocation *invocation,
                      const char *model,
                      GVariant *options)
{
  return aip_manager_explain_route (get_context (manager), manager, invocation, model, options);
}

static gboolean
handle_list_models (AipBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options)
{
  return aip_manager_list_models (get_context (manager), manager, invocation, options);
}

static gboolean
handle_list_tenants (AipBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options)
{
  if (!aip_bus_refuse_options (invocation, options, NULL))
    aip_bus_manager_complete_list_tenants (manager, invocation,
                                           aip_bus_usage_list_tenants (get_context (manager)));
  return TRUE;
}

static gboolean
handle_get_config (AipBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options)
{
  return aip_manager_get_config (get_context (manager), manager, invocation, options);
}

static gboolean
handle_check_config (AipBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options)
{
  return aip_manager_check_config (get_context (manager), manager, invocation, options);
}

static gboolean
handle_diagnose (AipBusManager *manager, GDBusMethodInvocation *invocation, GVariant *options)
{
  return aip_manager_diagnose (get_context (manager), manager, invocation, options);
}

/* --- settings --- */

static gboolean
handle_set_config (AipBusManager *manager,
                   GDBusMethodInvocation *invocation,
                   const char *group,
                   GVariant *settings,
                   GVariant *options)
{
  return aip_manager_set_config (get_context (manager), manager, invocation, group, settings, options);
}

static void
strategy_set (GObject *service, GDBusMethodInvocation *invocation)
{
  g_dbus_method_invocation_return_value (invocation, NULL);
}

/* Without a set_property () GDBus hands a Set of what may be written over here, its type checked: so it can
 * be answered like any change, when it has been made. The generated set_property () takes any value, and says
 * at once that it did. */
static void
method_call_cb (GDBusConnection *connection,
                const char *sender,
                const char *path,
                const char *interface,
                const char *method,
                GVariant *arguments,
                GDBusMethodInvocation *invocation,
                gpointer user_data)
{
  AipManagerService *self = AIP_MANAGER_SERVICE (user_data);
  g_autoptr (GVariant) value = NULL;
  AipChange *change;

  if (g_dbus_method_invocation_get_property_info (invocation) == NULL)
    {
      self->generated->method_call (connection, sender, path, interface, method, arguments, invocation,
                                    user_data);
      return;
    }
  /* It is the only one that may be written. */
  g_assert (g_str_equal (g_dbus_method_invocation_get_property_info (invocation)->name, "Strategy"));
  g_variant_get_child (arguments, 2, "v", &value);
  change = aip_change_new ();
  aip_config_edit_set (aip_change_get_edit (change), "routing", "strategy",
                       g_variant_get_string (value, NULL));
  aip_bus_change (self->context, self, invocation, change, strategy_set);
}

static GDBusInterfaceVTable *
get_vtable (GDBusInterfaceSkeleton *skeleton)
{
  AipManagerService *self = AIP_MANAGER_SERVICE (skeleton);

  self->generated = G_DBUS_INTERFACE_SKELETON_CLASS (aip_manager_service_parent_class)->get_vtable (skeleton);
  self->vtable = *self->generated;
  self->vtable.method_call = method_call_cb;
  self->vtable.set_property = NULL;
  return &self->vtable;
}

static void
aip_manager_service_iface_init (AipBusManagerIface *iface)
{
  iface->handle_reload = handle_reload;
  iface->handle_pause = handle_pause;
  iface->handle_resume = handle_resume;
  iface->handle_unlock = handle_unlock;
  iface->handle_remove_secret = handle_remove_secret;
  iface->handle_add_provider = handle_add_provider;
  iface->handle_add_key = handle_add_key;
  iface->handle_add_mapping = handle_add_mapping;
  iface->handle_add_client = handle_add_client;
  iface->handle_explain_route = handle_explain_route;
  iface->handle_list_models = handle_list_models;
  iface->handle_list_tenants = handle_list_tenants;
  iface->handle_get_config = handle_get_config;
  iface->handle_check_config = handle_check_config;
  iface->handle_set_config = handle_set_config;
  iface->handle_diagnose = handle_diagnose;
}

static void
aip_manager_service_finalize (GObject *object)
{
  g_clear_pointer (&AIP_MANAGER_SERVICE (object)->unlock, aip_bus_unlock_free);

  G_OBJECT_CLASS (aip_manager_service_parent_class)->finalize (object);
}

static void
aip_manager_service_class_init (AipManagerServiceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = aip_manager_service_finalize;
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_vtable = get_vtable;
}

static void
aip_manager_service_init (AipManagerService *self)
{
}

/**
 * aip_manager_service_new:
 * @context: (transfer none): the context
 *
 * Returns: (transfer full): the daemon on the bus
 */
AipManagerService *
aip_manager_service_new (const AipBusContext *context)
{
  AipManagerService *self = g_object_new (AIP_TYPE_MANAGER_SERVICE, "version", AIP_VERSION, NULL);

  self->context = context;
  self->unlock = aip_bus_unlock_new (context);
  aip_manager_service_show (self);
  return self;
}

static const char *
get_store_state (AipKeyStore *store)
{
  static const char *const names[] = {
    [AIP_KEY_STORE_LOADING] = "loading",
    [AIP_KEY_STORE_READY] = "ready",
    [AIP_KEY_STORE_LOCKED] = "locked",
    [AIP_KEY_STORE_UNAVAILABLE] = "unavailable",
  };

  return names[aip_key_store_get_state (store)];
}

static const char *
get_first_url (char **endpoints)
{
  for (gsize i = 0; endpoints[i] != NULL; i++)
    if (g_str_has_prefix (endpoints[i], "http"))
      return endpoints[i];
  return "";
}

static void
show_ledger (AipManagerService *self)
{
  AipBusManager *manager = AIP_BUS_MANAGER (self);
  gboolean healthy = TRUE;
  g_autofree char *state =
      aip_ledger_describe (self->context->host->get_ledger (self->context->host_data), &healthy);
  g_autofree char *text = g_utf8_make_valid (state, -1);

  aip_bus_manager_set_ledger_state (manager, text);
  aip_bus_manager_set_ledger_healthy (manager, healthy);
}

/**
 * aip_manager_service_show_state:
 * @self: the daemon on the bus
 *
 * Shows what may change without the configuration: the state of the daemon, of the key store and of the
 * ledger.
 */
void
aip_manager_service_show_state (AipManagerService *self)
{
  const AipBusContext *context = self->context;
  AipBusManager *manager = AIP_BUS_MANAGER (self);
  AipKeyStore *store = context->host->get_key_store (context->host_data);

  aip_bus_manager_set_state (manager, context->host->get_state (context->host_data));
  aip_bus_manager_set_key_store (manager, aip_key_store_get_name (store));
  aip_bus_manager_set_key_store_state (manager, get_store_state (store));
  show_ledger (self);
}

/**
 * aip_manager_service_show:
 * @self: the daemon on the bus
 *
 * Shows all as it is now.
 */
void
aip_manager_service_show (AipManagerService *self)
{
  const AipBusContext *context = self->context;
  AipBusManager *manager = AIP_BUS_MANAGER (self);
  g_auto (GStrv) endpoints = context->host->dup_endpoints (context->host_data);
  gboolean valid = TRUE;
  g_auto (GStrv) found = context->host->dup_problems (&valid, context->host_data);
  g_auto (GStrv) problems = aip_bus_dup_texts ((const char *const *) found);
  g_auto (GStrv) paths = aip_bus_dup_texts (context->host->get_paths (context->host_data));

  aip_manager_service_show_state (self);
  aip_bus_manager_set_endpoint (manager, get_first_url (endpoints));
  aip_bus_manager_set_endpoints (manager, (const char *const *) endpoints);
  aip_bus_manager_set_strategy (manager, context->host->get_config (context->host_data)->routing.strategy);
  aip_bus_manager_set_config_files (manager, (const char *const *) paths);
  aip_bus_manager_set_config_problems (manager, (const char *const *) problems);
  aip_bus_manager_set_config_valid (manager, valid);
}
