/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-draft.h"

#include <string.h>

#include "aip-build.h"
#include "config/aip-config-json.h"
#include "config/aip-config-schema.h"
#include "config/aip-config-values.h"

/*
 * The variables that containers of such proxies are commonly given (--env). Unlike AIPROXY_*, they are
 * written as their own world writes them: seconds without a unit, lists with commas.
 */
typedef struct
{
  AipConfigDraft *draft;
  AipConfigSource *source;
  char **environment;
} Names;

typedef struct
{
  const char *variable;
  const char *group;
  const char *key;
  char *(*convert) (const char *value); /* (nullable); gives NULL for what it does not understand */
} PlainName;

static char *
convert_seconds (const char *value)
{
  double seconds;

  if (!aip_config_parse_double (value, &seconds) || seconds < 0 || seconds > 1e9)
    return NULL;
  return g_strdup_printf ("%" G_GUINT64_FORMAT "ms", (guint64) (seconds * 1000 + 0.5));
}

/* Retries come after the first attempt. */
static char *
convert_retries (const char *value)
{
  guint64 retries;

  if (!g_ascii_string_to_unsigned (value, 10, 0, G_MAXINT32, &retries, NULL))
    return NULL;
  return g_strdup_printf ("%" G_GUINT64_FORMAT, retries + 1);
}

static char *
convert_level (const char *value)
{
  if (g_ascii_strcasecmp (value, "warn") == 0)
    return g_strdup ("warning");
  if (g_ascii_strcasecmp (value, "critical") == 0 || g_ascii_strcasecmp (value, "fatal") == 0)
    return g_strdup ("error");
  return g_ascii_strdown (value, -1);
}

static const PlainName plain_names[] = {
  { "TIMEOUT", "timeouts", "total", convert_seconds },
  { "CONNECT_TIMEOUT", "timeouts", "connect", convert_seconds },
  { "MAX_RETRIES", "retry", "max-attempts", convert_retries },
  { "RETRY_DELAY", "retry", "base-delay", convert_seconds },
  { "RATE_LIMIT_ENABLED", "rate-limit", "enabled", NULL },
  { "RATE_LIMIT_REQUESTS", "rate-limit", "requests", NULL },
  { "RATE_LIMIT_WINDOW", "rate-limit", "window", convert_seconds },
  { "CIRCUIT_BREAKER_ENABLED", "circuit-breaker", "enabled", NULL },
  { "CIRCUIT_BREAKER_THRESHOLD", "circuit-breaker", "threshold", NULL },
  { "CIRCUIT_BREAKER_TIMEOUT", "circuit-breaker", "cooldown", convert_seconds },
  { "LOG_LEVEL", "log", "level", convert_level },
  { "LOG_FILE_PATH", "log", "file", NULL },
  { "REQUEST_LOG_ENABLED", "log", "requests", NULL },
  { "METRICS_ENABLED", "metrics", "enabled", NULL },
  { "SHUTDOWN_TIMEOUT", "server", "shutdown-timeout", convert_seconds },
  { "VALIDATE_MODELS", "routing", "validate-models", NULL },
  { "ALLOW_UNKNOWN_MODELS", "routing", "allow-unknown-models", NULL },
  { "PROXY_KEY_STRATEGY", "routing", "strategy", NULL },
  { "OPENAI_PROXY_DEFAULT_STRATEGY", "routing", "strategy", NULL },
  { "OPENAI_PROXY_DEFAULT_TIMEOUT", "timeouts", "total", convert_seconds },
  { "OPENAI_PROXY_MAX_RETRIES", "retry", "max-attempts", convert_retries },
  { "OPENAI_PROXY_REFRESH_INTERVAL", "health-check", "interval", convert_seconds },
  { "OPENAI_PROXY_HEALTH_CHECK_TIMEOUT", "health-check", "timeout", convert_seconds },
};

/* An empty variable is the same as none: compose files pass on what nobody set. */
static const char *
get_variable (const Names *self, const char *variable)
{
  const char *value = g_environ_getenv (self->environment, variable);

  if (value == NULL || *value == '\0')
    return NULL;
  if (g_utf8_validate (value, -1, NULL))
    return value;
  aip_config_draft_report_at (self->draft, TRUE, "environment", 0, NULL, variable,
                              "is not UTF-8 text; correct the variable");
  return NULL;
}

static void
read_settings (Names *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (plain_names); i++)
    {
      const PlainName *name = &plain_names[i];
      const char *value = get_variable (self, name->variable);
      g_autofree char *converted = NULL;

      if (value == NULL)
        continue;
      converted = name->convert == NULL ? g_strdup (value) : name->convert (value);
      if (converted == NULL)
        aip_config_draft_report_at (
            self->draft, TRUE, "environment", 0, NULL, name->variable, "is not a number; write %s",
            name->convert == convert_seconds ? "seconds, such as 30" : "a whole number");
      else
        g_key_file_set_string (self->source->values, name->group, name->key, converted);
    }
}

/* HOST and PORT, of which one may be missing, make one listen address; without HOST it is the loopback. */
static void
read_listen (Names *self)
{
  const char *host = get_variable (self, "HOST");
  const char *port = get_variable (self, "PORT");
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func (g_free);

  if (host == NULL && port == NULL)
    return;
  if (port == NULL)
    port = "8000";
  if (host != NULL && strcmp (host, "localhost") == 0)
    host = NULL;

  if (host == NULL)
    {
      g_ptr_array_add (addresses, g_strdup_printf ("127.0.0.1:%s", port));
      g_ptr_array_add (addresses, g_strdup_printf ("[::1]:%s", port));
    }
  else
    g_ptr_array_add (
        addresses,
        g_strdup_printf (strchr (host, ':') != NULL && *host != '[' ? "[%s]:%s" : "%s:%s", host, port));
  g_key_file_set_string_list (self->source->values, "server", "listen",
                              (const char *const *) addresses->pdata, addresses->len);
}

/* Such a proxy appends the client's whole path, which begins with /v1, to a bare host. */
static char *
complete_upstream (const char *url)
{
  const char *host = strstr (url, "://");
  const char *path = host == NULL ? NULL : strchr (host + strlen ("://"), '/');

  if (host == NULL || (path != NULL && path[1] != '\0'))
    return g_strdup (url);
  return g_strconcat (url, path == NULL ? "/v1" : "v1", NULL);
}

static void
read_providers (Names *self)
{
  const char *upstream = get_variable (self, "UPSTREAM_URL");
  const char *openai = get_variable (self, "OPENAI_BASE_URL");
  const char *key = get_variable (self, "OPENAI_API_KEY");
  const char *models = get_variable (self, "AVAILABLE_MODELS");
  const char *group =
      openai == NULL && key == NULL && upstream != NULL ? "provider upstream" : "provider openai";
  GKeyFile *values = self->source->values;

  if (upstream != NULL)
    {
      g_autofree char *url = complete_upstream (upstream);

      g_key_file_set_string (values, "provider upstream", "dialect", "openai");
      g_key_file_set_string (values, "provider upstream", "base-url", url);
    }
  if (openai != NULL || key != NULL || (models != NULL && upstream == NULL))
    g_key_file_set_string (values, "provider openai", "dialect", "openai");
  if (openai != NULL)
    g_key_file_set_string (values, "provider openai", "base-url", openai);
  if (key != NULL)
    {
      g_key_file_set_string (values, "key openai", "provider", "openai");
      g_key_file_set_string (values, "key openai", "secret", "env:OPENAI_API_KEY");
    }
  if (models != NULL)
    {
      g_auto (GStrv) names = g_strsplit_set (models, ",;", -1);

      g_key_file_set_string_list (values, group, "models", (const char *const *) names,
                                  g_strv_length (names));
    }
}

static void
add_mapping (const char *alias, const char *target, void *user_data)
{
  Names *self = user_data;
  g_autofree char *group = g_strconcat ("mapping ", alias, NULL);
  const AipSettingGroup *kind = aip_setting_group_find ("mapping", NULL);

  if (aip_setting_group_is_name (kind, alias))
    g_key_file_set_string_list (self->source->values, group, "target", &target, 1);
  else
    aip_config_draft_report_at (
        self->draft, TRUE, "environment", 0, NULL, "MODEL_MAPPINGS",
        "has an alias that is no name; write letters, digits, \"-\", \"_\", \".\", \"/\", "
        "\":\" and \"@\"");
}

static void
read_mappings (Names *self)
{
  const char *mappings = get_variable (self, "MODEL_MAPPINGS");
  g_autoptr (GError) error = NULL;

  if (mappings != NULL && !aip_config_json_foreach (mappings, add_mapping, self, &error))
    aip_config_draft_report_at (self->draft, TRUE, "environment", 0, NULL, "MODEL_MAPPINGS",
                                "is no JSON object of names; write such as {\"claude\":\"gpt-4o\"}");
}

static void
warn_unserved (Names *self)
{
  if (get_variable (self, "DATABASE_URL") != NULL)
    aip_config_draft_report_at (self->draft, FALSE, "environment", 0, NULL, "DATABASE_URL",
                                "is not used; the request log is an SQLite file in the state folder "
                                "($XDG_STATE_HOME/aiproxy), see [log]");
  if (get_variable (self, "QDRANT_URL") != NULL)
    aip_config_draft_report_at (self->draft, FALSE, "environment", 0, NULL, "QDRANT_URL",
                                "is not used; version " AIP_VERSION
                                " has no vector store, the request log is searched as text");
}

/**
 * aip_config_read_plain_names:
 * @draft: a draft, files read
 * @environment: (array zero-terminated=1): "NAME=value"
 *
 * Adds UPSTREAM_URL, OPENAI_API_KEY, MODEL_MAPPINGS and their like as the strongest source.
 */
void
aip_config_read_plain_names (AipConfigDraft *draft, const char *const *environment)
{
  Names self = {
    .draft = draft,
    .source = aip_config_draft_add_source (draft, AIP_CONFIG_SOURCE_PLAIN_NAMES, "environment"),
    .environment = (char **) environment,
  };

  read_settings (&self);
  read_listen (&self);
  read_providers (&self);
  read_mappings (&self);
  warn_unserved (&self);
}
