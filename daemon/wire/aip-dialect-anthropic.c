/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-dialect"

#include "wire/aip-dialect.h"
#include "wire/aip-dialect-private.h"

static const char *const headers[] = { "anthropic-version", "2023-06-01", NULL };

/* Anthropic's SDKs append "/v1/messages" to a base URL, whatever path it has; people write it with and
 * without the "/v1". */
static char *
dup_url (const char *base_url, const char *endpoint, const char *query, const char *model)
{
  g_auto (AipDialectUrl) url = { 0 };

  aip_dialect_url_init (&url, base_url);
  if (g_str_has_suffix (url.path, "/v1"))
    return aip_dialect_url_join (&url, url.path, endpoint, query);

  g_autofree char *path = g_strconcat (url.path, "/v1", NULL);
  return aip_dialect_url_join (&url, path, endpoint, query);
}

const AipDialect aip_dialect_anthropic = {
  .name = "anthropic",
  .protocols = 1 << AIP_PROTOCOL_ANTHROPIC,
  .default_base_url = "https://api.anthropic.com",
  .auth_header = "x-api-key",
  .auth_prefix = "",
  .headers = headers,
  .dup_url = dup_url,
};
