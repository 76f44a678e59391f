/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-bus.h"

#include "base/aip-error.h"
#include "bus/aip-activity-service.h"
#include "bus/aip-bus-collection.h"
#include "bus/aip-bus-path.h"
#include "bus/aip-client-service.h"
#include "bus/aip-client-token.h"
#include "bus/aip-manager-service.h"
#include "bus/aip-stats-service.h"

#define N_ROOT_INTERFACES 3

/* org.freedesktop.DBus.RequestName, in the specification's words. */
#define NAME_FLAG_DO_NOT_QUEUE 4u
#define NAME_IS_PRIMARY_OWNER 1u

struct _AipBus
{
  AipBusContext context;
  AipConfig *shown; /* (nullable): what the objects' sections lie in */
  guint secrets_serial;
  GDBusObjectManagerServer *objects;
  AipManagerService *manager;
  GDBusInterfaceSkeleton *root[N_ROOT_INTERFACES]; /* at the root: the manager, statistics, activity */
  AipBusCollection *providers;
  AipBusCollection *keys;
  AipBusCollection *mappings;
  AipBusCollection *clients;
  AipClientService *first_client; /* (nullable): it is in no config file */
};

/* --- showing --- */

static void
show_first_client (AipBus *self)
{
  g_autofree char *path = aip_bus_path_make ("client", AIP_FIRST_CLIENT);
  gboolean wanted = aip_client_token_is_first (&self->context);

  if (wanted == (self->first_client != NULL))
    return;
  if (!wanted)
    {
      g_dbus_object_manager_server_unexport (self->objects, path);
      g_clear_object (&self->first_client);
      return;
    }
  g_autoptr (GDBusObjectSkeleton) object = g_dbus_object_skeleton_new (path);

  self->first_client = aip_client_service_new (&self->context);
  aip_client_service_show_first (self->first_client);
  aip_client_service_show_token (self->first_client, NULL);
  g_dbus_object_skeleton_add_interface (object, G_DBUS_INTERFACE_SKELETON (self->first_client));
  g_dbus_object_manager_server_export (self->objects, object);
}

/**
 * aip_bus_show:
 * @self: the bus
 *
 * Shows the configuration and the secrets' states as they are now. What changes is signalled once, when the
 * main loop is idle.
 */
void
aip_bus_show (AipBus *self)
{
  AipConfig *config = self->context.host->get_config (self->context.host_data);
  G_GNUC_UNUSED g_autoptr (AipConfig) old = g_steal_pointer (&self->shown);
  guint serial = self->context.host->get_secrets_serial (self->context.host_data);
  gboolean changed = serial != self->secrets_serial;

  self->secrets_serial = serial;
  self->shown = aip_config_ref (config);
  /* The place on the bus may go from the one to the other. */
  if (config->clients->len > 0)
    show_first_client (self);
  aip_bus_collection_show (self->providers, config->providers, changed);
  aip_bus_collection_show (self->keys, config->keys, changed);
  aip_bus_collection_show (self->mappings, config->mappings, changed);
  /* The first client's token may also come from its file. */
  aip_bus_collection_show (self->clients, config->clients, TRUE);
  show_first_client (self);
  aip_manager_service_show (self->manager);
  aip_client_token_move_first (&self->context);
}

/**
 * aip_bus_show_state:
 * @self: the bus
 *
 * Shows the daemon's state, where it alone has changed.
 */
void
aip_bus_show_state (AipBus *self)
{
  aip_manager_service_show_state (self->manager);
}

static void
show_breakers_cb (void *user_data)
{
  AipBus *self = user_data;

  aip_bus_collection_show_breakers (self->providers);
  aip_bus_collection_show_breakers (self->keys);
}

/* --- life --- */

static gboolean
export_root (AipBus *self, GError **error)
{
  self->manager = aip_manager_service_new (&self->context);
  self->root[0] = G_DBUS_INTERFACE_SKELETON (self->manager);
  self->root[1] = G_DBUS_INTERFACE_SKELETON (aip_stats_service_new (&self->context));
  self->root[2] = G_DBUS_INTERFACE_SKELETON (aip_activity_service_new (&self->context));
  for (gsize i = 0; i < N_ROOT_INTERFACES; i++)
    if (!g_dbus_interface_skeleton_export (self->root[i], self->context.connection, AIP_BUS_ROOT, error))
      return FALSE;
  return TRUE;
}

static gboolean
set_up (AipBus *self, GError **error)
{
  self->context.breakers = aip_bus_breakers_new (self->context.host->get_live_keys (self->context.host_data),
                                                 show_breakers_cb, self);
  self->objects = g_dbus_object_manager_server_new (AIP_BUS_ROOT);
  self->providers = aip_bus_collection_new (&aip_bus_kind_provider, &self->context, self->objects);
  self->keys = aip_bus_collection_new (&aip_bus_kind_key, &self->context, self->objects);
  self->mappings = aip_bus_collection_new (&aip_bus_kind_mapping, &self->context, self->objects);
  self->clients = aip_bus_collection_new (&aip_bus_kind_client, &self->context, self->objects);
  if (!export_root (self, error))
    return FALSE;
  aip_bus_show (self);
  g_dbus_object_manager_server_set_connection (self->objects, self->context.connection);
  return TRUE;
}

static void
closed_cb (GDBusConnection *connection, gboolean remote_vanished, GError *error, gpointer user_data)
{
  if (remote_vanished)
    g_warning ("the bus is gone: serving goes on, but nothing can be changed until the next start");
}

/**
 * aip_bus_new:
 * @type: session or system
 * @host: what the bus asks of the daemon; outlives it
 * @host_data: for @host
 * @error: return location for AIP_ERROR_UNAVAILABLE: there is no such bus
 *
 * Connects to the bus and shows all objects there; nobody finds them before aip_bus_own_name ().
 *
 * Returns: (transfer full) (nullable): the bus
 */
AipBus *
aip_bus_new (GBusType type, const AipBusHost *host, void *host_data, GError **error)
{
  g_autoptr (GError) problem = NULL;
  g_autoptr (GDBusConnection) connection = g_bus_get_sync (type, NULL, &problem);
  g_autoptr (AipBus) self = NULL;

  /* The domain's errors get their names on the bus with its first use. */
  (void) AIP_ERROR;
  if (connection == NULL)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE, "there is no %s bus: %s; --bus none does without",
                   type == G_BUS_TYPE_SYSTEM ? "system" : "session", problem->message);
      return NULL;
    }
  g_dbus_connection_set_exit_on_close (connection, FALSE);
  self = g_new0 (AipBus, 1);
  self->context = (AipBusContext){
    .host = host,
    .host_data = host_data,
    .changes = aip_change_queue_new (host, host_data),
    .ending = g_cancellable_new (),
    .connection = g_steal_pointer (&connection),
  };
  g_signal_connect (self->context.connection, "closed", G_CALLBACK (closed_cb), NULL);
  return set_up (self, error) ? g_steal_pointer (&self) : NULL;
}

static void
unexport (AipBus *self)
{
  for (gsize i = 0; i < N_ROOT_INTERFACES && self->root[i] != NULL; i++)
    if (g_dbus_interface_skeleton_get_object_path (self->root[i]) != NULL)
      g_dbus_interface_skeleton_unexport (self->root[i]);
  g_dbus_object_manager_server_set_connection (self->objects, NULL);
}

/* No call comes any more; those that there are get their answers. */
static void
end_calls (AipBus *self)
{
  g_cancellable_cancel (self->context.ending);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_clear_pointer (&self->context.changes, aip_change_queue_free);
}

/**
 * aip_bus_own_name:
 * @self: the bus
 * @error: return location for AIP_ERROR_UNAVAILABLE: another daemon is on it
 *
 * Lets callers find the daemon, and has the bus pass on the calls that have been waiting for it to start.
 *
 * Returns: whether it has the name
 */
gboolean
aip_bus_own_name (AipBus *self, GError **error)
{
  guint32 reply = 0;
  /* The bus itself answers, so it may be waited for. */
  g_autoptr (GVariant) result = g_dbus_connection_call_sync (
      self->context.connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
      "RequestName", g_variant_new ("(su)", AIP_BUS_NAME, NAME_FLAG_DO_NOT_QUEUE), G_VARIANT_TYPE ("(u)"),
      G_DBUS_CALL_FLAGS_NONE, -1, NULL, error);

  if (result == NULL)
    return FALSE;
  g_variant_get (result, "(u)", &reply);
  if (reply == NAME_IS_PRIMARY_OWNER)
    return TRUE;
  g_set_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
               "another aiproxyd is on this bus already: end it, or start this one with --bus none");
  return FALSE;
}

/**
 * aip_bus_free:
 * @self: (transfer full): the bus
 *
 * Leaves it, when the calls that are under way are answered: at most 2 s later.
 */
void
aip_bus_free (AipBus *self)
{
  unexport (self);
  end_calls (self);
  aip_bus_breakers_free (self->context.breakers);
  for (gsize i = 0; i < N_ROOT_INTERFACES; i++)
    g_clear_object (&self->root[i]);
  aip_bus_collection_free (self->providers);
  aip_bus_collection_free (self->keys);
  aip_bus_collection_free (self->mappings);
  aip_bus_collection_free (self->clients);
  g_clear_object (&self->first_client);
  g_object_unref (self->objects);
  g_clear_pointer (&self->shown, aip_config_unref);
  g_signal_handlers_disconnect_by_func (self->context.connection, closed_cb, NULL);
  g_dbus_connection_flush_sync (self->context.connection, NULL, NULL);
  g_object_unref (self->context.ending);
  g_object_unref (self->context.connection);
  g_free (self);
}
