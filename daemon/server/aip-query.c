/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-query"

#include "server/aip-query.h"

#include <string.h>

/* As forms are encoded (WHATWG URL standard, 5.1); NULL when it is malformed. */
static char *
decode (const char *text, gsize length)
{
  g_autofree char *plain = g_strndup (text, length);

  for (char *p = plain; *p != '\0'; p++)
    if (*p == '+')
      *p = ' ';
  return g_uri_unescape_string (plain, NULL);
}

static gboolean
is_named (const char *part, const char *name)
{
  g_autofree char *decoded = decode (part, strcspn (part, "="));

  return g_strcmp0 (decoded, name) == 0;
}

/**
 * aip_query_dup_value:
 * @query: (nullable): as sent, without the "?"
 * @name: of a parameter
 * @n_values: (out): how often it is there
 *
 * Returns: (transfer full) (nullable): its first value, decoded; NULL when it is not there or malformed
 */
char *
aip_query_dup_value (const char *query, const char *name, guint *n_values)
{
  g_auto (GStrv) parts = query != NULL ? g_strsplit (query, "&", -1) : NULL;
  g_autofree char *value = NULL;

  *n_values = 0;
  for (gsize i = 0; parts != NULL && parts[i] != NULL; i++)
    {
      gsize name_length = strcspn (parts[i], "=");

      if (!is_named (parts[i], name) || (*n_values)++ > 0 || parts[i][name_length] == '\0')
        continue;
      value = decode (parts[i] + name_length + 1, strlen (parts[i] + name_length + 1));
    }
  return g_steal_pointer (&value);
}

/**
 * aip_query_render:
 * @query: (nullable): as the client sent it, without the "?"
 * @model: (nullable): the upstream's name for the model, where it is not the client's
 *
 * A key in the query is a credential of the client's, and left out; the rest stays as it is.
 *
 * Returns: (transfer full) (nullable): the query for an upstream, or NULL when nothing is left
 */
char *
aip_query_render (const char *query, const char *model)
{
  if (query == NULL)
    return NULL;

  g_auto (GStrv) parts = g_strsplit (query, "&", -1);
  g_autofree char *escaped = model != NULL ? g_uri_escape_string (model, NULL, FALSE) : NULL;
  g_autoptr (GString) out = g_string_new (NULL);

  for (gsize i = 0; parts[i] != NULL; i++)
    {
      if (is_named (parts[i], "key"))
        continue;
      if (out->len > 0)
        g_string_append_c (out, '&');
      if (escaped != NULL && is_named (parts[i], "model"))
        g_string_append_printf (out, "model=%s", escaped);
      else
        g_string_append (out, parts[i]);
    }
  return out->len > 0 ? g_string_free (g_steal_pointer (&out), FALSE) : NULL;
}
