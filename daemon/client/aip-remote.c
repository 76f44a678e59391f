/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-remote"

#include "client/aip-remote.h"

#include "base/aip-error.h"
#include "client/aip-remote-error.h"

/* How long the daemon may take for the first answer, for which it asks nobody. */
#define PATIENCE_MS 10000

struct _AipRemote
{
  GObject parent_instance;

  GBusType bus;
  AipRemoteFlags flags;
  GDBusConnection *connection;
  AipBusManager *manager;
  gboolean running;
};

enum
{
  PROP_0,
  PROP_RUNNING,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (AipRemote, aip_remote, G_TYPE_OBJECT)

static void
aip_remote_get_property (GObject *object, guint property_id, GValue *value, GParamSpec *pspec)
{
  AipRemote *self = AIP_REMOTE (object);

  switch (property_id)
    {
    case PROP_RUNNING:
      g_value_set_boolean (value, self->running);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
aip_remote_dispose (GObject *object)
{
  AipRemote *self = AIP_REMOTE (object);

  /* While they are held: GDBus's own thread may be the one that lets go of the connection last, and would
   * take its handlers away at the same moment. */
  if (self->manager != NULL)
    g_signal_handlers_disconnect_by_data (self->manager, self);
  if (self->connection != NULL)
    g_signal_handlers_disconnect_by_data (self->connection, self);
  g_clear_object (&self->manager);
  g_clear_object (&self->connection);
  G_OBJECT_CLASS (aip_remote_parent_class)->dispose (object);
}

static void
aip_remote_class_init (AipRemoteClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = aip_remote_dispose;
  object_class->get_property = aip_remote_get_property;

  properties[PROP_RUNNING] =
      g_param_spec_boolean ("running", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
aip_remote_init (AipRemote *self)
{
}

static AipRemote *
remote_new (GBusType bus, AipRemoteFlags flags)
{
  AipRemote *self = g_object_new (AIP_TYPE_REMOTE, NULL);

  /* Registers the names of the daemon's errors, so that GDBus tells them apart. */
  (void) AIP_ERROR;
  self->bus = bus;
  self->flags = flags;
  return self;
}

static const char *
bus_name (GBusType bus)
{
  return bus == G_BUS_TYPE_SYSTEM ? "system" : "session";
}

static const char *
how_to_start (GBusType bus)
{
  return bus == G_BUS_TYPE_SYSTEM ? "start it with: systemctl start aiproxy"
                                  : "start it with: systemctl --user start aiproxy (or: aiproxyd)";
}

static void
set_no_bus (const AipRemote *self, GError **error, const GError *reason)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "there is no %s bus (%s); %s",
               bus_name (self->bus), reason->message,
               self->bus == G_BUS_TYPE_SYSTEM
                   ? "is dbus-daemon running?"
                   : "run this within a desktop session, or under dbus-run-session, or use --bus system");
}

static void
set_not_running (const AipRemote *self, GError **error, const GError *reason)
{
  g_autofree char *detail = NULL;

  if (reason != NULL && !g_error_matches (reason, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN))
    {
      g_autoptr (GError) tidy = g_error_copy (reason);

      g_dbus_error_strip_remote_error (tidy);
      detail = g_strdup_printf (" and did not start (%s)", tidy->message);
    }
  g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN, "the daemon is not on the %s bus%s; %s",
               bus_name (self->bus), detail != NULL ? detail : "", how_to_start (self->bus));
}

static void
set_denied (const AipRemote *self, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
               "the %s bus does not let this user talk to the daemon; %s", bus_name (self->bus),
               self->bus == G_BUS_TYPE_SYSTEM
                   ? "root and the daemon's own user may: sudo aiproxyctl --bus system"
                   : "run this as the user whose session it is");
}

static void
set_silent (const AipRemote *self, GError **error)
{
  g_set_error (
      error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
      "the daemon is on the %s bus but does not answer; restart it with: systemctl%s restart aiproxy",
      bus_name (self->bus), self->bus == G_BUS_TYPE_SYSTEM ? "" : " --user");
}

/* @failure: (nullable): what came of the first question. That there is no daemon is found out later. */
static gboolean
judge (const AipRemote *self, const GError *failure, GError **error)
{
  if (failure == NULL || g_error_matches (failure, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
      g_error_matches (failure, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER) ||
      g_error_matches (failure, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY))
    return TRUE;
  if (g_error_matches (failure, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    set_denied (self, error);
  else if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    set_silent (self, error);
  else
    g_propagate_error (error, g_error_copy (failure));
  return FALSE;
}

static void
update_running (AipRemote *self)
{
  g_autofree char *owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (self->manager));
  gboolean running = owner != NULL && !g_dbus_connection_is_closed (self->connection);

  if (running == self->running)
    return;
  self->running = running;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RUNNING]);
}

static void
take_connection (AipRemote *self, GDBusConnection *connection)
{
  self->connection = connection;
  /* A bus that goes away is told to the user; it does not kill the program. */
  g_dbus_connection_set_exit_on_close (connection, FALSE);
}

/* @reason: (nullable): why the daemon could not be started */
static gboolean
take_manager (AipRemote *self, AipBusManager *manager, const GError *reason, GError **error)
{
  g_auto (GStrv) names = NULL;

  self->manager = manager;
  g_dbus_proxy_set_default_timeout (G_DBUS_PROXY (manager), AIP_REMOTE_TIMEOUT_MS);
  g_signal_connect_object (manager, "notify::g-name-owner", G_CALLBACK (update_running), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->connection, "notify::closed", G_CALLBACK (update_running), self,
                           G_CONNECT_SWAPPED);
  update_running (self);
  names = g_dbus_proxy_get_cached_property_names (G_DBUS_PROXY (manager));
  if (self->running && names == NULL)
    set_silent (self, error);
  else if (!self->running && !(self->flags & AIP_REMOTE_NO_START))
    set_not_running (self, error, reason);
  else
    return TRUE;
  return FALSE;
}

/* The first question. A proxy does not tell why it could not read the properties: it has none then. */
static GVariant *
make_question (void)
{
  return g_variant_new ("(ss)", "org.example.AIProxy1.Manager", "Version");
}

static gboolean
ask_sync (AipRemote *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autoptr (GVariant) reply G_GNUC_UNUSED = g_dbus_connection_call_sync (
      self->connection, AIP_REMOTE_BUS_NAME, AIP_REMOTE_PATH, "org.freedesktop.DBus.Properties", "Get",
      make_question (), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, PATIENCE_MS, cancellable, &failure);

  return judge (self, failure, error);
}

/* Starts the daemon where it is not there; what fails here is told only if it is not there in the end either.
 */
static GError *
start_sync (AipRemote *self, GCancellable *cancellable)
{
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
      self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
      "StartServiceByName", g_variant_new ("(su)", AIP_REMOTE_BUS_NAME, 0), NULL, G_DBUS_CALL_FLAGS_NONE, -1,
      cancellable, &error);

  return reply == NULL ? error : NULL;
}

/**
 * aip_remote_new_sync:
 * @bus: G_BUS_TYPE_SESSION or G_BUS_TYPE_SYSTEM
 * @flags: whether to start the daemon
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Connects to the bus, and to the daemon, which is started where it is not running.
 *
 * Returns: (transfer full) (nullable): the daemon; where there is no bus or no daemon, it does not answer, or
 * the bus does not let us ask it, NULL and an error of which aip_remote_error_is_unreachable () is true,
 * whose message says what to do behind its last ";". With AIP_REMOTE_NO_START, a daemon that is not running
 * is no error.
 */
AipRemote *
aip_remote_new_sync (GBusType bus, AipRemoteFlags flags, GCancellable *cancellable, GError **error)
{
  g_autoptr (AipRemote) self = remote_new (bus, flags);
  g_autoptr (GError) reason = NULL;
  GDBusConnection *connection = g_bus_get_sync (bus, cancellable, &reason);
  AipBusManager *manager;

  if (connection == NULL)
    {
      set_no_bus (self, error, reason);
      return NULL;
    }
  take_connection (self, connection);
  if (!(flags & AIP_REMOTE_NO_START))
    reason = start_sync (self, cancellable);
  if (!ask_sync (self, cancellable, error))
    return NULL;

  manager = aip_bus_manager_proxy_new_sync (connection, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START,
                                            AIP_REMOTE_BUS_NAME, AIP_REMOTE_PATH, cancellable, error);
  if (manager == NULL || !take_manager (self, manager, reason, error))
    return NULL;
  return g_steal_pointer (&self);
}

static void
manager_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  AipRemote *self = g_task_get_task_data (task);
  GError *error = NULL;
  AipBusManager *manager = aip_bus_manager_proxy_new_finish (result, &error);

  if (manager == NULL ||
      !take_manager (self, manager, g_object_get_data (G_OBJECT (task), "aip-reason"), &error))
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, g_object_ref (self), g_object_unref);
}

static void
answer_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  GTask *task = user_data;
  AipRemote *self = g_task_get_task_data (task);
  g_autoptr (GError) failure = NULL;
  g_autoptr (GVariant) reply G_GNUC_UNUSED =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &failure);
  GError *error = NULL;

  if (!judge (self, failure, &error))
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  aip_bus_manager_proxy_new (self->connection, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START, AIP_REMOTE_BUS_NAME,
                             AIP_REMOTE_PATH, g_task_get_cancellable (task), manager_cb, task);
}

static void
ask (GTask *task)
{
  AipRemote *self = g_task_get_task_data (task);

  g_dbus_connection_call (self->connection, AIP_REMOTE_BUS_NAME, AIP_REMOTE_PATH,
                          "org.freedesktop.DBus.Properties", "Get", make_question (), NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, PATIENCE_MS, g_task_get_cancellable (task),
                          answer_cb, task);
}

static void
start_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  GTask *task = user_data;
  GError *reason = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &reason);

  if (reply == NULL)
    g_object_set_data_full (G_OBJECT (task), "aip-reason", reason, (GDestroyNotify) g_error_free);
  ask (task);
}

static void
connection_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  AipRemote *self = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  g_autoptr (GError) reason = NULL;
  GDBusConnection *connection = g_bus_get_finish (result, &reason);
  GError *error = NULL;

  if (connection == NULL)
    {
      set_no_bus (self, &error, reason);
      g_task_return_error (task, error);
      return;
    }
  take_connection (self, connection);
  if (self->flags & AIP_REMOTE_NO_START)
    ask (g_steal_pointer (&task));
  else
    g_dbus_connection_call (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                            "org.freedesktop.DBus", "StartServiceByName",
                            g_variant_new ("(su)", AIP_REMOTE_BUS_NAME, 0), NULL, G_DBUS_CALL_FLAGS_NONE, -1,
                            cancellable, start_cb, g_steal_pointer (&task));
}

/**
 * aip_remote_new_async:
 * @bus: G_BUS_TYPE_SESSION or G_BUS_TYPE_SYSTEM
 * @flags: whether to start the daemon
 * @cancellable: (nullable): ends the wait
 * @callback: called when it is done; it calls aip_remote_new_finish ()
 * @user_data: for @callback
 *
 * As aip_remote_new_sync (), without waiting.
 */
void
aip_remote_new_async (GBusType bus,
                      AipRemoteFlags flags,
                      GCancellable *cancellable,
                      GAsyncReadyCallback callback,
                      void *user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_remote_new_async);
  g_task_set_task_data (task, remote_new (bus, flags), g_object_unref);
  g_bus_get (bus, cancellable, connection_cb, task);
}

/**
 * aip_remote_new_finish:
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Returns: (transfer full) (nullable): as aip_remote_new_sync ()
 */
AipRemote *
aip_remote_new_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, aip_remote_new_async), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * aip_remote_get_connection:
 * @self: the daemon
 *
 * Returns: (transfer none): the connection to the bus
 */
GDBusConnection *
aip_remote_get_connection (AipRemote *self)
{
  g_return_val_if_fail (AIP_IS_REMOTE (self), NULL);

  return self->connection;
}

/**
 * aip_remote_get_manager:
 * @self: the daemon
 *
 * Returns: (transfer none): the daemon as a whole; its properties follow the daemon's
 */
AipBusManager *
aip_remote_get_manager (AipRemote *self)
{
  g_return_val_if_fail (AIP_IS_REMOTE (self), NULL);

  return self->manager;
}

/**
 * aip_remote_is_running:
 * @self: the daemon
 *
 * Returns: whether the daemon is on the bus
 */
gboolean
aip_remote_is_running (AipRemote *self)
{
  g_return_val_if_fail (AIP_IS_REMOTE (self), FALSE);

  return self->running;
}

/**
 * aip_remote_new_stats_sync:
 * @self: the daemon
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Returns: (transfer full) (nullable): the counters, ready to subscribe to
 */
AipBusStats *
aip_remote_new_stats_sync (AipRemote *self, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (AIP_IS_REMOTE (self), NULL);

  return aip_bus_stats_proxy_new_sync (self->connection, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START,
                                       AIP_REMOTE_BUS_NAME, AIP_REMOTE_PATH, cancellable, error);
}

/**
 * aip_remote_new_activity_sync:
 * @self: the daemon
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Returns: (transfer full) (nullable): the requests as they come and go, ready to subscribe to
 */
AipBusActivity *
aip_remote_new_activity_sync (AipRemote *self, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (AIP_IS_REMOTE (self), NULL);

  return aip_bus_activity_proxy_new_sync (self->connection, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START,
                                          AIP_REMOTE_BUS_NAME, AIP_REMOTE_PATH, cancellable, error);
}

/**
 * aip_remote_set_strategy_sync:
 * @self: the daemon
 * @strategy: how a key is to be picked from now on
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Sets Manager.Strategy and waits for the daemon's word, which the setter of the proxy does not.
 *
 * Returns: whether it is in force
 */
gboolean
aip_remote_set_strategy_sync (AipRemote *self,
                              const char *strategy,
                              GCancellable *cancellable,
                              GError **error)
{
  g_autoptr (GVariant) reply = NULL;

  g_return_val_if_fail (AIP_IS_REMOTE (self), FALSE);
  g_return_val_if_fail (strategy != NULL, FALSE);

  reply = g_dbus_proxy_call_sync (
      G_DBUS_PROXY (self->manager), "org.freedesktop.DBus.Properties.Set",
      g_variant_new ("(ssv)", "org.example.AIProxy1.Manager", "Strategy", g_variant_new_string (strategy)),
      G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, cancellable, error);
  return reply != NULL;
}
