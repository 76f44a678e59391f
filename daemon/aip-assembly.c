/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-assembly"

#include "aip-assembly.h"

#include <string.h>

#include "aip-discovery.h"
#include "aip-key-secrets.h"
#include "aip-provider-warnings.h"
#include "base/aip-error.h"
#include "base/aip-log.h"
#include "config/aip-config-values.h"
#include "policy/aip-first-token.h"
#include "policy/aip-secret-ref.h"

#define MISSING "the file does not exist; give the path of one that does"

struct _AipAssembly
{
  const AipAssemblySources *sources; /* (not owned) */
  AipAssemblyFunc changed;
  void *user_data;

  AipKeyStores *stores;
  AipKeySecrets *secrets;
  AipDiscovery *discovery;
  AipConcurrency *concurrency;
  AipLiveKeys *live;
  AipLedger *ledger;
  AipConfig *config;      /* (nullable) */
  AipConfigBase *base;    /* of the next change */
  AipSnapshot *snapshot;  /* (nullable) */
  AipSecret *first_token; /* (nullable): of the client that no config file names */
  char **problems;        /* what the last reading found */
  gboolean valid;         /* it could be used */
};

static AipSecret *
get_secret (const AipKeyConfig *key, void *user_data)
{
  return aip_key_stores_find (((AipAssembly *) user_data)->stores, key);
}

/* --- the configuration --- */

static void
add_problem (GPtrArray *problems, const char *file, const char *key, const char *message)
{
  AipConfigProblem *problem = g_new0 (AipConfigProblem, 1);

  problem->file = g_strdup (file);
  problem->group = key != NULL ? g_strdup ("server") : NULL;
  problem->key = g_strdup (key);
  problem->message = g_strdup (message);
  problem->fatal = TRUE;
  g_ptr_array_add (problems, problem);
}

/* Sockets stay open as they are while the daemon runs, so that a later `listen` takes nothing away. */
static gboolean
is_exposed (const AipAssemblySources *sources, const AipConfig *config)
{
  if (sources->sockets != AIP_SOCKETS_AS_CONFIGURED)
    return sources->sockets == AIP_SOCKETS_EXPOSED;
  for (gsize i = 0; config->server.listen[i] != NULL; i++)
    {
      g_autoptr (GSocketAddress) address = aip_config_parse_listen (config->server.listen[i], NULL);

      if (address != NULL && !aip_config_is_loopback (address))
        return TRUE;
    }
  return FALSE;
}

static const char *
get_last_path (const AipAssemblySources *sources)
{
  return sources->paths[g_strv_length (sources->paths) - 1];
}

/* Where other machines can connect, who may is decided before the first start, not by it. */
static gboolean
check_exposure (const AipAssemblySources *sources, const AipConfig *config, GPtrArray *problems)
{
  const char *key = "require-token";
  g_autofree char *message = NULL;

  if (!is_exposed (sources, config))
    return TRUE;
  if (!config->server.require_token)
    message =
        g_strdup ("is false while other machines can reach the daemon, so that anybody could use the keys; "
                  "set it to true, or listen on the loopback alone and start again");
  else if (config->clients->len == 0 && !aip_config_accepts_jwt (config) && sources->demo_token == NULL &&
           !aip_first_token_exists (sources->state_dir))
    {
      key = "listen";
      message = g_strdup_printf (
          "opens the daemon to other machines, and no client has a token yet; add [client NAME] with "
          "token-sha256=DIGEST (a token: `openssl rand -hex 32`, its digest: `printf %%s TOKEN | "
          "sha256sum`), or "
          "start once with `aiproxyd --listen 127.0.0.1:8000`, which makes a token in %s/token",
          sources->state_dir);
    }
  if (message != NULL)
    add_problem (problems, get_last_path (sources), key, message);
  return message == NULL;
}

/* A file that was asked for by its path; without that, none is as good as an empty one. */
static gboolean
is_missing (const AipAssemblySources *sources)
{
  return sources->must_exist && !g_file_test (get_last_path (sources), G_FILE_TEST_EXISTS);
}

/* @base: (nullable): keeps what is read for the next change */
static AipConfig *
read_config (const AipAssemblySources *sources, AipConfigBase *base, GPtrArray *problems)
{
  g_auto (GStrv) environment = g_get_environ ();
  const char *const *paths = (const char *const *) sources->paths;
  const char *const *variables = (const char *const *) environment;
  g_autoptr (AipConfig) config = NULL;

  if (is_missing (sources))
    {
      add_problem (problems, get_last_path (sources), NULL, MISSING);
      return NULL;
    }
  if (base != NULL)
    config = aip_config_base_load (base, paths, variables, &sources->overrides, problems);
  else
    config = aip_config_load (paths, variables, &sources->overrides, problems);
  if (config == NULL || !check_exposure (sources, config, problems))
    return NULL;
  return g_steal_pointer (&config);
}

/**
 * aip_assembly_read_config:
 * @sources: where it stands
 * @problems: (element-type AipConfigProblem): what is wrong with it, added to
 *
 * Returns: (transfer full) (nullable): the configuration; NULL when it cannot be used
 */
AipConfig *
aip_assembly_read_config (const AipAssemblySources *sources, GPtrArray *problems)
{
  return read_config (sources, NULL, problems);
}

static GLogLevelFlags
level_of (const char *name)
{
  static const struct
  {
    const char *name;
    GLogLevelFlags level;
  } levels[] = {
    { "error", G_LOG_LEVEL_CRITICAL }, { "warning", G_LOG_LEVEL_WARNING }, { "message", G_LOG_LEVEL_MESSAGE },
    { "info", G_LOG_LEVEL_INFO },      { "debug", G_LOG_LEVEL_DEBUG },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (levels); i++)
    if (g_str_equal (levels[i].name, name))
      return levels[i].level;
  return G_LOG_LEVEL_MESSAGE;
}

static char **
dup_problem_texts (const GPtrArray *problems)
{
  char **texts = g_new0 (char *, problems->len + 1);

  for (guint i = 0; i < problems->len; i++)
    texts[i] = aip_config_problem_to_string (g_ptr_array_index (problems, i));
  return texts;
}

/**
 * aip_assembly_check:
 * @sources: where the configuration stands
 * @problems: (out) (transfer full): what is wrong with it, a line each
 *
 * Returns: (transfer full) (nullable): the configuration; NULL when it cannot be used
 */
AipConfig *
aip_assembly_check (const AipAssemblySources *sources, char ***problems)
{
  g_autoptr (GPtrArray) found = aip_config_problems_new ();
  AipConfig *config = aip_assembly_read_config (sources, found);

  *problems = dup_problem_texts (found);
  return config;
}

static AipJwt *
load_jwt (const AipConfig *config, GError **error)
{
  g_autoptr (GError) problem = NULL;
  g_autoptr (AipSecret) secret = aip_secret_ref_read (&config->jwt.secret, "[jwt] secret", &problem);

  if (problem != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return NULL;
    }
  return aip_jwt_new (&config->jwt, secret, error);
}

/* What is to be used, now or at the next start, must have its keys. */
static gboolean
check_jwt (const AipAssemblySources *sources, const AipConfig *config, GPtrArray *problems)
{
  g_autoptr (AipJwt) jwt = NULL;
  g_autoptr (GError) error = NULL;

  if (!aip_config_accepts_jwt (config))
    return TRUE;
  jwt = load_jwt (config, &error);
  if (jwt == NULL)
    add_problem (problems, get_last_path (sources), NULL, error->message);
  return jwt != NULL;
}

static AipConfig *
load_config (AipAssembly *self, GError **error)
{
  g_autoptr (GPtrArray) found = aip_config_problems_new ();
  AipConfig *config = read_config (self->sources, self->base, found);

  if (config != NULL && !check_jwt (self->sources, config, found))
    g_clear_pointer (&config, aip_config_unref);
  g_clear_pointer (&self->problems, g_strfreev);
  self->problems = dup_problem_texts (found);
  self->valid = config != NULL;
  for (gsize i = 0; self->problems[i] != NULL; i++)
    g_warning ("%s", self->problems[i]);
  if (config == NULL)
    {
      g_autofree char *text = aip_config_problems_join_fatal (found);

      g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG, "the configuration cannot be used:\n%s", text);
    }
  return config;
}

/* --- clients --- */

static gboolean
add_first_token (AipAssembly *self, AipClients *clients, GError **error)
{
  gboolean created = FALSE;
  g_autofree char *token = aip_first_token_load_or_create (self->sources->state_dir, &created, error);

  if (token == NULL)
    return FALSE;
  if (created)
    g_message ("a client token was made: it lies in %s/token", self->sources->state_dir);
  else if (self->first_token == NULL)
    g_message ("the client token lies in %s/token", self->sources->state_dir);
  aip_clients_add_token (clients, AIP_FIRST_CLIENT, token);
  g_clear_pointer (&self->first_token, aip_secret_unref);
  self->first_token = aip_secret_new (token, -1);
  aip_secret_wipe (token, strlen (token));
  return TRUE;
}

/* The config file may name the client of the first start by now, while its token still lies in its file. */
static void
keep_first_token (AipAssembly *self, const AipConfig *config)
{
  gboolean created;
  g_autofree char *token = NULL;

  g_clear_pointer (&self->first_token, aip_secret_unref);
  if (!aip_first_token_exists (self->sources->state_dir))
    return;
  for (guint i = 0; i < config->clients->len && token == NULL; i++)
    if (g_str_equal (((AipClientConfig *) g_ptr_array_index (config->clients, i))->name, AIP_FIRST_CLIENT))
      token = aip_first_token_load_or_create (self->sources->state_dir, &created, NULL);
  if (token == NULL)
    return;
  self->first_token = aip_secret_new (token, -1);
  aip_secret_wipe (token, strlen (token));
}

/* Without the password, Redis says what is wrong, and so does the ledger: no reason not to start. */
static void
use_redis (AipAssembly *self, const AipConfig *config)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AipSecret) password = aip_secret_ref_read (&config->redis.password, "[redis] password", &error);

  if (error != NULL)
    g_warning ("%s", error->message);
  aip_ledger_set_config (self->ledger, config, password);
}

static AipClients *
make_clients (AipAssembly *self, AipConfig *config, GError **error)
{
  g_autoptr (AipJwt) jwt = NULL;
  g_autoptr (AipClients) clients = NULL;

  if (aip_config_accepts_jwt (config) && (jwt = load_jwt (config, error)) == NULL)
    return NULL;
  clients = aip_clients_new (config, self->concurrency, self->ledger, jwt);
  if (self->sources->demo_token != NULL)
    aip_clients_add_token (clients, "demo", self->sources->demo_token);
  if (config->server.require_token && aip_clients_is_empty (clients))
    {
      if (!add_first_token (self, clients, error))
        return NULL;
    }
  else
    keep_first_token (self, config);
  return g_steal_pointer (&clients);
}

/* --- putting it together --- */

static AipRouter *
make_router (AipAssembly *self, AipConfig *config)
{
  return aip_router_new (config, aip_key_secrets_find (self->secrets, config),
                         aip_discovery_get_lists (self->discovery), self->live,
                         self->snapshot != NULL ? self->snapshot->router : NULL);
}

static void
take_snapshot (AipAssembly *self, AipConfig *config, AipClients *clients)
{
  g_autoptr (AipRouter) router = make_router (self, config);
  gboolean complete =
      aip_discovery_is_complete (self->discovery) && !aip_key_stores_is_loading (self->stores);

  g_clear_pointer (&self->snapshot, aip_snapshot_unref);
  self->snapshot = aip_snapshot_new (config, clients, router, self->ledger, complete);
  self->changed (self->snapshot, self->user_data);
}

static void
discovered_cb (void *user_data)
{
  AipAssembly *self = user_data;
  g_autoptr (AipClients) clients = NULL;

  if (self->snapshot == NULL)
    return;
  clients = aip_clients_ref (self->snapshot->clients);
  take_snapshot (self, self->config, clients);
}

static gboolean
use_config (AipAssembly *self, AipConfig *config, GError **error)
{
  g_autoptr (AipClients) clients = make_clients (self, config, error);

  if (clients == NULL)
    return FALSE;
  aip_log_set_threshold (level_of (config->log.level));
  use_redis (self, config);
  aip_provider_warnings_log (config, self->config);
  g_clear_pointer (&self->config, aip_config_unref);
  self->config = aip_config_ref (config);
  aip_discovery_set_config (self->discovery, config);
  take_snapshot (self, config, clients);
  return TRUE;
}

/**
 * aip_assembly_load:
 * @self: an assembly
 * @error: return location for an AIP_ERROR_INVALID_CONFIG or what the first token says
 *
 * Reads the configuration, the first time and again. What is wrong with it goes to the log; a bad one changes
 * nothing.
 *
 * Returns: whether there is a new snapshot
 */
gboolean
aip_assembly_load (AipAssembly *self, GError **error)
{
  g_autoptr (AipConfig) config = load_config (self, error);

  return config != NULL && use_config (self, config, error);
}

/* Whoever takes the last client away is left with that of the first start, whose token must be to be had. */
static gboolean
check_first_token (const AipAssemblySources *sources, const AipConfig *config, GPtrArray *problems)
{
  g_autofree char *token = NULL;
  g_autoptr (GError) error = NULL;
  gboolean created;

  if (!config->server.require_token || config->clients->len > 0 || sources->demo_token != NULL)
    return TRUE;
  token = aip_first_token_load_or_create (sources->state_dir, &created, &error);
  if (token != NULL)
    aip_secret_wipe (token, strlen (token));
  else
    add_problem (problems, sources->paths[g_strv_length (sources->paths) - 1], "require-token",
                 error->message);
  return token != NULL;
}

typedef struct
{
  const AipAssemblySources *sources;
  char **problems; /* (nullable): of the last attempt */
} Applying;

static gboolean
check_cb (const AipConfig *config, GPtrArray *problems, void *user_data)
{
  Applying *applying = user_data;

  g_clear_pointer (&applying->problems, g_strfreev);
  applying->problems = dup_problem_texts (problems);
  return check_exposure (applying->sources, config, problems) &&
         check_jwt (applying->sources, config, problems) &&
         check_first_token (applying->sources, config, problems);
}

/**
 * aip_assembly_apply:
 * @self: a loaded assembly
 * @edit: what to change in the last config file
 * @error: return location for what the configuration says; INVALID_CONFIG also where a file that has to exist
 * does not
 *
 * Writes the file and takes it into use, or does neither.
 *
 * Returns: whether there is a new snapshot
 */
gboolean
aip_assembly_apply (AipAssembly *self, AipConfigEdit *edit, GError **error)
{
  g_auto (GStrv) environment = g_get_environ ();
  Applying applying = { .sources = self->sources };
  g_autoptr (AipConfig) config = NULL;
  g_auto (GStrv) problems = NULL;

  /* A new file with this change alone would drop all that is in use. */
  if (is_missing (self->sources))
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG, "%s: " MISSING, get_last_path (self->sources));
      return FALSE;
    }
  aip_config_edit_set_base (edit, self->base);
  aip_config_edit_set_check (edit, check_cb, &applying);
  config = aip_config_edit_save (edit, (const char *const *) self->sources->paths,
                                 (const char *const *) environment, &self->sources->overrides, error);
  aip_config_edit_set_check (edit, NULL, NULL);
  problems = applying.problems;
  if (config == NULL)
    return FALSE;
  g_strfreev (self->problems);
  self->problems = g_steal_pointer (&problems);
  self->valid = TRUE;
  if (!use_config (self, config, error))
    return FALSE;
  aip_assembly_refresh_models (self);
  return TRUE;
}

/**
 * aip_assembly_get_problems:
 * @self: an assembly that has read a configuration
 * @valid: (out): whether it could be used
 *
 * Returns: (transfer none): what the last reading found, a line each
 */
const char *const *
aip_assembly_get_problems (AipAssembly *self, gboolean *valid)
{
  *valid = self->valid;
  return (const char *const *) self->problems;
}

/**
 * aip_assembly_get_snapshot:
 * @self: an assembly
 *
 * Returns: (transfer none) (nullable): the last one made
 */
AipSnapshot *
aip_assembly_get_snapshot (AipAssembly *self)
{
  return self->snapshot;
}

/**
 * aip_assembly_get_live_keys:
 * @self: an assembly
 *
 * Returns: (transfer none): what is going on with the keys of all snapshots
 */
AipLiveKeys *
aip_assembly_get_live_keys (AipAssembly *self)
{
  return self->live;
}

/**
 * aip_assembly_refresh_models:
 * @self: a loaded assembly
 *
 * Asks the providers for their models where what they said is missing or old.
 */
void
aip_assembly_refresh_models (AipAssembly *self)
{
  /* Without its key a provider tells nothing; they are asked when the keys are there. */
  if (!aip_key_stores_is_loading (self->stores))
    aip_discovery_refresh (self->discovery);
}

static void
secrets_changed_cb (void *user_data)
{
  AipAssembly *self = user_data;

  if (self->snapshot == NULL)
    return;
  discovered_cb (self);
  if (!aip_key_stores_is_loading (self->stores))
    aip_discovery_retry (self->discovery);
}

/**
 * aip_assembly_is_loading:
 * @self: an assembly
 *
 * Returns: whether secrets are still to come
 */
gboolean
aip_assembly_is_loading (AipAssembly *self)
{
  return aip_key_stores_is_loading (self->stores);
}

/**
 * aip_assembly_get_key_store:
 * @self: an assembly
 *
 * Returns: (transfer none): where secret=keyring is looked up
 */
AipKeyStore *
aip_assembly_get_key_store (AipAssembly *self)
{
  return aip_key_stores_get_main (self->stores);
}

/**
 * aip_assembly_find_secret:
 * @self: an assembly
 * @key: a key
 *
 * Returns: (transfer full) (nullable): its secret
 */
AipSecret *
aip_assembly_find_secret (AipAssembly *self, const AipKeyConfig *key)
{
  return get_secret (key, self);
}

/**
 * aip_assembly_explain_secret:
 * @self: an assembly
 * @key: a key that has no secret
 *
 * Returns: (nullable): what the key store has to do with it, static text
 */
const char *
aip_assembly_explain_secret (AipAssembly *self, const AipKeyConfig *key)
{
  gboolean locked;

  return aip_key_stores_explain (self->stores, key, &locked);
}

/**
 * aip_assembly_get_secrets_serial:
 * @self: an assembly
 *
 * Returns: a number that is another one as soon as a secret, or why there is none, may have changed
 */
guint
aip_assembly_get_secrets_serial (AipAssembly *self)
{
  return aip_key_stores_get_serial (self->stores);
}

/**
 * aip_assembly_reload_secrets:
 * @self: an assembly
 *
 * Reads all secrets again; a new snapshot comes when they have changed.
 */
void
aip_assembly_reload_secrets (AipAssembly *self)
{
  aip_key_stores_reload (self->stores);
}

/**
 * aip_assembly_settle_secrets:
 * @self: an assembly
 * @func: as in aip_key_stores_settle ()
 * @user_data: for @func
 *
 * Waits until the secrets that are being read are in the snapshot; not for ever.
 */
void
aip_assembly_settle_secrets (AipAssembly *self, AipKeyStoresFunc func, void *user_data)
{
  aip_key_stores_settle (self->stores, func, user_data);
}

/**
 * aip_assembly_end_waits:
 * @self: an assembly
 *
 * Tells those who wait in aip_assembly_settle_secrets () now.
 */
void
aip_assembly_end_waits (AipAssembly *self)
{
  aip_key_stores_end_waits (self->stores);
}

/**
 * aip_assembly_get_first_token:
 * @self: an assembly
 *
 * Returns: (transfer none) (nullable): the token of the client that no config file names
 */
AipSecret *
aip_assembly_get_first_token (AipAssembly *self)
{
  return self->first_token;
}

/**
 * aip_assembly_new:
 * @sources: where all comes from; outlives the assembly
 * @changed: called with each new snapshot
 * @user_data: for @changed
 *
 * Returns: (transfer full): an assembly with nothing read yet
 */
AipAssembly *
aip_assembly_new (const AipAssemblySources *sources, AipAssemblyFunc changed, void *user_data)
{
  AipAssembly *self = g_new0 (AipAssembly, 1);

  self->sources = sources;
  self->changed = changed;
  self->user_data = user_data;
  self->stores = aip_key_stores_new (sources->key_store != NULL ? sources->key_store : "auto",
                                     sources->on_session_bus, secrets_changed_cb, self);
  self->secrets = aip_key_secrets_new (self->stores);
  self->discovery = aip_discovery_new (get_secret, discovered_cb, self);
  self->concurrency = aip_concurrency_new ();
  self->live = aip_live_keys_new ();
  self->base = aip_config_base_new ();
  self->ledger = aip_ledger_new (sources->state_dir);
  return self;
}

/**
 * aip_assembly_free:
 * @self: (transfer full): an assembly
 */
void
aip_assembly_free (AipAssembly *self)
{
  aip_discovery_free (self->discovery);
  g_clear_pointer (&self->snapshot, aip_snapshot_unref);
  g_clear_pointer (&self->config, aip_config_unref);
  aip_config_base_free (self->base);
  aip_concurrency_unref (self->concurrency);
  aip_live_keys_unref (self->live);
  aip_ledger_close (self->ledger);
  aip_ledger_unref (self->ledger);
  aip_key_secrets_free (self->secrets);
  aip_key_stores_free (self->stores);
  g_clear_pointer (&self->first_token, aip_secret_unref);
  g_strfreev (self->problems);
  g_free (self);
}
