/* SPDX-License-Identifier: MIT */
#include "wire/aip-dialect.h"

static void
test_find (void)
{
  static const char *const names[] = { "openai", "anthropic", "deepseek", "gemini", "ollama", "builtin" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const AipDialect *dialect = aip_dialect_find (names[i]);

      g_assert_nonnull (dialect);
      g_assert_cmpstr (dialect->name, ==, names[i]);
      g_assert_cmpint (dialect->protocols, !=, 0);
      if (dialect->internal)
        continue;
      g_assert_nonnull (dialect->default_base_url);
      g_assert_nonnull (dialect->auth_header);
      g_assert_nonnull (dialect->auth_prefix);
      g_assert_nonnull (dialect->dup_url);
    }
  g_assert_null (aip_dialect_find ("OpenAI"));
  g_assert_null (aip_dialect_find (""));
  g_assert_true (aip_dialect_builtin.internal);
}

static void
test_urls (void)
{
  static const struct
  {
    const char *dialect;
    const char *base_url; /* NULL: the default */
    const char *endpoint;
    const char *query;
    const char *expected;
  } rows[] = {
    { "openai", NULL, "chat/completions", NULL, "https://api.openai.com/v1/chat/completions" },
    { "openai", "http://h:1", "models", NULL, "http://h:1/v1/models" },
    { "openai", "http://h:1/", "models", NULL, "http://h:1/v1/models" },
    { "openai", "http://h/v1/", "models", NULL, "http://h/v1/models" },
    { "openai", "http://h/openai/v1//", "files", "limit=2", "http://h/openai/v1/files?limit=2" },
    { "openai", "http://[::1]:80", "files", "", "http://[::1]:80/v1/files" },
    { "openai", "http://h/x?api-version=3#f", "files", "a=b", "http://h/x/files?api-version=3&a=b" },
    { "openai", "http://h?k=1", "files", NULL, "http://h/v1/files?k=1" },
    { "openai", "http://h", "files/a b?c#d\r\n", "q=a b#c\r\nX: y",
      "http://h/v1/files/a%20b%3Fc%23d%0D%0A?q=a%20b%23c%0D%0AX:%20y" },
    { "openai", "http://h", "files/a%2Fb\xc3\xa9", NULL, "http://h/v1/files/a%2Fb%C3%A9" },
    { "deepseek", NULL, "chat/completions", NULL, "https://api.deepseek.com/v1/chat/completions" },
    { "deepseek", "https://api.deepseek.com/beta", "completions", NULL,
      "https://api.deepseek.com/beta/completions" },
    { "anthropic", NULL, "messages", NULL, "https://api.anthropic.com/v1/messages" },
    { "anthropic", "https://api.anthropic.com/v1", "messages", "beta=true",
      "https://api.anthropic.com/v1/messages?beta=true" },
    { "anthropic", "https://api.anthropic.com/v1/", "messages", NULL,
      "https://api.anthropic.com/v1/messages" },
    { "anthropic", "http://h/anthropic", "messages/count_tokens", NULL,
      "http://h/anthropic/v1/messages/count_tokens" },
    { "ollama", NULL, "chat/completions", NULL, "http://127.0.0.1:11434/v1/chat/completions" },
    { "ollama", "http://h:2/v1", "embeddings", NULL, "http://h:2/v1/embeddings" },
    { "gemini", NULL, "chat/completions", NULL,
      "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions" },
    { "gemini", "http://h/v1beta", "models", NULL, "http://h/v1beta/openai/models" },
    { "gemini", "http://h/v1beta/openai/", "models", NULL, "http://h/v1beta/openai/models" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const AipDialect *dialect = aip_dialect_find (rows[i].dialect);
      const char *base_url = rows[i].base_url != NULL ? rows[i].base_url : dialect->default_base_url;
      g_autofree char *url = dialect->dup_url (base_url, rows[i].endpoint, rows[i].query, NULL);

      g_assert_cmpstr (url, ==, rows[i].expected);
    }
}

static void
test_headers (void)
{
  g_assert_cmpstr (aip_dialect_openai.auth_header, ==, "Authorization");
  g_assert_cmpstr (aip_dialect_openai.auth_prefix, ==, "Bearer ");
  g_assert_null (aip_dialect_openai.headers);
  g_assert_cmpstr (aip_dialect_anthropic.auth_header, ==, "x-api-key");
  g_assert_cmpstr (aip_dialect_anthropic.auth_prefix, ==, "");
  g_assert_cmpstr (aip_dialect_anthropic.headers[0], ==, "anthropic-version");
  g_assert_cmpstr (aip_dialect_anthropic.headers[1], ==, "2023-06-01");
  g_assert_null (aip_dialect_anthropic.headers[2]);
  g_assert_cmpint (aip_dialect_anthropic.protocols, ==, 1 << AIP_PROTOCOL_ANTHROPIC);
}

static void
test_well_known (void)
{
  const char *const *models = aip_dialect_well_known_models (&aip_dialect_openai, NULL);

  g_assert_nonnull (models);
  g_assert_cmpint (g_strv_length ((char **) models), ==, 13);
  g_assert_true (g_strv_contains (models, "gpt-4o-mini"));
  g_assert_true (g_strv_contains (models, "dall-e-3"));
  g_assert_true (aip_dialect_well_known_models (&aip_dialect_openai, "https://API.openai.com") == models);
  g_assert_null (aip_dialect_well_known_models (&aip_dialect_openai, "http://127.0.0.1:1/v1"));
  g_assert_null (aip_dialect_well_known_models (&aip_dialect_openai, "http://api.openai.com.example/v1"));
  g_assert_null (aip_dialect_well_known_models (&aip_dialect_openai, "nonsense"));
  g_assert_null (aip_dialect_well_known_models (&aip_dialect_deepseek, NULL));
  g_assert_null (aip_dialect_well_known_models (&aip_dialect_builtin, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/dialect/find", test_find);
  g_test_add_func ("/wire/dialect/urls", test_urls);
  g_test_add_func ("/wire/dialect/headers", test_headers);
  g_test_add_func ("/wire/dialect/well-known", test_well_known);
  return g_test_run ();
}
