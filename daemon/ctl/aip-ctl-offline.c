/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-offline"

#include "ctl/aip-ctl-offline.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/wait.h>

#define PROGRAM "aiproxyd"

/* What the unit of the system's daemon sets. */
#define SYSTEM_STATE "/var/lib"

/**
 * aip_ctl_offline_is_needed:
 * @error: what aip_ctl_connect () failed with
 *
 * Returns: whether there is no daemon, so that its program has to be asked
 */
gboolean
aip_ctl_offline_is_needed (const GError *error)
{
  g_return_val_if_fail (error != NULL, FALSE);

  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED);
}

/* That of our own installation first. */
static char *
find_program (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self != NULL ? g_path_get_dirname (self) : NULL;
  g_autofree char *beside = folder != NULL ? g_build_filename (folder, PROGRAM, NULL) : NULL;

  if (beside != NULL && g_file_test (beside, G_FILE_TEST_IS_EXECUTABLE))
    return g_steal_pointer (&beside);
  return g_find_program_in_path (PROGRAM);
}

static char **
make_environment (const AipCtl *ctl)
{
  char **environment = g_get_environ ();

  if (ctl->bus != G_BUS_TYPE_SYSTEM)
    return environment;
  environment = g_environ_setenv (environment, "XDG_CONFIG_HOME", SYSTEM_STATE, TRUE);
  return g_environ_setenv (environment, "STATE_DIRECTORY", SYSTEM_STATE "/aiproxy", TRUE);
}

/**
 * aip_ctl_offline_run:
 * @ctl: the program's state
 * @option: "--check" or "--diagnose"
 * @code: (out): what the program exited with
 *
 * Has the daemon's program look at its files, which are nobody else's to read.
 *
 * Returns: (transfer full) (nullable): the lines that it printed; NULL where it is not there, or did not end
 * by itself
 */
char **
aip_ctl_offline_run (const AipCtl *ctl, const char *option, int *code)
{
  g_autofree char *program = find_program ();
  g_auto (GStrv) environment = make_environment (ctl);
  char *words[] = { program, (char *) option, NULL };
  g_autofree char *output = NULL;
  int status = 0;

  if (program == NULL ||
      !g_spawn_sync (NULL, words, environment, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &output, NULL, &status,
                     NULL) ||
      !WIFEXITED (status) || !g_utf8_validate (output, -1, NULL))
    return NULL;
  *code = WEXITSTATUS (status);
  if (g_str_has_suffix (output, "\n"))
    output[strlen (output) - 1] = '\0';
  return g_strsplit (output, "\n", -1);
}
