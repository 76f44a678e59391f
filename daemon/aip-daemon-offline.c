/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-daemon"

/* What the program does instead of serving. */

#include <stdio.h>
#include <sysexits.h>

#include "aip-daemon-private.h"
#include "aip-import.h"
#include "base/aip-error.h"

/**
 * aip_daemon_import_keys:
 * @self: a daemon that does not run
 *
 * Moves the keys that stand in clear in the config file into the keyring, which the daemon would not start
 * with.
 *
 * Returns: what to exit with, from sysexits.h
 */
int
aip_daemon_import_keys (AipDaemon *self)
{
  const char *bus = self->options->bus;
  g_autoptr (GError) error = NULL;

  self->sources.on_session_bus = bus == NULL || g_str_equal (bus, "session");
  if (aip_import_keys (&self->sources, &error))
    return EX_OK;
  fprintf (stderr, "aiproxyd: nothing was moved: %s\n", error->message);
  return g_error_matches (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG) ? EX_CONFIG : EX_UNAVAILABLE;
}
