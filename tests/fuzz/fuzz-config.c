/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include "config/aip-config-loader.h"

#include <string.h>

#include "fuzz.h"

static void
problem_free (void *data)
{
  aip_config_problem_free (data);
}

/* Returns whether it keeps the text from being used. */
static gboolean
check_problem (const AipConfigProblem *problem)
{
  g_autofree char *text = aip_config_problem_to_string (problem);

  g_assert_cmpstr (problem->file, ==, "fuzz");
  g_assert_cmpuint (strlen (problem->message), >, 0);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  /* A file must not steer the terminal that shows what is wrong with it. */
  for (const char *letter = text; *letter != '\0'; letter++)
    g_assert_false (g_ascii_iscntrl (*letter));
  return problem->fatal;
}

static void
check_strings (char **strings)
{
  g_assert_nonnull (strings);
  for (; *strings != NULL; strings++)
    g_assert_true (**strings != '\0');
}

/* What others take for granted of a config that was accepted. */
static void
check_config (const AipConfig *config)
{
  g_assert_nonnull (config->server.listen[0]);
  g_assert_nonnull (config->routing.strategy);
  g_assert_nonnull (config->log.level);
  g_assert_nonnull (config->retry.backoff);
  check_strings (config->server.allowed_hosts);
  check_strings (config->server.allowed_origins);
  check_strings (config->retry.retry_on);

  for (guint i = 0; i < config->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (config->providers, i);

      g_assert_true (aip_config_find_provider (config, provider->name) == provider);
      g_assert_true (g_ascii_strncasecmp (provider->base_url, "http", 4) == 0 ||
                     g_str_equal (provider->dialect, "builtin"));
      g_assert_nonnull (provider->headers);
      check_strings (provider->models);
    }
  for (guint i = 0; i < config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (config->keys, i);

      g_assert_nonnull (aip_config_find_provider (config, key->provider));
      g_assert_cmpint (*key->ref == '\0', ==, key->ref_kind == AIP_KEY_REF_KEYRING);
      check_strings (key->models);
    }
  for (guint i = 0; i < config->mappings->len; i++)
    {
      const AipMappingConfig *mapping = g_ptr_array_index (config->mappings, i);

      g_assert_nonnull (mapping->targets[0]);
      check_strings (mapping->targets);
      g_assert_true (mapping->provider == NULL ||
                     aip_config_find_provider (config, mapping->provider) != NULL);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (problem_free);
  g_autoptr (AipConfig) config = NULL;
  gboolean fatal = FALSE;

  g_log_set_always_fatal (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  config = aip_config_parse (size > 0 ? (const char *) data : "", size, "fuzz", problems);

  for (guint i = 0; i < problems->len; i++)
    fatal = check_problem (g_ptr_array_index (problems, i)) || fatal;
  g_assert_cmpint (fatal, ==, config == NULL);
  if (config != NULL)
    check_config (config);
  return 0;
}
