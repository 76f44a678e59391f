/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-daemon"

#include "aip-daemon-private.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "base/aip-error.h"
#include "base/aip-systemd.h"
#include "bus/aip-bus-path.h"
#include "config/aip-config-schema.h"
#include "policy/aip-first-token.h"
#include "server/aip-sockets.h"
#include "upstream/aip-upstream.h"

/* Four workers with an event loop, a resolver and a socket or two each. */
#define MIN_DESCRIPTORS 40u

/* Requests that come and go while the bus is busy; beyond that they are left out of the live view. */
#define MAX_EVENTS 4096

/* How many requests that are over are kept, and how much memory they may take. */
#define MAX_RECORDS 500
#define MAX_RECORDS_SIZE (1024 * 1024)

/* How long callers on the bus wait for a keyring that does not answer. */
#define KEYRING_PATIENCE_MS 2000

/* --- the bus --- */

static int
exit_code_of (const GError *error)
{
  if (g_error_matches (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG))
    return EX_CONFIG;
  return g_error_matches (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE) ? EX_UNAVAILABLE : EX_SOFTWARE;
}

/* Callers that ask for a secret shall find it, so the bus lets them through when the keyring was read: those
 * that had the daemon started wait for that. One that does not answer is not waited for for ever. */
static gboolean
take_name (AipDaemon *self, gboolean at_once, GError **error)
{
  if (self->bus == NULL || self->named || (!at_once && aip_assembly_is_loading (self->assembly)))
    return TRUE;
  self->named = TRUE;
  g_clear_handle_id (&self->name_timer, g_source_remove);
  if (!aip_bus_own_name (self->bus, error))
    return FALSE;
  g_message ("on the bus as " AIP_BUS_NAME);
  return TRUE;
}

static void
take_name_late (AipDaemon *self, gboolean at_once)
{
  g_autoptr (GError) error = NULL;

  if (take_name (self, at_once, &error))
    return;
  g_critical ("%s", error->message);
  self->exit_code = exit_code_of (error);
  g_main_loop_quit (self->loop);
}

static gboolean
name_timer_cb (gpointer user_data)
{
  AipDaemon *self = user_data;

  self->name_timer = 0;
  g_warning ("the keyring does not answer: its keys are used as soon as it does");
  take_name_late (self, TRUE);
  return G_SOURCE_REMOVE;
}

/* --- reloading --- */

static void
snapshot_cb (AipSnapshot *snapshot, void *user_data)
{
  AipDaemon *self = user_data;

  if (self->server != NULL)
    aip_server_set_snapshot (self->server, snapshot);
  if (self->health != NULL)
    aip_health_set_config (self->health, snapshot->config);
  if (self->bus != NULL)
    aip_bus_show (self->bus);
  take_name_late (self, FALSE);
}

static void
ledger_cb (void *user_data)
{
  AipDaemon *self = user_data;

  if (self->bus != NULL)
    aip_bus_show_state (self->bus);
}

static void
models_wanted_cb (void *user_data)
{
  AipDaemon *self = user_data;

  aip_assembly_refresh_models (self->assembly);
}

static void
tell_what_needs_a_restart (const AipConfig *old, const AipConfig *new)
{
  g_auto (GStrv) settings = aip_setting_list_restarts (old, new);

  for (char **setting = settings; *setting != NULL; setting++)
    g_message ("`%s` has changed: it counts from the next start on", *setting);
}

static void
reload_settled_cb (void *user_data)
{
  AipDaemon *self = user_data;

  if (--self->n_reloads == 0 && !self->draining)
    aip_systemd_notify ("READY=1");
}

static void
secrets_settled_cb (void *user_data)
{
  AipDaemon *self = user_data;

  aip_server_settle (self->server, reload_settled_cb, self);
}

/**
 * aip_daemon_reload:
 * @self: a daemon that serves
 * @error: return location for what is wrong with the configuration
 *
 * Reads the configuration and the secrets again. systemd is told when they are in use.
 *
 * Returns: whether the configuration is in use; else the last good one stays
 */
gboolean
aip_daemon_reload (AipDaemon *self, GError **error)
{
  g_autoptr (AipConfig) old = aip_config_ref (aip_assembly_get_snapshot (self->assembly)->config);
  gboolean loaded;

  aip_systemd_notify ("RELOADING=1");
  aip_assembly_reload_secrets (self->assembly);
  loaded = aip_assembly_load (self->assembly, error);
  if (loaded)
    {
      g_message ("the configuration was read again");
      tell_what_needs_a_restart (old, aip_assembly_get_snapshot (self->assembly)->config);
    }
  else if (self->bus != NULL)
    aip_bus_show (self->bus);
  aip_assembly_refresh_models (self->assembly);
  self->n_reloads++;
  aip_assembly_settle_secrets (self->assembly, secrets_settled_cb, self);
  return loaded;
}

static void
reload (AipDaemon *self)
{
  g_autoptr (GError) error = NULL;

  if (!aip_daemon_reload (self, &error))
    g_warning ("%s; the last good configuration stays in use", error->message);
}

static void
files_changed_cb (void *user_data)
{
  reload (user_data);
}

static gboolean
hangup_cb (gpointer user_data)
{
  reload (user_data);
  return G_SOURCE_CONTINUE;
}

/* --- ending --- */

static void
drained_cb (void *user_data)
{
  AipDaemon *self = user_data;

  g_main_loop_quit (self->loop);
}

static gboolean
terminate_cb (gpointer user_data)
{
  AipDaemon *self = user_data;
  const AipConfig *config = aip_assembly_get_snapshot (self->assembly)->config;

  if (self->draining)
    {
      g_message ("told again to end: not waiting any longer");
      g_main_loop_quit (self->loop);
      return G_SOURCE_CONTINUE;
    }
  self->draining = TRUE;
  aip_systemd_notify ("STOPPING=1");
  aip_server_drain (self->server, config->server.shutdown_timeout, drained_cb, self);
  if (self->bus != NULL)
    aip_bus_show_state (self->bus);
  return G_SOURCE_CONTINUE;
}

static gboolean
watchdog_cb (gpointer user_data)
{
  AipDaemon *self = user_data;

  if (aip_server_check_workers (self->server))
    aip_systemd_notify ("WATCHDOG=1");
  else
    g_critical ("a worker does not answer: leaving it to the watchdog");
  return G_SOURCE_CONTINUE;
}

/* --- starting --- */

static void
add_signal (AipDaemon *self, int signal, GSourceFunc func)
{
  guint id = g_unix_signal_add (signal, func, self);

  g_array_append_val (self->signals, id);
}

/* No core file may hold a key, and each client costs a descriptor or two. */
static void
set_limits (void)
{
  struct rlimit files;

  /* Whoever reads our output may go. */
  signal (SIGPIPE, SIG_IGN);
  prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
  setrlimit (RLIMIT_CORE, &(struct rlimit){ 0, 0 });
  if (getrlimit (RLIMIT_NOFILE, &files) == 0)
    {
      files.rlim_cur = files.rlim_max;
      setrlimit (RLIMIT_NOFILE, &files);
    }
}

/* GnuTLS's default still takes TLS 1.0; GIO has no other way to say so (RFC 8996). */
static void
refuse_old_tls (void)
{
  g_setenv ("G_TLS_GNUTLS_PRIORITY", "NORMAL:%COMPAT:-VERS-TLS1.1:-VERS-TLS1.0", FALSE);
}

/* A daemon that cannot even open its own descriptors had better not say that it is ready. */
static gboolean
check_limits (GError **error)
{
  struct rlimit files;

  if (getrlimit (RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= MIN_DESCRIPTORS)
    return TRUE;
  g_set_error (
      error, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
      "only %u descriptors may be open, and at least %u are needed: raise `ulimit -n` or LimitNOFILE",
      (guint) files.rlim_cur, MIN_DESCRIPTORS);
  return FALSE;
}

static AipSocketsReach
get_reach (int first, guint n)
{
  for (guint i = 0; i < n; i++)
    if (aip_sockets_is_exposed (first + (int) i))
      return AIP_SOCKETS_EXPOSED;
  return n > 0 ? AIP_SOCKETS_LOCAL : AIP_SOCKETS_AS_CONFIGURED;
}

static gboolean
serve (AipDaemon *self, int first, guint n, GError **error)
{
  AipSnapshot *snapshot = aip_assembly_get_snapshot (self->assembly);

  self->server = aip_server_new (snapshot, self->activity, self->records, models_wanted_cb, self);
  if (n > 0)
    return aip_server_adopt_sockets (self->server, snapshot->config, first, n, error);
  return aip_server_listen (self->server, snapshot->config, error);
}

/* Where nothing else was asked for, a session's bus is used as far as there is one. */
static gboolean
has_session_bus (void)
{
  g_autofree char *path = g_build_filename (g_get_user_runtime_dir (), "bus", NULL);

  return g_getenv ("DBUS_SESSION_BUS_ADDRESS") != NULL || g_file_test (path, G_FILE_TEST_EXISTS);
}

static gboolean
is_on_bus (const AipDaemon *self, GBusType type)
{
  const char *bus = self->options->bus;

  if (type == G_BUS_TYPE_SYSTEM)
    return g_strcmp0 (bus, "system") == 0;
  return g_strcmp0 (bus, "session") == 0 || (bus == NULL && has_session_bus ());
}

static AipSecret *
find_secret_cb (const AipKeyConfig *key, void *user_data)
{
  return aip_assembly_find_secret (((AipDaemon *) user_data)->assembly, key);
}

static const char *
explain_secret_cb (const AipKeyConfig *key, void *user_data)
{
  return aip_assembly_explain_secret (((AipDaemon *) user_data)->assembly, key);
}

static gboolean
join_bus (AipDaemon *self, GError **error)
{
  gboolean system = is_on_bus (self, G_BUS_TYPE_SYSTEM);

  if (!system && !is_on_bus (self, G_BUS_TYPE_SESSION))
    {
      if (self->options->bus == NULL)
        g_message ("there is no session bus: aiproxyctl cannot reach this daemon");
      return TRUE;
    }
  self->probe =
      aip_probe_new (aip_assembly_get_live_keys (self->assembly), find_secret_cb, explain_secret_cb, self);
  self->bus = aip_bus_new (system ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION, &aip_daemon_host, self, error);
  if (self->bus == NULL)
    return FALSE;
  self->name_timer = g_timeout_add (KEYRING_PATIENCE_MS, name_timer_cb, self);
  return take_name (self, FALSE, error);
}

static void
check_health (AipDaemon *self)
{
  self->health = aip_health_new (aip_assembly_get_live_keys (self->assembly), find_secret_cb, self);
  aip_health_set_config (self->health, aip_assembly_get_snapshot (self->assembly)->config);
}

/* Where the configuration can be used, what fails is the token that lies, or is to be made, in the state
 * folder. */
static gboolean
load (AipDaemon *self, GError **error)
{
  g_autoptr (GError) problem = NULL;

  if (aip_assembly_load (self->assembly, &problem))
    return TRUE;
  if (!g_error_matches (problem, AIP_ERROR, AIP_ERROR_INVALID_CONFIG))
    self->exit_code = EX_CANTCREAT;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

static gboolean
start (AipDaemon *self, GError **error)
{
  int first = -1;
  guint n = aip_systemd_take_sockets (&first);

  if (!check_limits (error) || !aip_upstream_global_init (error))
    return FALSE;
  self->sources.sockets = get_reach (first, n);
  self->sources.on_session_bus = is_on_bus (self, G_BUS_TYPE_SESSION);
  self->assembly = aip_assembly_new (&self->sources, snapshot_cb, self);
  self->breakers =
      aip_breaker_file_new (self->sources.state_dir, aip_assembly_get_live_keys (self->assembly));
  if (!load (self, error))
    return FALSE;
  self->breaker_log = aip_breaker_log_new (aip_assembly_get_live_keys (self->assembly));
  check_health (self);
  aip_ledger_set_watch (aip_assembly_get_snapshot (self->assembly)->ledger, ledger_cb, self);
  return serve (self, first, n, error) && join_bus (self, error);
}

static void
tell_ready (AipDaemon *self)
{
  g_auto (GStrv) endpoints = aip_server_get_endpoints (self->server);
  gint64 interval = aip_systemd_get_watchdog_interval ();

  for (gsize i = 0; endpoints[i] != NULL; i++)
    printf ("listening on %s\n", endpoints[i]);
  if (self->sources.demo_token != NULL)
    printf ("token: %s\n", self->sources.demo_token);
  fflush (stdout);
  self->sources.sockets = aip_server_is_exposed (self->server) ? AIP_SOCKETS_EXPOSED : AIP_SOCKETS_LOCAL;
  aip_systemd_notify ("READY=1");
  if (interval > 0)
    self->watchdog = g_timeout_add ((guint) MAX (interval / 1000, 1), watchdog_cb, self);
}

/**
 * aip_daemon_run:
 * @self: a daemon
 *
 * Serves until it is told to end.
 *
 * Returns: what to exit with, from sysexits.h
 */
int
aip_daemon_run (AipDaemon *self)
{
  g_autoptr (GError) error = NULL;

  set_limits ();
  refuse_old_tls ();
  if (!start (self, &error))
    {
      g_critical ("%s", error->message);
      return self->exit_code != EX_OK ? self->exit_code : exit_code_of (error);
    }
  self->watch = aip_config_watch_new ((const char *const *) self->sources.paths, files_changed_cb, self);
  add_signal (self, SIGHUP, hangup_cb);
  add_signal (self, SIGTERM, terminate_cb);
  add_signal (self, SIGINT, terminate_cb);
  tell_ready (self);
  aip_assembly_refresh_models (self->assembly);
  g_main_loop_run (self->loop);
  return self->exit_code;
}

/**
 * aip_daemon_check:
 * @self: a daemon
 *
 * Prints every problem of the configuration.
 *
 * Returns: 0 when it can be used, else 1
 */
int
aip_daemon_check (AipDaemon *self)
{
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  g_autoptr (AipConfig) config = aip_assembly_read_config (&self->sources, problems);

  for (guint i = 0; i < problems->len; i++)
    {
      g_autofree char *text = aip_config_problem_to_string (g_ptr_array_index (problems, i));

      printf ("%s\n", text);
    }
  return config != NULL ? 0 : 1;
}

/* --- life --- */

static char **
dup_paths (const AipDaemonOptions *options)
{
  const char *one[] = { options->config, NULL };

  return options->config != NULL ? g_strdupv ((char **) one) : aip_config_dup_default_paths ();
}

/**
 * aip_daemon_new:
 * @options: the command line; outlives the daemon
 *
 * Returns: (transfer full): a daemon that does nothing yet
 */
AipDaemon *
aip_daemon_new (const AipDaemonOptions *options)
{
  AipDaemon *self = g_new0 (AipDaemon, 1);
  g_auto (GStrv) state =
      g_strsplit (g_getenv ("STATE_DIRECTORY") != NULL ? g_getenv ("STATE_DIRECTORY") : "", ":", 2);

  self->options = options;
  self->activity = aip_activity_new (MAX_EVENTS);
  self->records = aip_records_new (MAX_RECORDS, MAX_RECORDS_SIZE);
  self->sources.paths = dup_paths (options);
  self->sources.must_exist = options->config != NULL;
  self->sources.overrides = (AipConfigOverrides){
    .listen = (const char *const *) options->listen,
    .demo = options->demo,
    .plain_names = options->plain_names,
  };
  /* systemd.exec(5): a list, of which the first is ours. */
  self->sources.state_dir = state[0] != NULL && *state[0] != '\0'
                                ? g_strdup (state[0])
                                : g_build_filename (g_get_user_state_dir (), "aiproxy", NULL);
  self->sources.key_store = options->key_store;
  self->sources.demo_token = options->demo ? aip_first_token_make () : NULL;
  self->loop = g_main_loop_new (NULL, FALSE);
  self->signals = g_array_new (FALSE, FALSE, sizeof (guint));
  return self;
}

/**
 * aip_daemon_free:
 * @self: (transfer full): a daemon
 */
void
aip_daemon_free (AipDaemon *self)
{
  /* A reload that is cut short does not make it ready. */
  self->draining = TRUE;
  g_clear_pointer (&self->watch, aip_config_watch_free);
  g_clear_handle_id (&self->watchdog, g_source_remove);
  g_clear_handle_id (&self->name_timer, g_source_remove);
  /* Both answer those who wait for them. */
  g_clear_pointer (&self->probe, aip_probe_free);
  if (self->assembly != NULL)
    aip_assembly_end_waits (self->assembly);
  g_clear_pointer (&self->bus, aip_bus_free);
  g_clear_pointer (&self->server, aip_server_free);
  g_clear_pointer (&self->activity, aip_activity_free);
  g_clear_pointer (&self->records, aip_records_free);
  g_clear_pointer (&self->health, aip_health_free);
  /* After the server, whose last requests are in it. */
  g_clear_pointer (&self->breakers, aip_breaker_file_free);
  g_clear_pointer (&self->breaker_log, aip_breaker_log_free);
  g_clear_pointer (&self->assembly, aip_assembly_free);
  /* Last, since without a source a signal ends the process on the spot. */
  for (guint i = 0; i < self->signals->len; i++)
    g_source_remove (g_array_index (self->signals, guint, i));
  g_array_unref (self->signals);
  g_main_loop_unref (self->loop);
  g_strfreev (self->sources.paths);
  g_free (self->sources.state_dir);
  g_free (self->sources.demo_token);
  g_free (self);
}
