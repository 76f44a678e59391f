/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-glib/json-glib.h>
#include <string.h>

#include "wire/aip-builtin.h"

#define NOW 1700000000

/* Helpers of the tests of the built-in model. */

static inline AipBuiltinAnswer *
post (const char *endpoint, const char *body)
{
  g_autoptr (GBytes) bytes = g_bytes_new (body, strlen (body));

  return aip_builtin_answer ("POST", endpoint, bytes, NOW);
}

static inline char *
join (const AipBuiltinAnswer *answer)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < answer->parts->len; i++)
    {
      GBytes *part = g_ptr_array_index (answer->parts, i);

      g_string_append_len (text, g_bytes_get_data (part, NULL), (gssize) g_bytes_get_size (part));
    }
  return g_string_free (text, FALSE);
}

static inline JsonNode *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  JsonNode *node = json_from_string (text, &error);

  g_assert_no_error (error);
  g_assert_nonnull (node);
  return node;
}

/* What JSONPath finds, written as JSON: "[...]". */
static inline char *
query (JsonNode *root, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) found = json_path_query (path, root, &error);

  g_assert_no_error (error);
  return json_to_string (found, FALSE);
}

static inline void
assert_query (const char *text, const char *path, const char *expected)
{
  g_autoptr (JsonNode) root = parse (text);
  g_autofree char *found = query (root, path);

  g_assert_cmpstr (found, ==, expected);
}

static inline void
assert_failure (AipBuiltinAnswer *answer, guint status, const char *param, const char *code)
{
  g_autofree char *text = join (answer);
  g_autofree char *param_json = param != NULL ? g_strdup_printf ("[\"%s\"]", param) : g_strdup ("[null]");
  g_autofree char *code_json = code != NULL ? g_strdup_printf ("[\"%s\"]", code) : g_strdup ("[null]");

  g_assert_cmpuint (answer->status, ==, status);
  g_assert_cmpstr (answer->content_type, ==, "application/json");
  g_assert_false (answer->cut);
  assert_query (text, "$.error.param", param_json);
  assert_query (text, "$.error.code", code_json);
}
