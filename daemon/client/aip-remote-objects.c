/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-remote-objects"

#include "client/aip-remote-objects.h"

#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

#include "base/aip-error.h"
#include "client/aip-remote-secret.h"

typedef struct
{
  const char *name; /* in paths and messages */
  const char *interface;
  const char *name_property;
} Kind;

static const Kind kinds[] = {
  [AIP_REMOTE_PROVIDER] = { "provider", "org.example.AIProxy1.Provider", "Name" },
  [AIP_REMOTE_KEY] = { "key", "org.example.AIProxy1.Key", "Name" },
  [AIP_REMOTE_MAPPING] = { "mapping", "org.example.AIProxy1.Mapping", "Alias" },
  [AIP_REMOTE_CLIENT] = { "client", "org.example.AIProxy1.Client", "Name" },
};

G_STATIC_ASSERT (G_N_ELEMENTS (kinds) == AIP_N_REMOTE_KINDS);

/**
 * aip_remote_kind_to_string:
 * @kind: a kind of object
 *
 * Returns: what one of them is called: "provider"
 */
const char *
aip_remote_kind_to_string (AipRemoteKind kind)
{
  g_return_val_if_fail (kind < AIP_N_REMOTE_KINDS, NULL);

  return kinds[kind].name;
}

/**
 * aip_remote_build_path:
 * @kind: a kind of object
 * @name: the name of one of them
 *
 * Returns: (transfer full): its object path
 */
char *
aip_remote_build_path (AipRemoteKind kind, const char *name)
{
  GString *path;

  g_return_val_if_fail (kind < AIP_N_REMOTE_KINDS, NULL);
  g_return_val_if_fail (name != NULL && name[0] != '\0', NULL);

  path = g_string_new (AIP_REMOTE_PATH "/");
  g_string_append_printf (path, "%s/", kinds[kind].name);
  for (const char *p = name; *p != '\0'; p++)
    if (g_ascii_isalnum (*p))
      g_string_append_c (path, *p);
    else
      g_string_append_printf (path, "_%02x", (guchar) *p);
  return g_string_free (path, FALSE);
}

/**
 * aip_remote_object_get_name:
 * @kind: a kind of object
 * @object: (a{sv}): the properties of one of them
 *
 * Returns: (transfer none): its name; "" where it has none
 */
const char *
aip_remote_object_get_name (AipRemoteKind kind, GVariant *object)
{
  const char *name = "";

  g_return_val_if_fail (kind < AIP_N_REMOTE_KINDS, "");
  g_return_val_if_fail (object != NULL, "");

  (void) g_variant_lookup (object, kinds[kind].name_property, "&s", &name);
  return name;
}

static int
compare_objects (const void *a, const void *b, void *kind)
{
  return strcmp (aip_remote_object_get_name (GPOINTER_TO_UINT (kind), *(GVariant **) a),
                 aip_remote_object_get_name (GPOINTER_TO_UINT (kind), *(GVariant **) b));
}

/**
 * aip_remote_list_sync:
 * @self: the daemon
 * @kind: what to list
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Lists all objects of one kind as they are now, in one call. Who wants to follow them takes an
 * AipBusObjectManagerClient.
 *
 * Returns: (transfer full) (element-type GVariant) (nullable): the properties (a{sv}) of each, by name
 */
GPtrArray *
aip_remote_list_sync (AipRemote *self, AipRemoteKind kind, GCancellable *cancellable, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariantIter) objects = NULL;
  GPtrArray *found;
  GVariant *interfaces;

  g_return_val_if_fail (AIP_IS_REMOTE (self), NULL);
  g_return_val_if_fail (kind < AIP_N_REMOTE_KINDS, NULL);

  reply = g_dbus_connection_call_sync (aip_remote_get_connection (self), AIP_REMOTE_BUS_NAME, AIP_REMOTE_PATH,
                                       "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL,
                                       G_VARIANT_TYPE ("(a{oa{sa{sv}}})"), G_DBUS_CALL_FLAGS_NO_AUTO_START,
                                       AIP_REMOTE_TIMEOUT_MS, cancellable, error);
  if (reply == NULL)
    return NULL;

  found = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  g_variant_get (reply, "(a{oa{sa{sv}}})", &objects);
  while (g_variant_iter_next (objects, "{o@a{sa{sv}}}", NULL, &interfaces))
    {
      GVariant *object = g_variant_lookup_value (interfaces, kinds[kind].interface, G_VARIANT_TYPE_VARDICT);

      if (object != NULL)
        g_ptr_array_add (found, object);
      g_variant_unref (interfaces);
    }
  g_ptr_array_sort_with_data (found, compare_objects, GUINT_TO_POINTER (kind));
  return found;
}

/* What a bus says of an object that is not there, or was removed a moment ago. */
static gboolean
is_unknown (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT) ||
         g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD) ||
         g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE);
}

/* Calls one object by its name. A floating @parameters is consumed in any case. */
static GVariant *
call_object (AipRemote *self,
             AipRemoteKind kind,
             const char *name,
             const char *interface,
             const char *method,
             GVariant *parameters,
             GUnixFDList *fds_in,
             GUnixFDList **fds_out,
             GCancellable *cancellable,
             GError **error)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (parameters);
  g_autoptr (GError) failure = NULL;
  g_autofree char *path = NULL;
  GVariant *reply = NULL;

  if (name[0] != '\0')
    {
      path = aip_remote_build_path (kind, name);
      reply = g_dbus_connection_call_with_unix_fd_list_sync (
          aip_remote_get_connection (self), AIP_REMOTE_BUS_NAME, path, interface, method, owned, NULL,
          G_DBUS_CALL_FLAGS_NO_AUTO_START, AIP_REMOTE_TIMEOUT_MS, fds_in, fds_out, cancellable, &failure);
    }
  if (reply != NULL)
    return reply;
  if (failure == NULL || is_unknown (failure))
    g_set_error (error, AIP_ERROR, AIP_ERROR_NOT_FOUND, "there is no %s named \"%s\"", kinds[kind].name,
                 name);
  else
    g_propagate_error (error, g_steal_pointer (&failure));
  return NULL;
}

static gboolean
call_object_for_nothing (AipRemote *self,
                         AipRemoteKind kind,
                         const char *name,
                         const char *method,
                         GVariant *parameters,
                         GUnixFDList *fds,
                         GCancellable *cancellable,
                         GError **error)
{
  g_autoptr (GVariant) reply = call_object (self, kind, name, kinds[kind].interface, method, parameters, fds,
                                            NULL, cancellable, error);

  return reply != NULL;
}

static GVariant *
no_options (void)
{
  return g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);
}

/**
 * aip_remote_lookup_sync:
 * @self: the daemon
 * @kind: what to look for
 * @name: its name
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Returns: (transfer full) (nullable): its properties (a{sv}); AIP_ERROR_NOT_FOUND: there is none
 */
GVariant *
aip_remote_lookup_sync (AipRemote *self,
                        AipRemoteKind kind,
                        const char *name,
                        GCancellable *cancellable,
                        GError **error)
{
  g_autoptr (GVariant) reply = NULL;

  g_return_val_if_fail (AIP_IS_REMOTE (self), NULL);
  g_return_val_if_fail (kind < AIP_N_REMOTE_KINDS, NULL);
  g_return_val_if_fail (name != NULL, NULL);

  reply = call_object (self, kind, name, "org.freedesktop.DBus.Properties", "GetAll",
                       g_variant_new ("(s)", kinds[kind].interface), NULL, NULL, cancellable, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/**
 * aip_remote_update_sync:
 * @self: the daemon
 * @kind: what to change
 * @name: its name
 * @settings: (a{sv}): what to change, by the names of the config file; a floating reference is consumed
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Returns: whether it is in force
 */
gboolean
aip_remote_update_sync (AipRemote *self,
                        AipRemoteKind kind,
                        const char *name,
                        GVariant *settings,
                        GCancellable *cancellable,
                        GError **error)
{
  g_return_val_if_fail (AIP_IS_REMOTE (self), FALSE);
  g_return_val_if_fail (kind < AIP_N_REMOTE_KINDS, FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  return call_object_for_nothing (self, kind, name, "Update",
                                  g_variant_new ("(@a{sv}@a{sv})", settings, no_options ()), NULL,
                                  cancellable, error);
}

/**
 * aip_remote_remove_sync:
 * @self: the daemon
 * @kind: what to remove
 * @name: its name
 * @options: (a{sv}) (nullable): those of its Remove; a floating reference is consumed
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Returns: whether it is gone
 */
gboolean
aip_remote_remove_sync (AipRemote *self,
                        AipRemoteKind kind,
                        const char *name,
                        GVariant *options,
                        GCancellable *cancellable,
                        GError **error)
{
  g_return_val_if_fail (AIP_IS_REMOTE (self), FALSE);
  g_return_val_if_fail (kind < AIP_N_REMOTE_KINDS, FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  return call_object_for_nothing (self, kind, name, "Remove",
                                  g_variant_new ("(@a{sv})", options != NULL ? options : no_options ()), NULL,
                                  cancellable, error);
}

/**
 * aip_remote_test_sync:
 * @self: the daemon
 * @kind: AIP_REMOTE_PROVIDER or AIP_REMOTE_KEY
 * @name: its name
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Returns: (transfer full) (nullable): what was found (a{sv}), as the bus interface describes it
 */
GVariant *
aip_remote_test_sync (AipRemote *self,
                      AipRemoteKind kind,
                      const char *name,
                      GCancellable *cancellable,
                      GError **error)
{
  g_autoptr (GVariant) reply = NULL;

  g_return_val_if_fail (AIP_IS_REMOTE (self), NULL);
  g_return_val_if_fail (kind == AIP_REMOTE_PROVIDER || kind == AIP_REMOTE_KEY, NULL);
  g_return_val_if_fail (name != NULL, NULL);

  reply = call_object (self, kind, name, kinds[kind].interface, "Test",
                       g_variant_new ("(@a{sv})", no_options ()), NULL, NULL, cancellable, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/**
 * aip_remote_get_usage_sync:
 * @self: the daemon
 * @client: a client's name
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Returns: (transfer full) (nullable): what it has used (a{sv}), as the bus interface describes it
 */
GVariant *
aip_remote_get_usage_sync (AipRemote *self, const char *client, GCancellable *cancellable, GError **error)
{
  g_autoptr (GVariant) reply = NULL;

  g_return_val_if_fail (AIP_IS_REMOTE (self), NULL);
  g_return_val_if_fail (client != NULL, NULL);

  reply = call_object (self, AIP_REMOTE_CLIENT, client, kinds[AIP_REMOTE_CLIENT].interface, "GetUsage",
                       g_variant_new ("(@a{sv})", no_options ()), NULL, NULL, cancellable, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/**
 * aip_remote_add_key_sync:
 * @self: the daemon
 * @name: its name
 * @settings: (a{sv}): those of [key NAME]; a floating reference is consumed
 * @secret: where to read its secret, from aip_remote_secret_to_pipe (); -1: it lies elsewhere, or comes later
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Returns: whether it was added
 */
gboolean
aip_remote_add_key_sync (AipRemote *self,
                         const char *name,
                         GVariant *settings,
                         int secret,
                         GCancellable *cancellable,
                         GError **error)
{
  g_autoptr (GVariant) owned = NULL;
  g_autoptr (GUnixFDList) fds = NULL;
  GVariantDict options;
  int index = 0;

  g_return_val_if_fail (AIP_IS_REMOTE (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (settings != NULL, FALSE);

  owned = g_variant_ref_sink (settings);
  fds = g_unix_fd_list_new ();
  if (secret >= 0 && (index = g_unix_fd_list_append (fds, secret, error)) < 0)
    return FALSE;
  g_variant_dict_init (&options, NULL);
  if (secret >= 0)
    g_variant_dict_insert (&options, "secret", "h", index);
  return aip_bus_manager_call_add_key_sync (aip_remote_get_manager (self), name, owned,
                                            g_variant_dict_end (&options), fds, NULL, NULL, cancellable,
                                            error);
}

/**
 * aip_remote_import_key_sync:
 * @self: the daemon
 * @name: of a key that stands in clear in the config file
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Moves the key from there into the keyring.
 *
 * Returns: whether it was moved
 */
gboolean
aip_remote_import_key_sync (AipRemote *self, const char *name, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (AIP_IS_REMOTE (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  return aip_bus_manager_call_add_key_sync (
      aip_remote_get_manager (self), name, g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0),
      g_variant_new_parsed ("{'import': <true>}"), NULL, NULL, NULL, cancellable, error);
}

/**
 * aip_remote_reset_breaker_sync:
 * @self: the daemon
 * @kind: AIP_REMOTE_KEY, or AIP_REMOTE_PROVIDER for one that needs no key
 * @name: its name
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Returns: whether it is used again at once, whatever has spoken against it
 */
gboolean
aip_remote_reset_breaker_sync (AipRemote *self,
                               AipRemoteKind kind,
                               const char *name,
                               GCancellable *cancellable,
                               GError **error)
{
  g_return_val_if_fail (AIP_IS_REMOTE (self), FALSE);
  g_return_val_if_fail (kind == AIP_REMOTE_PROVIDER || kind == AIP_REMOTE_KEY, FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  return call_object_for_nothing (self, kind, name, "ResetBreaker", g_variant_new ("(@a{sv})", no_options ()),
                                  NULL, cancellable, error);
}

/**
 * aip_remote_set_secret_sync:
 * @self: the daemon
 * @key: the name of a key
 * @secret: where to read its new secret, from aip_remote_secret_to_pipe ()
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Returns: whether the secret is in the keyring
 */
gboolean
aip_remote_set_secret_sync (AipRemote *self,
                            const char *key,
                            int secret,
                            GCancellable *cancellable,
                            GError **error)
{
  g_autoptr (GUnixFDList) fds = NULL;
  int index;

  g_return_val_if_fail (AIP_IS_REMOTE (self), FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (secret >= 0, FALSE);

  fds = g_unix_fd_list_new ();
  index = g_unix_fd_list_append (fds, secret, error);
  if (index < 0)
    return FALSE;
  return call_object_for_nothing (self, AIP_REMOTE_KEY, key, "SetSecret",
                                  g_variant_new ("(h@a{sv})", index, no_options ()), fds, cancellable, error);
}

/**
 * aip_remote_import_secret_sync:
 * @self: the daemon
 * @key: the name of a key
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Copies the key's secret from where it lies into the keyring.
 *
 * Returns: whether it is there
 */
gboolean
aip_remote_import_secret_sync (AipRemote *self, const char *key, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (AIP_IS_REMOTE (self), FALSE);
  g_return_val_if_fail (key != NULL, FALSE);

  return call_object_for_nothing (self, AIP_REMOTE_KEY, key, "ImportSecret",
                                  g_variant_new ("(@a{sv})", no_options ()), NULL, cancellable, error);
}

/* Reads the token behind the handle @index of an answer. */
static char *
read_token (GUnixFDList *fds, int index, GError **error)
{
  int fd = fds != NULL ? g_unix_fd_list_get (fds, index, error) : -1;
  char *token;

  if (fd < 0)
    {
      if (fds == NULL)
        g_set_error (error, AIP_ERROR, AIP_ERROR_PROTOCOL, "the daemon handed over no token");
      return NULL;
    }
  token = aip_remote_secret_from_pipe (fd, error);
  close (fd);
  return token;
}

/**
 * aip_remote_add_client_sync:
 * @self: the daemon
 * @name: its name
 * @settings: (a{sv}): those of [client NAME]; a floating reference is consumed
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Returns: (transfer full) (nullable): the new client's token, for aip_remote_secret_free ()
 */
char *
aip_remote_add_client_sync (AipRemote *self,
                            const char *name,
                            GVariant *settings,
                            GCancellable *cancellable,
                            GError **error)
{
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GVariant) token = NULL;

  g_return_val_if_fail (AIP_IS_REMOTE (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);
  g_return_val_if_fail (settings != NULL, NULL);

  if (!aip_bus_manager_call_add_client_sync (aip_remote_get_manager (self), name, settings, no_options (),
                                             NULL, NULL, &token, &fds, cancellable, error))
    return NULL;
  return read_token (fds, g_variant_get_handle (token), error);
}

static char *
call_for_token (AipRemote *self,
                const char *client,
                const char *method,
                GCancellable *cancellable,
                GError **error)
{
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GVariant) reply =
      call_object (self, AIP_REMOTE_CLIENT, client, kinds[AIP_REMOTE_CLIENT].interface, method,
                   g_variant_new ("(@a{sv})", no_options ()), NULL, &fds, cancellable, error);
  int index;

  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(h)", &index);
  return read_token (fds, index, error);
}

/**
 * aip_remote_reveal_token_sync:
 * @self: the daemon
 * @client: the name of a client
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Returns: (transfer full) (nullable): its token, for aip_remote_secret_free (); AIP_ERROR_NOT_FOUND: there
 * is no such client, or its token is kept nowhere
 */
char *
aip_remote_reveal_token_sync (AipRemote *self, const char *client, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (AIP_IS_REMOTE (self), NULL);
  g_return_val_if_fail (client != NULL, NULL);

  return call_for_token (self, client, "RevealToken", cancellable, error);
}

/**
 * aip_remote_rotate_token_sync:
 * @self: the daemon
 * @client: the name of a client
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Makes a new token; the old one is refused from now on.
 *
 * Returns: (transfer full) (nullable): the new token, for aip_remote_secret_free ()
 */
char *
aip_remote_rotate_token_sync (AipRemote *self, const char *client, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (AIP_IS_REMOTE (self), NULL);
  g_return_val_if_fail (client != NULL, NULL);

  return call_for_token (self, client, "RotateToken", cancellable, error);
}
