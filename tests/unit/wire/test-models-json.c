/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/aip-error.h"
#include "wire/aip-models-json.h"

static const AipModelInfo models[] = {
  { "gpt-4o", "main", 1700000000 },
  { "a\"b", NULL, 0 },
};

static void
test_list (void)
{
  static const char *const expected[AIP_N_PROTOCOLS] = {
    [AIP_PROTOCOL_OPENAI] =
        "{\"object\":\"list\",\"data\":[{\"id\":\"gpt-4o\",\"object\":\"model\",\"created\":1700000000,"
        "\"owned_by\":\"main\"},{\"id\":\"a\\\"b\",\"object\":\"model\",\"created\":0,\"owned_by\":\"\"}]}",
    [AIP_PROTOCOL_ANTHROPIC] =
        "{\"data\":[{\"type\":\"model\",\"id\":\"gpt-4o\",\"display_name\":\"gpt-4o\",\"created_at\":"
        "\"2023-11-14T22:13:20Z\"},{\"type\":\"model\",\"id\":\"a\\\"b\",\"display_name\":\"a\\\"b\","
        "\"created_at\":"
        "\"1970-01-01T00:00:00Z\"}],\"has_more\":false,\"first_id\":\"gpt-4o\",\"last_id\":\"a\\\"b\"}",
    [AIP_PROTOCOL_GEMINI] =
        "{\"models\":[{\"name\":\"models/gpt-4o\",\"version\":\"1\",\"displayName\":\"gpt-4o\","
        "\"supportedGenerationMethods\":[\"generateContent\",\"embedContent\"]},"
        "{\"name\":\"models/a\\\"b\",\"version\":\"1\",\"displayName\":\"a\\\"b\","
        "\"supportedGenerationMethods\":[\"generateContent\",\"embedContent\"]}]}",
  };

  for (guint protocol = 0; protocol < AIP_N_PROTOCOLS; protocol++)
    {
      g_autofree char *text = aip_models_format_list (protocol, models, G_N_ELEMENTS (models));

      if (expected[protocol] != NULL)
        g_assert_cmpstr (text, ==, expected[protocol]);
    }

  g_autofree char *tags = aip_models_format_list (AIP_PROTOCOL_OLLAMA, models, 1);
  g_assert_true (g_str_has_prefix (tags,
                                   "{\"models\":[{\"name\":\"gpt-4o\",\"model\":\"gpt-4o\",\"modified_at\":"
                                   "\"2023-11-14T22:13:20Z\",\"size\":0,"));
}

static void
test_empty (void)
{
  g_autofree char *openai = aip_models_format_list (AIP_PROTOCOL_OPENAI, NULL, 0);
  g_autofree char *anthropic = aip_models_format_list (AIP_PROTOCOL_ANTHROPIC, NULL, 0);
  g_autofree char *one = aip_models_format_one (AIP_PROTOCOL_OPENAI, &models[0]);

  g_assert_cmpstr (openai, ==, "{\"object\":\"list\",\"data\":[]}");
  g_assert_cmpstr (anthropic, ==, "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}");
  g_assert_cmpstr (one, ==,
                   "{\"id\":\"gpt-4o\",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"main\"}");
}

static void
test_round_trip (void)
{
  for (guint protocol = 0; protocol < AIP_N_PROTOCOLS; protocol++)
    {
      g_autofree char *text = aip_models_format_list (protocol, models, G_N_ELEMENTS (models));
      g_auto (GStrv) ids = aip_models_parse_list (text, strlen (text), NULL);

      g_assert_nonnull (ids);
      g_assert_cmpint (g_strv_length (ids), ==, 2);
      g_assert_cmpstr (ids[0], ==, "gpt-4o");
      g_assert_cmpstr (ids[1], ==, "a\"b");
    }
}

static void
test_parse (void)
{
  static const struct
  {
    const char *text;
    const char *expected; /* ids with blanks between; NULL: an error */
  } rows[] = {
    { "{\"data\":[]}", "" },
    { "{\"object\":\"list\",\"data\":[{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"a\"}]}", "a b" },
    { "{\"models\":[{\"name\":\"models/gemini-pro\"},{\"name\":\"llama3:70b\"}]}", "gemini-pro llama3:70b" },
    { "{\"models\":[{\"name\":\"x\"}],\"data\":[{\"id\":\"y\"}]}", "y" },
    { " [{\"id\":\"bare\"}]", "bare" },
    { "{\"data\":[1,null,\"x\",[],{},{\"id\":7},{\"id\":\"\"},{\"id\":\"a\\nb\"},{\"id\":\"\\u009f\"},"
      "{\"id\":\"\\u0007\"},{\"id\":\"ok\"}]}",
      "ok" },
    { "{\"data\":{}}", NULL },
    { "{\"error\":{\"message\":\"no\"}}", NULL },
    { "[1", NULL },
    { "<html>", NULL },
    { "", NULL },
    { "\"data\"", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_auto (GStrv) ids = aip_models_parse_list (rows[i].text, strlen (rows[i].text), &error);

      if (rows[i].expected == NULL)
        {
          g_assert_error (error, AIP_ERROR, AIP_ERROR_PROTOCOL);
          g_assert_null (ids);
          continue;
        }
      g_assert_no_error (error);
      g_autofree char *joined = g_strjoinv (" ", ids);
      g_assert_cmpstr (joined, ==, rows[i].expected);
    }
}

static void
test_limits (void)
{
  g_autoptr (GString) text = g_string_new ("{\"data\":[");
  g_autofree char *longest = g_strnfill (256, 'x');

  g_string_append_printf (text, "{\"id\":\"%s\"},{\"id\":\"%sx\"}", longest, longest);
  for (guint i = 0; i < 10500; i++)
    g_string_append_printf (text, ",{\"id\":\"m%u\"}", i);
  g_string_append (text, "]}");

  g_auto (GStrv) ids = aip_models_parse_list (text->str, text->len, NULL);

  g_assert_nonnull (ids);
  g_assert_cmpint (g_strv_length (ids), ==, 10000);
  g_assert_cmpstr (ids[0], ==, longest);
  g_assert_cmpstr (ids[1], ==, "m0");
}

static void
test_deep (void)
{
  g_autofree char *open = g_strnfill (200000, '[');
  g_autofree char *text = g_strconcat ("{\"data\":", open, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (aip_models_parse_list (text, strlen (text), &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_PROTOCOL);
  g_clear_error (&error);
  g_assert_null (aip_models_parse_list (open, strlen (open), &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_PROTOCOL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/models-json/list", test_list);
  g_test_add_func ("/wire/models-json/empty", test_empty);
  g_test_add_func ("/wire/models-json/round-trip", test_round_trip);
  g_test_add_func ("/wire/models-json/parse", test_parse);
  g_test_add_func ("/wire/models-json/limits", test_limits);
  g_test_add_func ("/wire/models-json/deep", test_deep);
  return g_test_run ();
}
