/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-dialect"

#include "wire/aip-dialect.h"
#include "wire/aip-dialect-private.h"

/* Google's OpenAI-compatible paths (ai.google.dev/gemini-api/docs/openai) lie below "/v1beta/openai";
 * a base URL of the native API stops short of that. */
static char *
dup_url (const char *base_url, const char *endpoint, const char *query, const char *model)
{
  g_auto (AipDialectUrl) url = { 0 };

  aip_dialect_url_init (&url, base_url);
  if (*url.path == '\0')
    return aip_dialect_url_join (&url, "/v1beta/openai", endpoint, query);
  if (!g_str_has_suffix (url.path, "/v1beta"))
    return aip_dialect_url_join (&url, url.path, endpoint, query);

  g_autofree char *path = g_strconcat (url.path, "/openai", NULL);
  return aip_dialect_url_join (&url, path, endpoint, query);
}

const AipDialect aip_dialect_gemini = {
  .name = "gemini",
  .protocols = 1 << AIP_PROTOCOL_OPENAI,
  .default_base_url = "https://generativelanguage.googleapis.com",
  .auth_header = "Authorization",
  .auth_prefix = "Bearer ",
  .dup_url = dup_url,
};
