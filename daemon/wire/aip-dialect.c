/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-dialect"

#include "wire/aip-dialect.h"

static const AipDialect *const dialects[] = {
  &aip_dialect_openai, &aip_dialect_anthropic, &aip_dialect_deepseek,
  &aip_dialect_gemini, &aip_dialect_ollama,    &aip_dialect_builtin,
};

static const char *const openai_models[] = {
  "gpt-4",
  "gpt-4-turbo",
  "gpt-4o",
  "gpt-4o-mini",
  "gpt-3.5-turbo",
  "text-embedding-ada-002",
  "text-embedding-3-small",
  "text-embedding-3-large",
  "whisper-1",
  "tts-1",
  "tts-1-hd",
  "dall-e-2",
  "dall-e-3",
  NULL,
};

/**
 * aip_dialect_find:
 * @name: as in the config, `dialect=`
 *
 * Returns: (nullable) (transfer none): the dialect of that name
 */
const AipDialect *
aip_dialect_find (const char *name)
{
  g_return_val_if_fail (name != NULL, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (dialects); i++)
    {
      if (g_str_equal (dialects[i]->name, name))
        return dialects[i];
    }
  return NULL;
}

/**
 * aip_dialect_well_known_models:
 * @self: a dialect
 * @base_url: (nullable): the provider's base URL; NULL: the dialect's default
 *
 * The models that a provider is known to have without being asked: those of OpenAI itself, and of nobody
 * who merely speaks its protocol.
 *
 * Returns: (nullable) (transfer none): names, ending with NULL
 */
const char *const *
aip_dialect_well_known_models (const AipDialect *self, const char *base_url)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (self != &aip_dialect_openai)
    return NULL;
  if (base_url == NULL)
    base_url = self->default_base_url;

  g_autoptr (GUri) uri = g_uri_parse (base_url, G_URI_FLAGS_NONE, NULL);

  if (uri == NULL || g_uri_get_host (uri) == NULL)
    return NULL;
  return g_ascii_strcasecmp (g_uri_get_host (uri), "api.openai.com") == 0 ? openai_models : NULL;
}
