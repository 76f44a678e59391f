/* SPDX-License-Identifier: MIT */
#include "client/aip-remote-error.h"

#include <gio/gio.h>

#include "base/aip-error.h"

static GError *
from_bus (const char *name, const char *message)
{
  (void) AIP_ERROR;
  return g_dbus_error_new_for_dbus_error (name, message);
}

static void
test_the_daemons_errors_keep_their_code_and_words (void)
{
  g_autoptr (GError) error = from_bus ("org.example.AIProxy1.Error.InUse", "it is used");

  aip_remote_error_tidy (error);
  g_assert_error (error, AIP_ERROR, AIP_ERROR_IN_USE);
  g_assert_cmpstr (error->message, ==, "it is used");
  g_assert_false (aip_remote_error_is_unreachable (error));
}

static void
test_a_daemon_that_is_not_there (void)
{
  static const char *const names[] = { "ServiceUnknown", "NameHasNoOwner", "NoReply", "TimedOut",
                                       "Disconnected" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *name = g_strconcat ("org.freedesktop.DBus.Error.", names[i], NULL);
      g_autoptr (GError) error = from_bus (name, "some words of the bus");

      g_assert_true (aip_remote_error_is_unreachable (error));
      aip_remote_error_tidy (error);
      g_assert_true (g_str_has_prefix (error->message, "the daemon "));
    }
}

static void
test_other_errors (void)
{
  g_autoptr (GError) denied = from_bus ("org.freedesktop.DBus.Error.AccessDenied", "not you");
  g_autoptr (GError) silent = g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "words of GDBus");
  g_autoptr (GError) closed = g_error_new (G_IO_ERROR, G_IO_ERROR_CLOSED, "gone");
  g_autoptr (GError) local =
      g_error_new (G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN, "not there; start it so and so");

  g_assert_false (aip_remote_error_is_unreachable (denied));
  aip_remote_error_tidy (denied);
  g_assert_cmpstr (denied->message, ==, "not you");
  g_assert_true (aip_remote_error_is_unreachable (closed));
  g_assert_true (aip_remote_error_is_unreachable (silent));
  aip_remote_error_tidy (silent);
  g_assert_cmpstr (silent->message, ==, "the daemon does not answer");
  g_assert_true (aip_remote_error_is_unreachable (local));
  aip_remote_error_tidy (local);
  g_assert_cmpstr (local->message, ==, "not there; start it so and so");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/client/error/daemon", test_the_daemons_errors_keep_their_code_and_words);
  g_test_add_func ("/client/error/unreachable", test_a_daemon_that_is_not_there);
  g_test_add_func ("/client/error/others", test_other_errors);
  return g_test_run ();
}
