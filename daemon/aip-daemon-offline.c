/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-daemon"

/* What the program does instead of serving. */

#include <stdio.h>
#include <sysexits.h>

#include "aip-daemon-private.h"
#include "aip-diagnosis.h"
#include "aip-import.h"
#include "base/aip-error.h"

/* A tab ends a field, and a line break a finding. */
static void
print_field (const char *text, char end)
{
  g_autofree char *clean = g_strdup (text);

  for (char *p = clean; *p != '\0'; p++)
    if (g_ascii_iscntrl (*p))
      *p = ' ';
  printf ("%s%c", clean, end);
}

/**
 * aip_daemon_diagnose:
 * @self: a daemon that does not run
 *
 * Prints what may keep it from starting: for each finding a line of "ok", "warning" or "failed", what was
 * looked at, what was found, and how to mend it, with tabs between.
 *
 * Returns: 1 where something failed, else 0
 */
int
aip_daemon_diagnose (AipDaemon *self)
{
  g_autoptr (GPtrArray) findings = aip_diagnosis_run_offline (&self->sources);
  int code = 0;

  for (guint i = 0; i < findings->len; i++)
    {
      const AipFinding *finding = g_ptr_array_index (findings, i);

      print_field (finding->status, '\t');
      print_field (finding->check, '\t');
      print_field (finding->text, '\t');
      print_field (finding->remedy, '\n');
      if (g_str_equal (finding->status, "failed"))
        code = 1;
    }
  return code;
}

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
