/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-daemon"

/* What the bus asks of the daemon. */

#include <string.h>

#include "aip-daemon-private.h"
#include "aip-diagnosis.h"
#include "policy/aip-first-token.h"

static AipConfig *
get_config (void *data)
{
  return aip_assembly_get_snapshot (((AipDaemon *) data)->assembly)->config;
}

static AipRouter *
get_router (void *data)
{
  return aip_assembly_get_snapshot (((AipDaemon *) data)->assembly)->router;
}

static AipLiveKeys *
get_live_keys (void *data)
{
  return aip_assembly_get_live_keys (((AipDaemon *) data)->assembly);
}

static AipKeyStore *
get_key_store (void *data)
{
  return aip_assembly_get_key_store (((AipDaemon *) data)->assembly);
}

static AipSecret *
find_secret (const AipKeyConfig *key, void *data)
{
  return aip_assembly_find_secret (((AipDaemon *) data)->assembly, key);
}

static guint
get_secrets_serial (void *data)
{
  return aip_assembly_get_secrets_serial (((AipDaemon *) data)->assembly);
}

static char **
dup_endpoints (void *data)
{
  return aip_server_get_endpoints (((AipDaemon *) data)->server);
}

static const char *const *
get_paths (void *data)
{
  return (const char *const *) ((AipDaemon *) data)->sources.paths;
}

static const char *
get_state (void *data)
{
  AipDaemon *self = data;

  if (aip_server_is_draining (self->server))
    return "draining";
  return aip_server_is_paused (self->server) ? "paused" : "running";
}

static AipLedger *
get_ledger (void *data)
{
  return aip_assembly_get_snapshot (((AipDaemon *) data)->assembly)->ledger;
}

static char **
dup_problems (gboolean *valid, void *data)
{
  return g_strdupv ((char **) aip_assembly_get_problems (((AipDaemon *) data)->assembly, valid));
}

static gboolean
apply (AipConfigEdit *edit, GError **error, void *data)
{
  aip_config_edit_set_watch (edit, ((AipDaemon *) data)->watch);
  return aip_assembly_apply (((AipDaemon *) data)->assembly, edit, error);
}

static gboolean
reload (GError **error, void *data)
{
  return aip_daemon_reload (data, error);
}

static void
settle_secrets (AipSettledFunc func, void *user_data, void *data)
{
  aip_assembly_settle_secrets (((AipDaemon *) data)->assembly, func, user_data);
}

static void
settle (AipSettledFunc func, void *user_data, void *data)
{
  aip_server_settle (((AipDaemon *) data)->server, func, user_data);
}

static char **
check (gboolean *valid, void *data)
{
  char **problems = NULL;
  g_autoptr (AipConfig) config = aip_assembly_check (&((AipDaemon *) data)->sources, &problems);

  *valid = config != NULL;
  return problems;
}

static AipSecret *
get_first_token (void *data)
{
  AipSecret *token = aip_assembly_get_first_token (((AipDaemon *) data)->assembly);

  return token != NULL ? aip_secret_ref (token) : NULL;
}

static void
drop_first_token (void *data)
{
  aip_first_token_remove (((AipDaemon *) data)->sources.state_dir);
}

static void
set_paused (gboolean paused, void *data)
{
  AipDaemon *self = data;

  aip_server_set_paused (self->server, paused);
  aip_health_set_paused (self->health, paused);
  g_message (paused ? "paused: every request is refused until the daemon is resumed" : "resumed");
  aip_bus_show_state (self->bus);
}

static void
cancel (const char *id, AipCancelFunc func, void *user_data, void *data)
{
  aip_server_cancel (((AipDaemon *) data)->server, id, func, user_data);
}

static void
test (const char *provider, const char *key, AipTestFunc func, void *user_data, void *data)
{
  aip_probe_start (((AipDaemon *) data)->probe, get_config (data), provider, key, func, user_data, NULL);
}

static void
diagnose (gboolean network, AipFindingsFunc func, void *user_data, void *data)
{
  AipDaemon *self = data;
  g_auto (GStrv) endpoints = dup_endpoints (data);

  aip_diagnosis_run (&(AipDiagnosisSubject){ &self->sources, self->assembly, self->probe, endpoints,
                                             aip_server_is_paused (self->server) },
                     network, func, user_data);
}

static void
read_counters (AipCountersSnapshot *counters, guint64 *uptime_ms, void *data)
{
  AipServer *server = ((AipDaemon *) data)->server;

  aip_server_read_counters (server, counters);
  *uptime_ms = (guint64) (aip_server_get_uptime (server) / 1000);
}

static AipActivity *
get_activity (void *data)
{
  return ((AipDaemon *) data)->activity;
}

static AipRecords *
get_records (void *data)
{
  return ((AipDaemon *) data)->records;
}

const AipBusHost aip_daemon_host = {
  .get_config = get_config,
  .get_router = get_router,
  .get_live_keys = get_live_keys,
  .get_key_store = get_key_store,
  .find_secret = find_secret,
  .get_secrets_serial = get_secrets_serial,
  .dup_endpoints = dup_endpoints,
  .get_paths = get_paths,
  .get_state = get_state,
  .get_ledger = get_ledger,
  .dup_problems = dup_problems,
  .apply = apply,
  .reload = reload,
  .settle_secrets = settle_secrets,
  .settle = settle,
  .check = check,
  .get_first_token = get_first_token,
  .drop_first_token = drop_first_token,
  .set_paused = set_paused,
  .cancel = cancel,
  .test = test,
  .diagnose = diagnose,
  .read_counters = read_counters,
  .get_activity = get_activity,
  .get_records = get_records,
};
