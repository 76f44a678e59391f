/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-error.h"

#include <gio/gio.h>

static void
test_names (void)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (int code = 0; code < AIP_N_ERRORS; code++)
    {
      g_autoptr (GError) error = g_error_new_literal (AIP_ERROR, code, "why");
      char *name = g_dbus_error_encode_gerror (error);

      g_assert_true (g_str_has_prefix (name, "org.example.AIProxy1.Error."));
      g_assert_true (g_dbus_is_interface_name (name));
      g_assert_true (g_hash_table_add (names, name));

      g_autoptr (GError) back = g_dbus_error_new_for_dbus_error (name, "why");
      g_assert_error (back, AIP_ERROR, code);
    }
}

static void
test_known_name (void)
{
  g_autoptr (GError) error = g_error_new_literal (AIP_ERROR, AIP_ERROR_NOT_FOUND, "why");
  g_autofree char *name = g_dbus_error_encode_gerror (error);

  g_assert_cmpstr (name, ==, "org.example.AIProxy1.Error.NotFound");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/error/names", test_names);
  g_test_add_func ("/base/error/known-name", test_known_name);

  return g_test_run ();
}
