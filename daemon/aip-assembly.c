/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-assembly"

#include "aip-assembly.h"

#include <string.h>

#include "aip-discovery.h"
#include "base/aip-error.h"
#include "base/aip-log.h"
#include "config/aip-config-values.h"
#include "keys/aip-key-store.h"
#include "policy/aip-first-token.h"

struct _AipAssembly
{
  const AipAssemblySources *sources; /* (not owned) */
  AipAssemblyFunc changed;
  void *user_data;

  AipKeyStore *environment;
  AipKeyStore *credentials;
  AipDiscovery *discovery;
  AipConcurrency *concurrency;
  AipConfig *config;     /* (nullable) */
  AipSnapshot *snapshot; /* (nullable) */
};

/* [key openai-1] -> OPENAI_1_API_KEY */
static char *
dup_variable_name (const char *key)
{
  g_autofree char *name = g_ascii_strup (key, -1);

  for (char *p = name; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p))
      *p = '_';
  return g_strconcat (name, "_API_KEY", NULL);
}

/* What stands in for a keyring where there is none. */
static AipSecret *
get_keyring_secret (AipAssembly *self, const char *key)
{
  const char *store = self->sources->key_store != NULL ? self->sources->key_store : "auto";
  gboolean both = g_str_equal (store, "auto");
  g_autofree char *variable = dup_variable_name (key);
  AipSecret *secret = NULL;

  if (both || g_str_equal (store, "credentials"))
    secret = aip_key_store_lookup (self->credentials, key);
  if (secret == NULL && (both || g_str_equal (store, "environment")))
    secret = aip_key_store_lookup (self->environment, variable);
  return secret;
}

static AipSecret *
get_secret (const AipKeyConfig *key, void *user_data)
{
  AipAssembly *self = user_data;

  switch (key->ref_kind)
    {
    case AIP_KEY_REF_ENVIRONMENT:
      return aip_key_store_lookup (self->environment, key->ref);
    case AIP_KEY_REF_CREDENTIAL:
      return aip_key_store_lookup (self->credentials, key->ref);
    case AIP_KEY_REF_KEYRING:
    default:
      return get_keyring_secret (self, key->name);
    }
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
  else if (config->clients->len == 0 && sources->demo_token == NULL &&
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
    add_problem (problems, sources->paths[g_strv_length (sources->paths) - 1], key, message);
  return message == NULL;
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
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (AipConfig) config = NULL;
  const char *last = sources->paths[g_strv_length (sources->paths) - 1];

  if (sources->must_exist && !g_file_test (last, G_FILE_TEST_EXISTS))
    {
      add_problem (problems, last, NULL, "the file does not exist; give the path of one that does");
      return NULL;
    }
  config = aip_config_load ((const char *const *) sources->paths, (const char *const *) environment,
                            &sources->overrides, problems);
  if (config == NULL || !check_exposure (sources, config, problems))
    return NULL;
  return g_steal_pointer (&config);
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

static AipConfig *
load_config (AipAssembly *self, GError **error)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_config_problem_free);
  AipConfig *config = aip_assembly_read_config (self->sources, problems);

  for (guint i = 0; i < problems->len; i++)
    {
      g_autofree char *text = aip_config_problem_to_string (g_ptr_array_index (problems, i));

      g_warning ("%s", text);
    }
  if (config == NULL)
    g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
                 "the configuration cannot be used: see the problems above");
  else
    aip_log_set_threshold (level_of (config->log.level));
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
  else
    g_message ("the client token lies in %s/token", self->sources->state_dir);
  aip_clients_add_token (clients, "default", token);
  aip_secret_wipe (token, strlen (token));
  return TRUE;
}

static AipClients *
make_clients (AipAssembly *self, AipConfig *config, GError **error)
{
  g_autoptr (AipClients) clients = aip_clients_new (config, self->concurrency);

  if (self->sources->demo_token != NULL)
    aip_clients_add_token (clients, "demo", self->sources->demo_token);
  if (config->server.require_token && aip_clients_is_empty (clients) &&
      !add_first_token (self, clients, error))
    return NULL;
  return g_steal_pointer (&clients);
}

/* --- putting it together --- */

static AipRouter *
make_router (AipAssembly *self, AipConfig *config)
{
  guint n = config->keys->len;
  g_autofree AipKeySecret *secrets = g_new0 (AipKeySecret, n + 1);
  AipRouter *router;

  for (guint i = 0; i < n; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (config->keys, i);

      secrets[i].secret = get_secret (key, self);
      if (key->ref_kind == AIP_KEY_REF_KEYRING)
        secrets[i].missing =
            "there is no keyring in this version, and neither a systemd credential of the key's "
            "name nor a variable NAME_API_KEY; use secret=env:VARIABLE or secret=credential:NAME";
    }
  router = aip_router_new (config, secrets, aip_discovery_get_lists (self->discovery));
  for (guint i = 0; i < n; i++)
    g_clear_pointer (&secrets[i].secret, aip_secret_unref);
  return router;
}

static void
warn_of_idle_providers (const AipConfig *config)
{
  for (guint i = 0; i < config->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (config->providers, i);

      if (aip_dialect_find (provider->dialect) == NULL)
        g_warning ("provider %s is left out: the dialect %s is not served by this version", provider->name,
                   provider->dialect);
    }
}

static void
take_snapshot (AipAssembly *self, AipConfig *config, AipClients *clients)
{
  g_autoptr (AipRouter) router = make_router (self, config);

  g_clear_pointer (&self->snapshot, aip_snapshot_unref);
  self->snapshot = aip_snapshot_new (config, clients, router, aip_discovery_is_complete (self->discovery));
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
  g_autoptr (AipClients) clients = NULL;

  if (config != NULL)
    clients = make_clients (self, config, error);
  if (clients == NULL)
    return FALSE;
  warn_of_idle_providers (config);
  g_clear_pointer (&self->config, aip_config_unref);
  self->config = aip_config_ref (config);
  aip_discovery_set_config (self->discovery, config);
  take_snapshot (self, config, clients);
  return TRUE;
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
 * aip_assembly_refresh_models:
 * @self: a loaded assembly
 *
 * Asks the providers for their models where what they said is missing or old.
 */
void
aip_assembly_refresh_models (AipAssembly *self)
{
  aip_discovery_refresh (self->discovery);
}

static void
loaded_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  /* Outside of a service there are no credentials, and nothing is wrong with that. */
  if (!aip_key_store_load_finish (AIP_KEY_STORE (object), result, &error))
    g_debug ("%s: %s", aip_key_store_get_name (AIP_KEY_STORE (object)), error->message);
  *(guint *) user_data -= 1;
}

static void
load_key_stores (AipAssembly *self)
{
  guint left = 2;

  aip_key_store_load_async (self->environment, NULL, loaded_cb, &left);
  aip_key_store_load_async (self->credentials, NULL, loaded_cb, &left);
  while (left > 0)
    g_main_context_iteration (NULL, TRUE);
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
  self->environment = aip_key_store_environment_new ();
  self->credentials = aip_key_store_credentials_new (NULL);
  self->discovery = aip_discovery_new (get_secret, discovered_cb, self);
  self->concurrency = aip_concurrency_new ();
  load_key_stores (self);
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
  aip_concurrency_unref (self->concurrency);
  g_object_unref (self->environment);
  g_object_unref (self->credentials);
  g_free (self);
}
