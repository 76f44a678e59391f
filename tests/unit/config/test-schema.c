/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-schema"

#include "config/aip-config-schema.h"

#include <string.h>

#include "config-problems.h"

static char *
load_example (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_BUILT, "config", "aiproxy.conf", NULL);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

/* Turns "#key=value" and "#[group]" into what they show. */
static char *
uncomment (const char *text)
{
  g_autoptr (GRegex) regex = g_regex_new ("^#([a-z][a-z0-9-]*=|\\[)", G_REGEX_MULTILINE, 0, NULL);

  return g_regex_replace (regex, text, -1, 0, "\\1", 0, NULL);
}

static void
assert_defaults (const AipConfig *config)
{
  g_assert_cmpstr (config->server.listen[0], ==, "127.0.0.1:8000");
  g_assert_cmpstr (config->server.listen[1], ==, "[::1]:8000");
  g_assert_null (config->server.listen[2]);
  g_assert_cmpuint (config->server.workers, ==, 0);
  g_assert_true (config->server.require_token);
  g_assert_cmpuint (g_strv_length (config->server.allowed_hosts), ==, 0);
  g_assert_cmpuint (g_strv_length (config->server.allowed_origins), ==, 0);
  g_assert_cmpuint (config->server.max_body, ==, 64 * 1024 * 1024);
  g_assert_cmpuint (config->server.max_connections, ==, 4096);
  g_assert_cmpuint (config->server.max_client_requests, ==, 1024);
  g_assert_null (config->server.tls_certificate);
  g_assert_null (config->server.tls_key);
  g_assert_cmpuint (config->server.shutdown_timeout, ==, 25000);
  g_assert_cmpstr (config->routing.strategy, ==, "weighted_score");
  g_assert_false (config->routing.sticky);
  g_assert_true (config->routing.validate_models);
  g_assert_true (config->routing.allow_unknown_models);
  g_assert_null (config->routing.default_provider);
  g_assert_cmpuint (config->timeouts.connect, ==, 10000);
  g_assert_cmpuint (config->timeouts.first_byte, ==, 120000);
  g_assert_cmpuint (config->timeouts.idle, ==, 60000);
  g_assert_cmpuint (config->timeouts.total, ==, 0);
  g_assert_true (config->retry.enabled);
  g_assert_cmpuint (config->retry.max_attempts, ==, 3);
  g_assert_cmpstr (config->retry.backoff, ==, "exponential");
  g_assert_cmpuint (config->retry.base_delay, ==, 200);
  g_assert_cmpuint (config->retry.max_delay, ==, 5000);
  g_assert_cmpuint (g_strv_length (config->retry.retry_on), ==, 10);
  g_assert_cmpstr (config->retry.retry_on[9], ==, "cut");
  g_assert_true (config->breaker.enabled);
  g_assert_cmpuint (config->breaker.threshold, ==, 5);
  g_assert_cmpfloat (config->breaker.error_rate, ==, 0.5);
  g_assert_cmpuint (config->breaker.window, ==, 30000);
  g_assert_cmpuint (config->breaker.cooldown, ==, 15000);
  g_assert_cmpuint (config->breaker.max_cooldown, ==, 120000);
  g_assert_true (config->health_check.enabled);
  g_assert_cmpuint (config->health_check.interval, ==, 60000);
  g_assert_cmpuint (config->health_check.timeout, ==, 5000);
  g_assert_false (config->rate_limit.enabled);
  g_assert_cmpuint (config->rate_limit.requests, ==, 100);
  g_assert_cmpuint (config->rate_limit.window, ==, 60000);
  g_assert_null (config->redis.url);
  g_assert_null (config->redis.password.name);
  g_assert_cmpstr (config->redis.prefix, ==, "aiproxy:");
  g_assert_cmpuint (config->redis.timeout, ==, 250);
  g_assert_cmpstr (config->redis.on_failure, ==, "local");
  g_assert_null (config->jwt.issuer);
  g_assert_false (aip_config_accepts_jwt (config));
  g_assert_cmpstr (config->jwt.claim_client, ==, "sub");
  g_assert_null (config->jwt.claim_tenant);
  g_assert_cmpuint (config->jwt.leeway, ==, 30000);
  g_assert_cmpstr (config->log.level, ==, "message");
  g_assert_true (config->log.requests);
  g_assert_false (config->log.bodies);
  g_assert_null (config->log.file);
  g_assert_cmpuint (config->log.max_size, ==, 100 * 1024 * 1024);
  g_assert_cmpuint (config->log.max_age, ==, G_GUINT64_CONSTANT (30) * 86400000);
  g_assert_false (config->cache.enabled);
  g_assert_cmpuint (config->cache.ttl, ==, 3600000);
  g_assert_cmpuint (config->cache.max_size, ==, 64 * 1024 * 1024);
  g_assert_true (config->metrics.enabled);
  g_assert_false (config->metrics.public_access);
}

static void
test_defaults (void)
{
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config = parse ("", &problems);

  g_assert_cmpstr (problems, ==, "");
  assert_defaults (config);
  g_assert_true (config->server.listen_is_default);
  g_assert_cmpuint (config->providers->len, ==, 0);
}

static void
test_example_as_shipped (void)
{
  g_autofree char *example = load_example ();
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config = parse (example, &problems);

  g_assert_cmpstr (problems, ==, "");
  assert_defaults (config);
  g_assert_cmpuint (config->providers->len + config->clients->len + config->models->len, ==, 0);
}

static void
test_example_uncommented (void)
{
  g_autofree char *example = load_example ();
  g_autofree char *text = uncomment (example);
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config = parse (text, &problems);

  g_assert_cmpstr (problems, ==, "");
  assert_defaults (config);
  g_assert_false (config->server.listen_is_default);
  g_assert_cmpuint (config->providers->len, ==, 1);
  g_assert_cmpuint (config->keys->len, ==, 1);
  g_assert_cmpuint (config->mappings->len, ==, 1);
  g_assert_cmpuint (config->clients->len, ==, 1);
  g_assert_cmpuint (config->tenants->len, ==, 1);
  g_assert_cmpuint (config->models->len, ==, 1);
}

/* Each setting stands in the example below its own line of documentation, with its default. */
static void
test_example_is_complete (void)
{
  g_autofree char *example = load_example ();

  for (const AipSettingGroup *group = aip_setting_groups; group->name != NULL; group++)
    {
      g_autofree char *head = g_strdup_printf ("\n%s[%s%s", group->size > 0 ? "#" : "", group->name,
                                               group->size > 0 ? " " : "]\n");
      const char *start = strstr (example, head);
      g_autofree char *section = NULL;
      const char *end;

      g_test_message ("[%s]", group->name);
      g_assert_nonnull (start);
      end = strstr (start + strlen (head), "\n[");
      if (end == NULL ||
          (strstr (start + strlen (head), "\n#[") != NULL && strstr (start + strlen (head), "\n#[") < end))
        end = strstr (start + strlen (head), "\n#[");
      section = end == NULL ? g_strdup (start) : g_strndup (start, end - start);

      for (const AipSetting *setting = group->settings; setting->key != NULL; setting++)
        {
          gboolean shows_default = !setting->required && setting->inherit == 0;
          g_autofree char *line =
              g_strdup_printf ("\n# %s\n#%s=%s%s", setting->doc, setting->key,
                               shows_default ? setting->initial : "", shows_default ? "\n" : "");

          g_test_message ("%s", setting->key);
          g_assert_nonnull (strstr (section, line));
        }
    }
}

static void
test_groups_begin_with_a_name (void)
{
  g_assert_cmpint (G_STRUCT_OFFSET (AipProviderConfig, name), ==, 0);
  g_assert_cmpint (G_STRUCT_OFFSET (AipKeyConfig, name), ==, 0);
  g_assert_cmpint (G_STRUCT_OFFSET (AipMappingConfig, alias), ==, 0);
  g_assert_cmpint (G_STRUCT_OFFSET (AipClientConfig, name), ==, 0);
  g_assert_cmpint (G_STRUCT_OFFSET (AipTenantConfig, name), ==, 0);
  g_assert_cmpint (G_STRUCT_OFFSET (AipModelConfig, name), ==, 0);
}

static void
test_names (void)
{
  const AipSettingGroup *key = aip_setting_group_find ("key x", NULL);
  const AipSettingGroup *model = aip_setting_group_find ("model x", NULL);
  g_autofree char *longest = g_strnfill (128, 'a');
  g_autofree char *longer = g_strnfill (129, 'a');

  g_assert_true (aip_setting_group_is_name (key, "My-key_1.2"));
  g_assert_true (aip_setting_group_is_name (key, longest));
  g_assert_false (aip_setting_group_is_name (key, longer));
  g_assert_false (aip_setting_group_is_name (key, ""));
  g_assert_false (aip_setting_group_is_name (key, "a b"));
  g_assert_false (aip_setting_group_is_name (key, "a/b"));
  g_assert_false (aip_setting_group_is_name (key, "\xc3\xa4"));
  g_assert_true (aip_setting_group_is_name (model, "meta/llama-3:8b@2024"));
  g_assert_false (aip_setting_group_is_name (model, "a\nb"));
}

static void
assert_restarts (const char *old_text, const char *new_text, const char *expected)
{
  g_autoptr (AipConfig) old = aip_config_parse (old_text, strlen (old_text), "old", NULL);
  g_autoptr (AipConfig) new = aip_config_parse (new_text, strlen (new_text), "new", NULL);
  g_auto (GStrv) settings = aip_setting_list_restarts (old, new);
  g_autofree char *joined = g_strjoinv (" ", settings);

  g_assert_cmpstr (joined, ==, expected);
}

static void
test_restarts (void)
{
  assert_restarts ("", "", "");
  assert_restarts ("", "[server]\nmax-body=1MiB\n[routing]\nstrategy=random\n", "");
  assert_restarts ("", "[server]\nworkers=0\nlisten=127.0.0.1:8000;[::1]:8000\n", "");
  assert_restarts ("", "[server]\nworkers=3\n", "workers");
  assert_restarts ("[server]\nlisten=127.0.0.1:1;127.0.0.1:2\n", "[server]\nlisten=127.0.0.1:1\n", "listen");
  assert_restarts ("[server]\nworkers=1\ntls-certificate=/dev/null\ntls-key=/dev/null\n",
                   "[server]\nworkers=2\ntls-certificate=/dev/zero\ntls-key=/dev/zero\nlisten=127.0.0.1:3\n",
                   "listen workers tls-certificate tls-key");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/schema/defaults", test_defaults);
  g_test_add_func ("/config/schema/example-as-shipped", test_example_as_shipped);
  g_test_add_func ("/config/schema/example-uncommented", test_example_uncommented);
  g_test_add_func ("/config/schema/example-is-complete", test_example_is_complete);
  g_test_add_func ("/config/schema/groups-begin-with-a-name", test_groups_begin_with_a_name);
  g_test_add_func ("/config/schema/names", test_names);
  g_test_add_func ("/config/schema/restarts", test_restarts);
  return g_test_run ();
}
