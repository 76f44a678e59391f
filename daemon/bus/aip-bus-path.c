/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-bus-path.h"

/**
 * aip_bus_path_make:
 * @kind: "provider", "key", "mapping" or "client"
 * @name: a name of that kind
 *
 * Makes an object path; what is neither a letter nor a digit becomes "_XX", as in systemd's paths.
 *
 * Returns: (transfer full): the path, another one for each name
 */
char *
aip_bus_path_make (const char *kind, const char *name)
{
  GString *path = g_string_new (AIP_BUS_ROOT "/");

  g_return_val_if_fail (kind != NULL && name != NULL && *name != '\0', NULL);

  g_string_append (path, kind);
  g_string_append_c (path, '/');
  for (const char *p = name; *p != '\0'; p++)
    if (g_ascii_isalnum (*p))
      g_string_append_c (path, *p);
    else
      g_string_append_printf (path, "_%02x", (guchar) *p);
  return g_string_free (path, FALSE);
}
