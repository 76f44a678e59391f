/* SPDX-License-Identifier: MIT */
#include "client/aip-remote.h"

#include <string.h>

#include "base/aip-error.h"
#include "client/aip-remote-error.h"
#include "client/aip-remote-objects.h"

/* A bus of the test's own, on which a skeleton plays the daemon. */
typedef struct
{
  GTestDBus *bus;
  GDBusConnection *connection;
  AipBusManager *manager;
  guint owner;
  AipRemote *remote;
  GError *error;
  guint n_notified;
} Fixture;

static void
fixture_setup (Fixture *self, const void *data)
{
  self->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (self->bus);
}

static void
stop_daemon (Fixture *self)
{
  if (self->manager != NULL)
    g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (self->manager));
  g_clear_object (&self->manager);
  if (self->connection != NULL)
    g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_clear_object (&self->connection);
}

static void
fixture_teardown (Fixture *self, const void *data)
{
  stop_daemon (self);
  g_clear_object (&self->remote);
  g_clear_error (&self->error);
  g_test_dbus_down (self->bus);
  g_object_unref (self->bus);
}

static void
start_daemon (Fixture *self)
{
  g_autoptr (GVariant) reply = NULL;

  self->connection = g_dbus_connection_new_for_address_sync (
      g_test_dbus_get_bus_address (self->bus),
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
      NULL, NULL);
  self->manager = aip_bus_manager_skeleton_new ();
  aip_bus_manager_set_version (self->manager, "1.2.3");
  g_assert_true (g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self->manager),
                                                   self->connection, AIP_REMOTE_PATH, NULL));
  reply = g_dbus_connection_call_sync (self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "RequestName",
                                       g_variant_new ("(su)", AIP_REMOTE_BUS_NAME, 0), NULL,
                                       G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
  g_assert_nonnull (reply);
}

static void
new_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  Fixture *self = user_data;

  self->remote = aip_remote_new_finish (result, &self->error);
}

/* The daemon of the test lives in this thread too, so that only the asynchronous form can be used. */
static void
connect_remote (Fixture *self, AipRemoteFlags flags)
{
  aip_remote_new_async (G_BUS_TYPE_SESSION, flags, NULL, new_cb, self);
  while (self->remote == NULL && self->error == NULL)
    g_main_context_iteration (NULL, TRUE);
}

static void
notify_cb (AipRemote *remote, GParamSpec *pspec, Fixture *self)
{
  self->n_notified++;
}

static void
wait_for_notification (Fixture *self, guint n)
{
  while (self->n_notified < n)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_a_daemon_that_runs (Fixture *self, const void *data)
{
  start_daemon (self);
  connect_remote (self, AIP_REMOTE_FLAGS_NONE);
  g_assert_no_error (self->error);
  g_assert_true (aip_remote_is_running (self->remote));
  g_assert_cmpstr (aip_bus_manager_get_version (aip_remote_get_manager (self->remote)), ==, "1.2.3");
}

static void
test_a_daemon_that_cannot_be_started (Fixture *self, const void *data)
{
  connect_remote (self, AIP_REMOTE_FLAGS_NONE);
  g_assert_null (self->remote);
  g_assert_true (aip_remote_error_is_unreachable (self->error));
  g_assert_nonnull (strstr (self->error->message, "systemctl --user start aiproxy"));
}

/* A proxy would say nothing, and have no properties. */
static void
test_a_daemon_that_cannot_be_asked (Fixture *self, const void *data)
{
  start_daemon (self);
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (self->manager));
  g_clear_object (&self->manager);
  connect_remote (self, AIP_REMOTE_FLAGS_NONE);
  g_assert_null (self->remote);
  g_assert_nonnull (self->error);
}

static void
test_a_daemon_that_comes_and_goes (Fixture *self, const void *data)
{
  gboolean running;

  connect_remote (self, AIP_REMOTE_NO_START);
  g_assert_no_error (self->error);
  g_assert_false (aip_remote_is_running (self->remote));
  g_signal_connect (self->remote, "notify::running", G_CALLBACK (notify_cb), self);

  start_daemon (self);
  wait_for_notification (self, 1);
  g_object_get (self->remote, "running", &running, NULL);
  g_assert_true (running);
  stop_daemon (self);
  wait_for_notification (self, 2);
  g_assert_false (aip_remote_is_running (self->remote));
}

static void
test_no_bus (Fixture *self, const void *data)
{
  g_autofree char *address = g_strdup (g_getenv ("DBUS_SESSION_BUS_ADDRESS"));

  g_setenv ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus", TRUE);
  connect_remote (self, AIP_REMOTE_FLAGS_NONE);
  g_setenv ("DBUS_SESSION_BUS_ADDRESS", address, TRUE);
  g_assert_null (self->remote);
  g_assert_true (aip_remote_error_is_unreachable (self->error));
  g_assert_nonnull (strstr (self->error->message, "there is no session bus"));
}

static void
test_no_bus_without_waiting_for_it (Fixture *self, const void *data)
{
  g_autofree char *address = g_strdup (g_getenv ("DBUS_SESSION_BUS_ADDRESS"));
  g_autoptr (GError) error = NULL;

  g_setenv ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus", TRUE);
  g_assert_null (aip_remote_new_sync (G_BUS_TYPE_SESSION, AIP_REMOTE_FLAGS_NONE, NULL, &error));
  g_setenv ("DBUS_SESSION_BUS_ADDRESS", address, TRUE);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED);
}

static void
test_paths (void)
{
  static const struct
  {
    AipRemoteKind kind;
    const char *name;
    const char *path;
  } cases[] = {
    { AIP_REMOTE_PROVIDER, "openai", "/org/example/AIProxy/provider/openai" },
    { AIP_REMOTE_KEY, "my-key_1.a", "/org/example/AIProxy/key/my_2dkey_5f1_2ea" },
    { AIP_REMOTE_MAPPING, "a/b:c@d", "/org/example/AIProxy/mapping/a_2fb_3ac_40d" },
    { AIP_REMOTE_CLIENT, "\xc3\xbc", "/org/example/AIProxy/client/_c3_bc" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = aip_remote_build_path (cases[i].kind, cases[i].name);

      g_assert_cmpstr (path, ==, cases[i].path);
      g_assert_true (g_variant_is_object_path (path));
    }
}

#define ADD(name, func) g_test_add (name, Fixture, NULL, fixture_setup, func, fixture_teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/client/remote/running", test_a_daemon_that_runs);
  ADD ("/client/remote/not-startable", test_a_daemon_that_cannot_be_started);
  ADD ("/client/remote/not-askable", test_a_daemon_that_cannot_be_asked);
  ADD ("/client/remote/comes-and-goes", test_a_daemon_that_comes_and_goes);
  ADD ("/client/remote/no-bus", test_no_bus);
  ADD ("/client/remote/no-bus-sync", test_no_bus_without_waiting_for_it);
  g_test_add_func ("/client/remote/paths", test_paths);
  return g_test_run ();
}
