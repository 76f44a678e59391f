/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-environment"

#include "config/aip-config-loader.h"

#include <glib/gstdio.h>
#include <string.h>

#include "config-problems.h"

typedef const char *const Variables[];

/* Loads @file (nullable) below @environment; @problems gets what problems_join () makes. */
static AipConfig *
load (const char *file, const char *const *environment, gboolean plain_names, char **problems)
{
  g_autofree char *path = NULL;
  g_autoptr (GPtrArray) list = aip_config_problems_new ();
  const AipConfigOverrides overrides = { .plain_names = plain_names };
  const char *paths[] = { NULL, NULL };
  AipConfig *config;

  if (file != NULL)
    {
      int fd = g_file_open_tmp ("aiproxy-test-XXXXXX", &path, NULL);

      g_assert_cmpint (fd, >=, 0);
      g_close (fd, NULL);
      g_assert_true (g_file_set_contents (path, file, -1, NULL));
      paths[0] = path;
    }
  config = aip_config_load (paths, environment, &overrides, list);
  if (path != NULL)
    g_remove (path);
  g_free (*problems);
  *problems = problems_join (list);
  return config;
}

static void
test_groups (void)
{
  static Variables environment = {
    "HOME=/root",
    "broken",
    "AIPROXY_SERVER_LISTEN=127.0.0.1:1;[::1]:2",
    "AIPROXY_SERVER_MAX_BODY=1MiB",
    "AIPROXY_CIRCUIT_BREAKER_ERROR_RATE=0.25",
    "AIPROXY_HEALTH_CHECK_ENABLED=no",
    "AIPROXY_METRICS_PUBLIC=yes",
    "AIPROXY_LOG_FILE=",
    "AIPROXY_RETRY_BASE_DELAY= 10ms",
    "UPSTREAM_URL=http://ignored",
    NULL,
  };
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config = load (NULL, environment, FALSE, &problems);

  g_assert_cmpstr (problems, ==, "");
  g_assert_cmpstr (config->server.listen[1], ==, "[::1]:2");
  g_assert_cmpuint (config->server.max_body, ==, 1 << 20);
  g_assert_cmpfloat (config->breaker.error_rate, ==, 0.25);
  g_assert_false (config->health_check.enabled);
  g_assert_true (config->metrics.public_access);
  g_assert_null (config->log.file);
  g_assert_cmpuint (config->retry.base_delay, ==, 10);
  g_assert_cmpuint (config->providers->len, ==, 0);
}

static void
test_named_groups (void)
{
  static const char file[] = "[provider open-ai.com]\n[key Main_1]\nprovider=open-ai.com\n"
                             "[model meta/llama:8b]\n[mapping fast]\ntarget=x\n";
  static Variables environment = {
    "AIPROXY_PROVIDER_OPEN_AI_COM_BASE_URL=https://other.example/v1",
    "AIPROXY_PROVIDER_OPEN_AI_COM_FIRST_BYTE_TIMEOUT=9s",
    "AIPROXY_KEY_MAIN_1_SECRET=env:SOME_KEY",
    "AIPROXY_MODEL_META_LLAMA_8B_INPUT_PRICE=1",
    "AIPROXY_MAPPING_FAST_TARGET=y;z",
    NULL,
  };
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config = load (file, environment, FALSE, &problems);
  const AipProviderConfig *provider;
  const AipKeyConfig *key;

  g_assert_cmpstr (problems, ==, "");
  provider = aip_config_find_provider (config, "open-ai.com");
  g_assert_cmpstr (provider->base_url, ==, "https://other.example/v1");
  g_assert_cmpuint (provider->timeouts.first_byte, ==, 9000);
  key = g_ptr_array_index (config->keys, 0);
  g_assert_cmpstr (key->ref, ==, "SOME_KEY");
  g_assert_cmpfloat (((AipModelConfig *) config->models->pdata[0])->input_price, ==, 1);
  g_assert_cmpstr (((AipMappingConfig *) config->mappings->pdata[0])->targets[1], ==, "z");
}

static void
test_unknown (void)
{
  static Variables environment = { "AIPROXY_RETRY_MAX_ATEMPTS=5", "AIPROXY_PROVIDER_OPENIA_WEIGHT=5", NULL };
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config = load ("[provider openai]\n", environment, FALSE, &problems);

  g_assert_cmpstr (
      problems, ==,
      "environment: warning: AIPROXY_RETRY_MAX_ATEMPTS: stands for no setting and is not used; did you "
      "mean AIPROXY_RETRY_MAX_ATTEMPTS?\n"
      "environment: warning: AIPROXY_PROVIDER_OPENIA_WEIGHT: stands for no setting and is not used; did "
      "you mean AIPROXY_PROVIDER_OPENAI_WEIGHT?");
  g_assert_cmpuint (config->retry.max_attempts, ==, 3);
}

static void
test_refused (void)
{
  static Variables ambiguous = { "AIPROXY_PROVIDER_A_B_WEIGHT=2", NULL };
  static Variables not_text = { "AIPROXY_LOG_FILE=\xff", NULL };
  static Variables secret = { "AIPROXY_KEY_A_SECRET=sk-hunter2", NULL };
  g_autofree char *problems = NULL;

  g_assert_null (load ("[provider a-b]\n[provider a.b]\n", ambiguous, FALSE, &problems));
  g_assert_cmpstr (
      problems, ==,
      "environment: [provider a-b] weight: is set by AIPROXY_PROVIDER_A_B_WEIGHT, which fits several "
      "groups; set it in a file");
  g_assert_null (load (NULL, not_text, FALSE, &problems));
  g_assert_cmpstr (problems, ==,
                   "environment: [log] file: is not UTF-8 text; correct the variable AIPROXY_LOG_FILE");
  g_assert_null (load ("[provider p]\n[key a]\nprovider=p\n", secret, FALSE, &problems));
  g_assert_true (g_str_has_prefix (problems, "environment: [key a] secret: is none of keyring"));
  g_assert_null (strstr (problems, "hunter2"));
}

/* What the container of a proxy in front of one model server is given. */
static void
test_plain_upstream (void)
{
  static Variables environment = {
    "UPSTREAM_URL=http://10.42.53.44:8000",
    "HOST=0.0.0.0",
    "PORT=8080",
    "TIMEOUT=300",
    "CONNECT_TIMEOUT=30",
    "MAX_RETRIES=3",
    "RETRY_DELAY=0.5",
    "RATE_LIMIT_ENABLED=true",
    "RATE_LIMIT_REQUESTS=50",
    "RATE_LIMIT_WINDOW=30",
    "CIRCUIT_BREAKER_ENABLED=False",
    "CIRCUIT_BREAKER_THRESHOLD=7",
    "CIRCUIT_BREAKER_TIMEOUT=60",
    "LOG_LEVEL=INFO",
    "REQUEST_LOG_ENABLED=false",
    "METRICS_ENABLED=false",
    "SHUTDOWN_TIMEOUT=30",
    NULL,
  };
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config = load (NULL, environment, TRUE, &problems);
  const AipProviderConfig *provider;

  g_assert_cmpstr (
      problems, ==,
      "environment: warning: [provider upstream] base-url: is plain http: keys and prompts cross the "
      "network unencrypted; write https where the upstream has it");
  provider = aip_config_find_provider (config, "upstream");
  g_assert_cmpuint (config->providers->len, ==, 1);
  g_assert_cmpstr (provider->dialect, ==, "openai");
  g_assert_cmpstr (provider->base_url, ==, "http://10.42.53.44:8000/v1");
  g_assert_cmpuint (g_strv_length (config->server.listen), ==, 1);
  g_assert_cmpstr (config->server.listen[0], ==, "0.0.0.0:8080");
  g_assert_false (config->server.listen_is_default);
  g_assert_cmpuint (config->timeouts.total, ==, 300000);
  g_assert_cmpuint (provider->timeouts.connect, ==, 30000);
  g_assert_cmpuint (config->retry.max_attempts, ==, 4);
  g_assert_cmpuint (config->retry.base_delay, ==, 500);
  g_assert_true (config->rate_limit.enabled);
  g_assert_cmpuint (config->rate_limit.requests, ==, 50);
  g_assert_cmpuint (config->rate_limit.window, ==, 30000);
  g_assert_false (config->breaker.enabled);
  g_assert_cmpuint (config->breaker.threshold, ==, 7);
  g_assert_cmpuint (config->breaker.cooldown, ==, 60000);
  g_assert_cmpstr (config->log.level, ==, "info");
  g_assert_false (config->log.requests);
  g_assert_false (config->metrics.enabled);
  g_assert_cmpuint (config->server.shutdown_timeout, ==, 30000);
}

/* What a proxy in front of OpenAI, or of what looks like it, is given. */
static void
test_plain_openai (void)
{
  static Variables environment = {
    "OPENAI_API_KEY=sk-hunter2",
    "OPENAI_BASE_URL=https://me.openai.azure.com/openai/deployments/mine",
    "PORT=9000",
    "LOG_FILE_PATH=./logs/a.log",
    "AVAILABLE_MODELS=gpt-35-turbo, gpt-4,",
    "VALIDATE_MODELS=true",
    "ALLOW_UNKNOWN_MODELS=false",
    "MODEL_MAPPINGS= {\"claude\" : \"gpt-4\", \"meta/llama\":\"gpt-3.5\\u002dturbo\"} ",
    "OPENAI_PROXY_REFRESH_INTERVAL=300",
    "OPENAI_PROXY_HEALTH_CHECK_TIMEOUT=2.0",
    "OPENAI_PROXY_DEFAULT_STRATEGY=least_used",
    "OPENAI_PROXY_DEFAULT_TIMEOUT=30",
    "OPENAI_PROXY_MAX_RETRIES=0",
    "DATABASE_URL=sqlite:///a.db",
    "QDRANT_URL=http://localhost:6333",
    "UPSTREAM_URL=",
    NULL,
  };
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config = load (NULL, environment, TRUE, &problems);
  const AipProviderConfig *provider;
  const AipKeyConfig *key;
  const AipMappingConfig *mapping;

  g_assert_true (
      g_str_has_prefix (problems, "environment: warning: DATABASE_URL: is not used; the request log"));
  g_assert_nonnull (strstr (problems, "\nenvironment: warning: QDRANT_URL: is not used; version "));
  g_assert_null (strstr (problems, "hunter2"));
  provider = aip_config_find_provider (config, "openai");
  g_assert_cmpuint (config->providers->len, ==, 1);
  g_assert_cmpstr (provider->base_url, ==, "https://me.openai.azure.com/openai/deployments/mine");
  g_assert_cmpuint (g_strv_length (provider->models), ==, 2);
  g_assert_cmpstr (provider->models[1], ==, "gpt-4");
  key = g_ptr_array_index (config->keys, 0);
  g_assert_cmpstr (key->provider, ==, "openai");
  g_assert_cmpint (key->ref_kind, ==, AIP_KEY_REF_ENVIRONMENT);
  g_assert_cmpstr (key->ref, ==, "OPENAI_API_KEY");
  mapping = g_ptr_array_index (config->mappings, 1);
  g_assert_cmpuint (config->mappings->len, ==, 2);
  g_assert_cmpstr (mapping->alias, ==, "meta/llama");
  g_assert_cmpstr (mapping->targets[0], ==, "gpt-3.5-turbo");
  g_assert_cmpstr (config->server.listen[0], ==, "127.0.0.1:9000");
  g_assert_cmpstr (config->server.listen[1], ==, "[::1]:9000");
  g_assert_cmpstr (config->log.file, ==, "./logs/a.log");
  g_assert_false (config->routing.allow_unknown_models);
  g_assert_cmpstr (config->routing.strategy, ==, "least_used");
  g_assert_cmpuint (config->health_check.interval, ==, 300000);
  g_assert_cmpuint (config->health_check.timeout, ==, 2000);
  g_assert_cmpuint (config->timeouts.total, ==, 30000);
  g_assert_cmpuint (config->retry.max_attempts, ==, 1);
}

static void
test_plain_below_prefixed (void)
{
  static Variables environment = { "AIPROXY_PROVIDER_OPENAI_WEIGHT=7", "AIPROXY_TIMEOUTS_TOTAL=1s",
                                   "TIMEOUT=5", "OPENAI_API_KEY=x", NULL };
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config = load ("[timeouts]\ntotal=9s\n", environment, TRUE, &problems);

  g_assert_cmpstr (problems, ==, "");
  g_assert_cmpuint (config->timeouts.total, ==, 1000);
  g_assert_cmpuint (aip_config_find_provider (config, "openai")->weight, ==, 7);
  g_assert_cmpstr (aip_config_find_provider (config, "openai")->base_url, ==, "https://api.openai.com/v1");
}

static void
test_plain_listen (void)
{
  static const char *const cases[][3] = {
    { "HOST=localhost", NULL, "127.0.0.1:8000" },
    { "HOST=::", "PORT=80", "[::]:80" },
    { "HOST=[::1]", NULL, "[::1]:8000" },
    { "HOST=10.0.0.1", "PORT=", "10.0.0.1:8000" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *environment[] = { cases[i][0], cases[i][1], NULL };
      g_autofree char *problems = NULL;
      g_autoptr (AipConfig) config = load (NULL, environment, TRUE, &problems);

      g_assert_cmpstr (problems, ==, "");
      g_assert_cmpstr (config->server.listen[0], ==, cases[i][2]);
    }
}

static void
test_plain_refused (void)
{
  static const char *const cases[][2] = {
    { "TIMEOUT=5s", "environment: TIMEOUT: is not a number; write seconds, such as 30" },
    { "TIMEOUT=-5", "environment: TIMEOUT: is not a number; write seconds, such as 30" },
    { "MAX_RETRIES=many", "environment: MAX_RETRIES: is not a number; write a whole number" },
    { "MAX_RETRIES=20", "environment: [retry] max-attempts: is not a number in range" },
    { "LOG_LEVEL=loud", "environment: [log] level: has no such value" },
    { "RATE_LIMIT_REQUESTS=-1", "environment: [rate-limit] requests: is not a number in range" },
    { "UPSTREAM_URL=10.0.0.1:80", "environment: [provider upstream] base-url: is not a complete URL" },
    { "HOST=a.example", "environment: [server] listen: is not an IP address with a port" },
    { "PORT=http", "environment: [server] listen: has a port that is no number" },
    { "LOG_FILE_PATH=\xff", "environment: LOG_FILE_PATH: is not UTF-8 text; correct the variable" },
    { "MODEL_MAPPINGS=a=b", "environment: MODEL_MAPPINGS: is no JSON object of names" },
    { "MODEL_MAPPINGS=[\"a\"]", "environment: MODEL_MAPPINGS: is no JSON object of names" },
    { "MODEL_MAPPINGS=\"a\"", "environment: MODEL_MAPPINGS: is no JSON object of names" },
    { "MODEL_MAPPINGS={\"a\":{\"b\":\"c\"}}", "environment: MODEL_MAPPINGS: is no JSON object of names" },
    { "MODEL_MAPPINGS={\"a\":1}", "environment: MODEL_MAPPINGS: is no JSON object of names" },
    { "MODEL_MAPPINGS={\"a\":\"b\"", "environment: MODEL_MAPPINGS: is no JSON object of names" },
    { "MODEL_MAPPINGS={\"a\":\"x\\u0000y\"}", "environment: MODEL_MAPPINGS: is no JSON object of names" },
    { "MODEL_MAPPINGS={\"a b\":\"c\"}", "environment: MODEL_MAPPINGS: has an alias that is no name" },
    { "MODEL_MAPPINGS={\"a\":\"\"}", "environment: [mapping a] target: is empty" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *environment[] = { cases[i][0], NULL };
      g_autofree char *problems = NULL;

      g_test_message ("%s", cases[i][1]);
      g_assert_null (load (NULL, environment, TRUE, &problems));
      if (!g_str_has_prefix (problems, cases[i][1]))
        g_error ("%s", problems);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/environment/groups", test_groups);
  g_test_add_func ("/config/environment/named-groups", test_named_groups);
  g_test_add_func ("/config/environment/unknown", test_unknown);
  g_test_add_func ("/config/environment/refused", test_refused);
  g_test_add_func ("/config/environment/plain-upstream", test_plain_upstream);
  g_test_add_func ("/config/environment/plain-openai", test_plain_openai);
  g_test_add_func ("/config/environment/plain-below-prefixed", test_plain_below_prefixed);
  g_test_add_func ("/config/environment/plain-listen", test_plain_listen);
  g_test_add_func ("/config/environment/plain-refused", test_plain_refused);
  return g_test_run ();
}
