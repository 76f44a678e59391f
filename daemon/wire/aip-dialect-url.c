/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-dialect"

#include "wire/aip-dialect-private.h"

#include <string.h>

/**
 * aip_dialect_url_init:
 * @self: what to fill; clear it with aip_dialect_url_clear()
 * @base_url: an absolute URL as in the config
 *
 * Takes a base URL apart (RFC 3986, section 3). A fragment is dropped.
 */
void
aip_dialect_url_init (AipDialectUrl *self, const char *base_url)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (base_url != NULL);

  const char *scheme_end = strstr (base_url, "://");
  const char *authority = scheme_end != NULL ? scheme_end + 3 : base_url;
  const char *path = authority + strcspn (authority, "/?#");
  const char *path_end = path + strcspn (path, "?#");
  const char *rest = path_end;

  while (path_end > path && path_end[-1] == '/')
    path_end--;
  self->origin = g_strndup (base_url, path - base_url);
  self->path = g_strndup (path, path_end - path);
  self->query = NULL;
  if (*rest == '?')
    self->query = g_strndup (rest + 1, strcspn (rest + 1, "#"));
}

/**
 * aip_dialect_url_clear:
 * @self: what aip_dialect_url_init() filled
 *
 * Frees what is inside.
 */
void
aip_dialect_url_clear (AipDialectUrl *self)
{
  g_return_if_fail (self != NULL);

  g_clear_pointer (&self->origin, g_free);
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->query, g_free);
}

/* The text comes from a client: nothing in it may end the part of the URL that it stands in. Escapes
 * that are there already stay. */
static void
append_escaped (GString *out, const char *text, const char *refused)
{
  for (const char *p = text; *p != '\0'; p++)
    {
      guchar c = (guchar) *p;

      if (g_ascii_isalnum (c))
        g_string_append_c (out, (char) c);
      else if (c <= ' ' || c >= 0x7f || strchr ("\"<>\\^`{|}", c) != NULL || strchr (refused, c) != NULL)
        g_string_append_printf (out, "%%%02X", c);
      else
        g_string_append_c (out, (char) c);
    }
}

/**
 * aip_dialect_url_join:
 * @self: the base URL
 * @path: the path to use instead of the base URL's own, without a slash at the end
 * @endpoint: what to append to it, without a leading slash
 * @query: (nullable): the client's query, without "?"
 *
 * Puts a URL together. A query of the base URL is kept before the client's. Bytes that must not stand in
 * a URL are escaped.
 *
 * Returns: (transfer full): the URL
 */
char *
aip_dialect_url_join (const AipDialectUrl *self, const char *path, const char *endpoint, const char *query)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (endpoint != NULL, NULL);

  GString *out = g_string_new (self->origin);
  char separator = '?';

  g_string_append (out, path);
  g_string_append_c (out, '/');
  append_escaped (out, endpoint, "?#");
  if (self->query != NULL && *self->query != '\0')
    {
      g_string_append_c (out, separator);
      append_escaped (out, self->query, "#");
      separator = '&';
    }
  if (query != NULL && *query != '\0')
    {
      g_string_append_c (out, separator);
      append_escaped (out, query, "#");
    }
  return g_string_free (out, FALSE);
}

/**
 * aip_dialect_dup_v1_url:
 * @base_url: an absolute URL
 * @endpoint: such as "chat/completions"
 * @query: (nullable): without "?"
 * @model: (nullable): not used
 *
 * The `dup_url` of each dialect whose paths are OpenAI's: a base URL with a path is taken as it is, as
 * OpenAI's SDKs do; one without gets "/v1".
 *
 * Returns: (transfer full): the URL
 */
char *
aip_dialect_dup_v1_url (const char *base_url, const char *endpoint, const char *query, const char *model)
{
  g_return_val_if_fail (base_url != NULL, NULL);
  g_return_val_if_fail (endpoint != NULL, NULL);

  g_auto (AipDialectUrl) url = { 0 };

  aip_dialect_url_init (&url, base_url);
  return aip_dialect_url_join (&url, *url.path != '\0' ? url.path : "/v1", endpoint, query);
}
