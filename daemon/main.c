/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aiproxyd"

#include <gio/gio.h>
#include <locale.h>
#include <stdio.h>
#include <sysexits.h>

#include "aip-build.h"
#include "aip-daemon.h"
#include "base/aip-log.h"
#include "config/aip-config-values.h"

static void
options_clear (AipDaemonOptions *options)
{
  g_free (options->config);
  g_strfreev (options->listen);
  g_free (options->key_store);
  g_free (options->bus);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipDaemonOptions, options_clear)

static gboolean
is_one_of (const char *option, const char *value, const char *const *values)
{
  g_autofree char *all = g_strjoinv (", ", (char **) values);

  if (value == NULL || g_strv_contains (values, value))
    return TRUE;
  fprintf (stderr, "aiproxyd: %s takes one of %s, not \"%s\"\n", option, all, value);
  return FALSE;
}

static gboolean
check_listen (char **addresses)
{
  for (char **address = addresses; address != NULL && *address != NULL; address++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GSocketAddress) parsed G_GNUC_UNUSED = aip_config_parse_listen (*address, &error);

      if (error == NULL)
        continue;
      fprintf (stderr, "aiproxyd: --listen %s: %s\n", *address, error->message);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_options (const AipDaemonOptions *options)
{
  static const char *const stores[] = { "auto", "libsecret", "credentials", "environment", "memory", NULL };
  static const char *const buses[] = { "session", "system", "none", NULL };

  return is_one_of ("--key-store", options->key_store, stores) && is_one_of ("--bus", options->bus, buses) &&
         check_listen (options->listen);
}

/* The XDG Base Directory Specification has relative paths ignored: they, and a HOME that is empty, would put
 * the daemon's state wherever it was started. Whoever asks later, GLib too, finds the default. */
static void
ignore_relative_paths (void)
{
  static const char *const names[] = { "HOME",          "XDG_CONFIG_HOME", "XDG_STATE_HOME",
                                       "XDG_DATA_HOME", "XDG_CACHE_HOME",  "XDG_RUNTIME_DIR" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *path = g_getenv (names[i]);

      if (path == NULL || g_path_is_absolute (path))
        continue;
      if (*path != '\0')
        g_warning ("%s is ignored: it is no absolute path", names[i]);
      g_unsetenv (names[i]);
    }
}

static gboolean
parse (AipDaemonOptions *options, gboolean *version, int *argc, char ***argv)
{
  const GOptionEntry entries[] = {
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, &options->config, "Read this file alone", "FILE" },
    { "listen", 'l', 0, G_OPTION_ARG_STRING_ARRAY, &options->listen,
      "Listen here instead of where the file says; may be given several times; port 0: a free one",
      "ADDR:PORT" },
    { "key-store", 0, 0, G_OPTION_ARG_STRING, &options->key_store, "Where secret=keyring is looked up",
      "auto|libsecret|credentials|environment|memory" },
    { "bus", 0, 0, G_OPTION_ARG_STRING, &options->bus,
      "Which D-Bus to be on; session by default, where there is one", "session|system|none" },
    { "env", 0, 0, G_OPTION_ARG_NONE, &options->plain_names,
      "Also read UPSTREAM_URL, OPENAI_API_KEY and the like from the environment", NULL },
    { "demo", 0, 0, G_OPTION_ARG_NONE, &options->demo,
      "Add a model of our own that needs no key and no network", NULL },
    { "check", 0, 0, G_OPTION_ARG_NONE, &options->check,
      "Check the configuration, print its problems, and exit", NULL },
    { "diagnose", 0, 0, G_OPTION_ARG_NONE, &options->diagnose,
      "Print what may keep a daemon from starting, and exit", NULL },
    { "import-keys", 0, 0, G_OPTION_ARG_NONE, &options->import_keys,
      "Move the keys that stand in clear in the config file into the keyring, and exit", NULL },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &options->verbose, "Log more", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, version, "Print the version and exit", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- the AI gateway of this machine");
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (g_option_context_parse (context, argc, argv, &error) && *argc == 1)
    return TRUE;
  fprintf (stderr, "aiproxyd: %s\nTry: aiproxyd --help\n",
           error != NULL ? error->message : "there are no arguments without a dash");
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_auto (AipDaemonOptions) options = { 0 };
  g_autoptr (AipDaemon) daemon = NULL;
  gboolean version = FALSE;

  setlocale (LC_ALL, "");
  if (!parse (&options, &version, &argc, &argv) || !check_options (&options))
    return EX_USAGE;
  if (version)
    {
      printf ("aiproxyd %s\n", AIP_VERSION);
      return EX_OK;
    }
  aip_log_init (options.verbose ? G_LOG_LEVEL_DEBUG : G_LOG_LEVEL_MESSAGE);
  ignore_relative_paths ();
  daemon = aip_daemon_new (&options);
  if (options.diagnose)
    return aip_daemon_diagnose (daemon);
  if (options.import_keys)
    return aip_daemon_import_keys (daemon);
  return options.check ? aip_daemon_check (daemon) : aip_daemon_run (daemon);
}
