/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-keyring"

#include "keys/aip-keyring.h"

#include "base/aip-error.h"

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

/* In ms. The bus itself answers the probe, so this is for a bus that is stuck. */
#define PROBE_TIME_LIMIT 5000

#define N_SUBSCRIPTIONS 3

struct _AipKeyringWatch
{
  GDBusConnection *connection;
  guint name;
  guint subscriptions[N_SUBSCRIPTIONS];
  AipKeyringFunc func;
  void *user_data;
};

static void
appeared_cb (GDBusConnection *connection, const char *name, const char *owner, void *user_data)
{
  AipKeyringWatch *self = user_data;

  self->func (AIP_KEYRING_APPEARED, NULL, self->user_data);
}

static void
vanished_cb (GDBusConnection *connection, const char *name, void *user_data)
{
  AipKeyringWatch *self = user_data;

  self->func (AIP_KEYRING_VANISHED, NULL, self->user_data);
}

/* ItemCreated, ItemChanged, ItemDeleted; CollectionCreated, CollectionChanged, CollectionDeleted. */
static void
changed_cb (GDBusConnection *connection,
            const char *sender,
            const char *object,
            const char *interface,
            const char *signal,
            GVariant *parameters,
            void *user_data)
{
  AipKeyringWatch *self = user_data;
  const char *path = NULL;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(o)")))
    return;

  g_variant_get (parameters, "(&o)", &path);
  self->func (g_str_has_prefix (signal, "Item") ? AIP_KEYRING_ITEM : AIP_KEYRING_COLLECTION, path,
              self->user_data);
}

static void
properties_cb (GDBusConnection *connection,
               const char *sender,
               const char *object,
               const char *interface,
               const char *signal,
               GVariant *parameters,
               void *user_data)
{
  AipKeyringWatch *self = user_data;
  g_autoptr (GVariant) properties = NULL;
  gboolean locked = FALSE;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(sa{sv}as)")))
    return;

  properties = g_variant_get_child_value (parameters, 1);
  if (g_variant_lookup (properties, "Locked", "b", &locked))
    self->func (locked ? AIP_KEYRING_LOCKED : AIP_KEYRING_COLLECTION, object, self->user_data);
}

static guint
subscribe (AipKeyringWatch *self,
           const char *interface,
           const char *signal,
           const char *arg0,
           GDBusSignalCallback callback)
{
  return g_dbus_connection_signal_subscribe (self->connection, AIP_KEYRING_BUS_NAME, interface, signal, NULL,
                                             arg0, G_DBUS_SIGNAL_FLAGS_NONE, callback, self, NULL);
}

/**
 * aip_keyring_watch_new:
 * @connection: the session bus
 * @func: called in the caller's main context with each thing that happens
 * @user_data: for @func
 *
 * Watches the keyring from now on; starts none. @func first hears whether there is one.
 *
 * Returns: (transfer full): a watch
 */
AipKeyringWatch *
aip_keyring_watch_new (GDBusConnection *connection, AipKeyringFunc func, void *user_data)
{
  g_return_val_if_fail (G_IS_DBUS_CONNECTION (connection), NULL);
  g_return_val_if_fail (func != NULL, NULL);

  AipKeyringWatch *self = g_new0 (AipKeyringWatch, 1);

  self->connection = g_object_ref (connection);
  self->func = func;
  self->user_data = user_data;
  self->subscriptions[0] = subscribe (self, AIP_KEYRING_COLLECTION_INTERFACE, NULL, NULL, changed_cb);
  self->subscriptions[1] = subscribe (self, AIP_KEYRING_SERVICE_INTERFACE, NULL, NULL, changed_cb);
  self->subscriptions[2] = subscribe (self, PROPERTIES_INTERFACE, "PropertiesChanged",
                                      AIP_KEYRING_COLLECTION_INTERFACE, properties_cb);
  self->name = g_bus_watch_name_on_connection (
      connection, AIP_KEYRING_BUS_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, appeared_cb, vanished_cb, self, NULL);

  return self;
}

/**
 * aip_keyring_watch_free:
 * @self: (transfer full): a watch
 *
 * Ends it: the function is not called any more.
 */
void
aip_keyring_watch_free (AipKeyringWatch *self)
{
  g_return_if_fail (self != NULL);

  for (guint i = 0; i < N_SUBSCRIPTIONS; i++)
    g_dbus_connection_signal_unsubscribe (self->connection, self->subscriptions[i]);
  g_bus_unwatch_name (self->name);
  g_object_unref (self->connection);
  g_free (self);
}

static void
bus_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  GDBusConnection *bus = g_bus_get_finish (result, &error);

  if (bus != NULL)
    {
      /* Without a bus, keys go on serving: it is no reason to end, which is GLib's default. */
      g_dbus_connection_set_exit_on_close (bus, FALSE);
      g_task_return_pointer (task, bus, g_object_unref);
    }
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_CANCELLED, "cancelled");
  else
    g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
                             "there is no session bus, and so no keyring: %s", error->message);
}

/**
 * aip_keyring_bus_async:
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Connects to the session bus. That the bus goes away does not end the process then.
 */
void
aip_keyring_bus_async (GCancellable *cancellable, GAsyncReadyCallback callback, void *user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_keyring_bus_async);
  g_task_set_check_cancellable (task, FALSE);
  g_bus_get (G_BUS_TYPE_SESSION, cancellable, bus_cb, task);
}

/**
 * aip_keyring_bus_finish:
 * @result: what the callback got
 * @error: where to put an %AIP_ERROR: UNAVAILABLE, CANCELLED
 *
 * Ends aip_keyring_bus_async ().
 *
 * Returns: (transfer full) (nullable): the session bus
 */
GDBusConnection *
aip_keyring_bus_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
ask_bus (GDBusConnection *bus,
         const char *method,
         GVariant *parameters,
         const char *reply,
         GAsyncReadyCallback callback,
         GTask *task)
{
  g_dbus_connection_call (bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          method, parameters, G_VARIANT_TYPE (reply), G_DBUS_CALL_FLAGS_NONE,
                          PROBE_TIME_LIMIT, g_task_get_cancellable (task), callback, task);
}

static void
activatable_cb (GObject *bus, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (bus), result, &error);
  g_autofree const char **names = NULL;

  if (reply == NULL)
    {
      g_task_return_error (task, aip_keyring_error_new (error));
      return;
    }

  g_variant_get (reply, "(^a&s)", &names);
  if (g_strv_contains (names, AIP_KEYRING_BUS_NAME))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_new_error (
        task, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
        "no keyring is on the session bus: is gnome-keyring, or another one, installed?");
}

static void
owned_cb (GObject *bus, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (bus), result, &error);
  gboolean owned = FALSE;

  if (reply == NULL)
    {
      g_task_return_error (task, aip_keyring_error_new (error));
      return;
    }

  g_variant_get (reply, "(b)", &owned);
  if (owned)
    g_task_return_boolean (task, TRUE);
  else
    ask_bus (G_DBUS_CONNECTION (bus), "ListActivatableNames", NULL, "(as)", activatable_cb,
             g_steal_pointer (&task));
}

static void
probe_bus_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = aip_keyring_bus_finish (result, &error);

  if (bus == NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else
    ask_bus (bus, "NameHasOwner", g_variant_new ("(s)", AIP_KEYRING_BUS_NAME), "(b)", owned_cb,
             g_steal_pointer (&task));
}

/**
 * aip_keyring_probe_async:
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context, within some seconds even if the bus is stuck
 * @user_data: for @callback
 *
 * Finds out whether a keyring can be expected: whether one is on the session bus, or the bus can start
 * one. Starts none itself and prompts nobody, so it cannot tell whether there is anything in it.
 */
void
aip_keyring_probe_async (GCancellable *cancellable, GAsyncReadyCallback callback, void *user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_keyring_probe_async);
  g_task_set_check_cancellable (task, FALSE);
  aip_keyring_bus_async (cancellable, probe_bus_cb, task);
}

/**
 * aip_keyring_probe_finish:
 * @result: what the callback got
 * @error: where to put an %AIP_ERROR that says why there is none: UNAVAILABLE, TIMED_OUT, CANCELLED
 *
 * Ends aip_keyring_probe_async ().
 *
 * Returns: whether a keyring can be expected
 */
gboolean
aip_keyring_probe_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * aip_keyring_call:
 * @bus: the session bus
 * @path: the object
 * @interface: its interface
 * @method: the method
 * @parameters: (nullable): a tuple; a floating one is taken
 * @reply: the type of the answer
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context; ends with g_dbus_connection_call_finish ()
 * @user_data: for @callback
 *
 * Calls a method of the keyring, which the bus may start for that. Takes at most D-Bus's usual 25 s.
 */
void
aip_keyring_call (GDBusConnection *bus,
                  const char *path,
                  const char *interface,
                  const char *method,
                  GVariant *parameters,
                  const char *reply,
                  GCancellable *cancellable,
                  GAsyncReadyCallback callback,
                  void *user_data)
{
  g_return_if_fail (G_IS_DBUS_CONNECTION (bus));
  g_return_if_fail (path != NULL && interface != NULL && method != NULL && reply != NULL);

  g_dbus_connection_call (bus, AIP_KEYRING_BUS_NAME, path, interface, method, parameters,
                          G_VARIANT_TYPE (reply), G_DBUS_CALL_FLAGS_NONE, -1, cancellable, callback,
                          user_data);
}

/**
 * aip_keyring_get_property:
 * @bus: the session bus
 * @path: the object
 * @interface: its interface
 * @property: the property
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Reads a property from the keyring.
 */
void
aip_keyring_get_property (GDBusConnection *bus,
                          const char *path,
                          const char *interface,
                          const char *property,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          void *user_data)
{
  aip_keyring_call (bus, path, PROPERTIES_INTERFACE, "Get", g_variant_new ("(ss)", interface, property),
                    "(v)", cancellable, callback, user_data);
}

/**
 * aip_keyring_get_property_finish:
 * @bus: the session bus, which is the callback's source
 * @result: what the callback got
 * @type: the type that the property must have
 * @error: where to put what the call ended with
 *
 * Ends aip_keyring_get_property ().
 *
 * Returns: (transfer full) (nullable): the value
 */
GVariant *
aip_keyring_get_property_finish (GObject *bus, GAsyncResult *result, const char *type, GError **error)
{
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (bus), result, error);
  g_autoptr (GVariant) value = NULL;

  if (reply == NULL)
    return NULL;

  g_variant_get (reply, "(v)", &value);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE (type)))
    return g_steal_pointer (&value);

  g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED, "the keyring answers with the type %s where %s belongs",
               g_variant_get_type_string (value), type);
  return NULL;
}

static const struct
{
  const char *name;
  AipError code;
  const char *text;
} remote_errors[] = {
  { "org.freedesktop.Secret.Error.IsLocked", AIP_ERROR_LOCKED,
    "the keyring is locked: run `aiproxyctl unlock`" },
  { "org.freedesktop.Secret.Error.NoSuchObject", AIP_ERROR_UNAVAILABLE, "there is no such keyring" },
  { "org.freedesktop.Secret.Error.NoSession", AIP_ERROR_UNAVAILABLE, "the keyring was started anew" },
  { "org.freedesktop.DBus.Error.UnknownObject", AIP_ERROR_UNAVAILABLE, "there is no such keyring" },
  /* gnome-keyring's way to say the same. */
  { "org.freedesktop.DBus.Error.UnknownMethod", AIP_ERROR_UNAVAILABLE, "there is no such keyring" },
  { "org.freedesktop.DBus.Error.ServiceUnknown", AIP_ERROR_UNAVAILABLE, "no keyring is on the session bus" },
  { "org.freedesktop.DBus.Error.NameHasNoOwner", AIP_ERROR_UNAVAILABLE, "no keyring is on the session bus" },
  { "org.freedesktop.DBus.Error.AccessDenied", AIP_ERROR_UNAVAILABLE,
    "the session bus lets us not to the keyring" },
  { "org.freedesktop.DBus.Error.NoReply", AIP_ERROR_UNAVAILABLE, "the keyring went away without an answer" },
  { "org.freedesktop.DBus.Error.Disconnected", AIP_ERROR_UNAVAILABLE, "the session bus is gone" },
  { "org.freedesktop.DBus.Error.Timeout", AIP_ERROR_TIMED_OUT, "the keyring did not answer in time" },
  { "org.freedesktop.DBus.Error.TimedOut", AIP_ERROR_TIMED_OUT, "the keyring did not answer in time" },
};

/**
 * aip_keyring_error_is_gone:
 * @problem: what a call to the keyring ended with
 *
 * Returns: whether the keyring answered that it has no such object, or not any more
 */
gboolean
aip_keyring_error_is_gone (const GError *problem)
{
  g_return_val_if_fail (problem != NULL, FALSE);

  g_autofree char *name = g_dbus_error_get_remote_error (problem);

  return g_strcmp0 (name, "org.freedesktop.Secret.Error.NoSuchObject") == 0 ||
         g_strcmp0 (name, "org.freedesktop.DBus.Error.UnknownObject") == 0 ||
         g_strcmp0 (name, "org.freedesktop.DBus.Error.UnknownMethod") == 0;
}

static GError *
remote_error_new (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (remote_errors); i++)
    if (g_str_equal (remote_errors[i].name, name))
      return g_error_new_literal (AIP_ERROR, (int) remote_errors[i].code, remote_errors[i].text);

  if (g_str_has_prefix (name, "org.freedesktop.DBus.Error.Spawn."))
    return g_error_new (AIP_ERROR, AIP_ERROR_UNAVAILABLE, "the session bus cannot start the keyring: %s",
                        name);

  return g_error_new (AIP_ERROR, AIP_ERROR_FAILED, "the keyring refuses: %s", name);
}

/**
 * aip_keyring_error_new:
 * @problem: what a call to the keyring ended with
 *
 * Tells it in our own terms. What the service says of its own is left out but for the error's name: it
 * has seen secrets, and nobody knows what it puts into a message.
 *
 * Returns: (transfer full): an %AIP_ERROR
 */
GError *
aip_keyring_error_new (const GError *problem)
{
  g_return_val_if_fail (problem != NULL, NULL);

  if (problem->domain == AIP_ERROR)
    return g_error_copy (problem);
  if (g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return g_error_new (AIP_ERROR, AIP_ERROR_CANCELLED, "cancelled");
  if (g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    return g_error_new (AIP_ERROR, AIP_ERROR_TIMED_OUT, "the keyring did not answer in time");
  if (g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return g_error_new (AIP_ERROR, AIP_ERROR_UNAVAILABLE, "the session bus is gone");

  g_autofree char *name = g_dbus_error_get_remote_error (problem);

  if (name != NULL)
    return remote_error_new (name);
  /* libsecret takes the name off. */
  if (g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_DBUS_ERROR))
    return g_error_new (AIP_ERROR, AIP_ERROR_FAILED, "the keyring refuses");
  return g_error_new (AIP_ERROR, AIP_ERROR_FAILED, "the keyring cannot be used: %s, error %d",
                      g_quark_to_string (problem->domain), problem->code);
}
