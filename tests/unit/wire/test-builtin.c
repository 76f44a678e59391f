/* SPDX-License-Identifier: MIT */
#include "wire-test.h"

static void
test_models (void)
{
  g_autoptr (AipBuiltinAnswer) answer = aip_builtin_answer ("GET", "models", NULL, NOW);
  g_autofree char *text = join (answer);

  g_assert_cmpuint (answer->status, ==, 200);
  assert_query (text, "$.object", "[\"list\"]");
  assert_query (text, "$.data[*].id", "[\"echo\",\"echo-slow\",\"echo-embedding\",\"fail-503\",\"cut-5\"]");
  for (const char *const *glob = aip_builtin_models (); *glob != NULL; glob++)
    g_assert_true (strchr (*glob, '*') != NULL || strstr (text, *glob) != NULL);
}

static void
test_model (void)
{
  static const struct
  {
    const char *id;
    guint status;
  } rows[] = {
    { "echo", 200 },       { "echo-slow", 200 },   { "echo-embedding", 200 },
    { "fail-400", 200 },   { "fail-599", 200 },    { "cut-0", 200 },
    { "cut-999999", 200 }, { "echo2", 404 },       { "fail-399", 404 },
    { "fail-600", 404 },   { "fail-", 404 },       { "fail-0500", 404 },
    { "fail--500", 404 },  { "fail- 500", 404 },   { "fail-5x", 404 },
    { "cut-", 404 },       { "cut-1000000", 404 }, { "cut-+1", 404 },
    { "", 404 },           { "gpt-4", 404 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *endpoint = g_strconcat ("models/", rows[i].id, NULL);
      g_autoptr (AipBuiltinAnswer) answer = aip_builtin_answer ("GET", endpoint, NULL, NOW);

      g_test_message ("%s", endpoint);
      g_assert_cmpuint (answer->status, ==, rows[i].status);
    }
}

static void
test_endpoints (void)
{
  g_autoptr (AipBuiltinAnswer) unknown = post ("images/generations", "{}");
  g_autoptr (AipBuiltinAnswer) get = aip_builtin_answer ("GET", "chat/completions", NULL, NOW);
  g_autoptr (AipBuiltinAnswer) delete = aip_builtin_answer ("DELETE", "models/echo", NULL, NOW);
  g_autoptr (AipBuiltinAnswer) head = aip_builtin_answer ("HEAD", "models", NULL, NOW);

  assert_failure (unknown, 404, NULL, "unknown_url");
  assert_failure (get, 405, NULL, "method_not_allowed");
  assert_failure (delete, 405, NULL, "method_not_allowed");
  g_assert_cmpuint (head->status, ==, 200);
}

static void
test_bad_bodies (void)
{
  static const char *const endpoints[] = { "chat/completions", "completions", "embeddings" };
  static const struct
  {
    const char *body;
    const char *param;
    const char *code;
    guint status;
  } rows[] = {
    { "", NULL, NULL, 400 },
    { "{", NULL, NULL, 400 },
    { "[]", NULL, NULL, 400 },
    { "{\"model\":\"echo\"} x", NULL, NULL, 400 },
    { "{\"model\":\"\xff\"}", NULL, NULL, 400 },
    { "{\"model\":\"\\ud800\"}", NULL, NULL, 400 },
    { "{}", "model", "missing_required_parameter", 400 },
    { "{\"model\":null}", "model", "missing_required_parameter", 400 },
    { "{\"model\":7}", "model", "invalid_type", 400 },
    { "{\"model\":{}}", "model", "invalid_type", 400 },
    { "{\"model\":\"gpt-4\"}", "model", "model_not_found", 404 },
    { "{\"model\":\"fail-418\"}", NULL, NULL, 418 },
    { "{\"model\":\"fail-503\",\"stream\":true}", NULL, NULL, 503 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (endpoints); i++)
    {
      g_autoptr (AipBuiltinAnswer) no_body = aip_builtin_answer ("POST", endpoints[i], NULL, NOW);

      assert_failure (no_body, 400, NULL, NULL);
      for (gsize j = 0; j < G_N_ELEMENTS (rows); j++)
        {
          g_autoptr (AipBuiltinAnswer) answer = post (endpoints[i], rows[j].body);

          g_test_message ("%s, row %u", endpoints[i], (guint) j);
          assert_failure (answer, rows[j].status, rows[j].param, rows[j].code);
        }
    }
}

static void
test_deep_body (void)
{
  g_autofree char *open = g_strnfill (300000, '[');
  g_autofree char *body = g_strconcat ("{\"model\":\"echo\",\"messages\":", open, NULL);
  g_autoptr (AipBuiltinAnswer) answer = post ("chat/completions", body);

  assert_failure (answer, 400, NULL, NULL);
}

static void
test_deterministic (void)
{
  const char *body = "{\"model\":\"echo\",\"messages\":[{\"role\":\"user\",\"content\":\"same\"}]}";
  const char *other_body = "{\"model\":\"echo\",\"messages\":[{\"role\":\"user\",\"content\":\"other\"}]}";
  g_autoptr (AipBuiltinAnswer) first = post ("chat/completions", body);
  g_autoptr (AipBuiltinAnswer) second = post ("chat/completions", body);
  g_autoptr (AipBuiltinAnswer) other = post ("chat/completions", other_body);
  g_autofree char *first_text = join (first);
  g_autofree char *second_text = join (second);
  g_autofree char *other_text = join (other);
  g_autoptr (JsonNode) first_root = parse (first_text);
  g_autoptr (JsonNode) other_root = parse (other_text);
  g_autofree char *first_id = query (first_root, "$.id");
  g_autofree char *other_id = query (other_root, "$.id");

  g_assert_cmpstr (first_text, ==, second_text);
  g_assert_cmpstr (first_id, !=, other_id);
  g_assert_true (g_regex_match_simple ("^\\[\"chatcmpl-[0-9a-f]{24}\"\\]$", first_id, 0, 0));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/builtin/models", test_models);
  g_test_add_func ("/wire/builtin/model", test_model);
  g_test_add_func ("/wire/builtin/endpoints", test_endpoints);
  g_test_add_func ("/wire/builtin/bad-bodies", test_bad_bodies);
  g_test_add_func ("/wire/builtin/deep-body", test_deep_body);
  g_test_add_func ("/wire/builtin/deterministic", test_deterministic);
  return g_test_run ();
}
