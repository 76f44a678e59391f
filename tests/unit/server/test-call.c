/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server/aip-call.h"

#include <string.h>

#include "base/aip-error.h"

static const AipRoute chat = { .json = TRUE, .needs_model = TRUE };
static const AipRoute stream = { .json = TRUE, .needs_model = TRUE, .implies_stream = TRUE };
static const AipRoute free_of_model = { .json = TRUE };

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipCall, aip_call_clear)

static gboolean
parse (AipCall *call, const char *text, const AipRoute *route, GError **error)
{
  gsize length = strlen (text);
  g_autoptr (GBytes) body = g_bytes_new (text, length);

  return aip_call_parse (call, body, route, error);
}

static void
test_parse (void)
{
  static const struct
  {
    const char *body;
    const AipRoute *route;
    const char *model;
    gboolean stream;
  } rows[] = {
    { "{\"model\":\"m\"}", &chat, "m", FALSE },
    { "{\"model\":\"m\",\"stream\":true}", &chat, "m", TRUE },
    { "{\"stream\":true,\"model\":\"m\"}", &chat, "m", TRUE },
    { "{\"model\":\"m\",\"stream\":false}", &chat, "m", FALSE },
    { "{\"model\":\"m\",\"stream\":null}", &chat, "m", FALSE },
    { " \n{ \"x\" : {\"model\":\"n\",\"stream\":true} , \"model\" : \"m\" } \n", &chat, "m", FALSE },
    { "{\"model\":\"a\\/b\\u00e4\\\"\"}", &chat, "a/b\303\244\"", FALSE },
    { "{\"mod\\u0065l\":\"m\"}", &chat, "m", FALSE },
    { "{\"model\":\"m\"}", &stream, "m", TRUE },
    { "{\"model\":\"m\",\"stream\":false}", &stream, "m", TRUE },
    { "{\"model\":\"m\",\"stream\":null}", &stream, "m", TRUE },
    { "{}", &free_of_model, NULL, FALSE },
    { "{\"model\":null}", &free_of_model, NULL, FALSE },
    { "{\"model\":\"m\"}", &free_of_model, "m", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (AipCall) call = { 0 };
      g_autoptr (GError) error = NULL;

      g_assert_true (parse (&call, rows[i].body, rows[i].route, &error));
      g_assert_no_error (error);
      g_assert_cmpstr (call.model, ==, rows[i].model);
      g_assert_cmpint (call.stream, ==, rows[i].stream);
    }
}

static void
test_errors (void)
{
  static const struct
  {
    const char *body;
    const AipRoute *route;
    const char *about; /* what the message begins with */
  } rows[] = {
    { "", &chat, "" },
    { "{", &chat, "" },
    { "[]", &chat, "" },
    { "\"model\"", &chat, "" },
    { "{\"model\":\"m\"", &chat, "" },
    { "{\"model\":\"m\"}x", &chat, "" },
    { "{\"model\":\"m\",}", &chat, "" },
    { "{\"model\":\"\377\"}", &chat, "" },
    { "{\"model\":\"a\",\"model\":\"b\"}", &chat, "" },
    { "{}", &chat, "model: " },
    { "{\"model\":null}", &chat, "model: " },
    { "{\"model\":7}", &chat, "model: " },
    { "{\"model\":true}", &chat, "model: " },
    { "{\"model\":[\"m\"]}", &chat, "model: " },
    { "{\"model\":{}}", &chat, "model: " },
    { "{\"model\":\"\"}", &chat, "model: " },
    { "{\"model\":\"a\\nb\"}", &chat, "model: " },
    { "{\"model\":\"a\\u0000b\"}", &chat, "model: " },
    { "{\"model\":\"a\\u007f\"}", &chat, "model: " },
    { "{\"model\":\"\\ud800\"}", &chat, "" },
    { "{\"model\":7}", &free_of_model, "model: " },
    { "{\"model\":\"m\",\"stream\":1}", &chat, "stream: " },
    { "{\"model\":\"m\",\"stream\":\"true\"}", &chat, "stream: " },
    { "{\"model\":\"m\",\"stream\":{}}", &stream, "stream: " },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (AipCall) call = { 0 };
      g_autoptr (GError) error = NULL;

      if (parse (&call, rows[i].body, rows[i].route, &error))
        g_error ("accepted: %s", rows[i].body);
      g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT);
      if (!g_str_has_prefix (error->message, rows[i].about))
        g_error ("%s: %s", rows[i].body, error->message);
    }
}

static void
test_long_model (void)
{
  g_autofree char *name = g_strnfill (257, 'm');
  g_autofree char *too_long = g_strdup_printf ("{\"model\":\"%s\"}", name);
  g_autofree char *longest = g_strdup_printf ("{\"model\":\"%s\"}", name + 1);
  g_auto (AipCall) call = { 0 };
  g_auto (AipCall) refused = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (parse (&call, longest, &chat, NULL));
  g_assert_false (parse (&refused, too_long, &chat, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT);
}

static void
check_render (const char *body, const AipRoute *route, const char *model, const char *expected)
{
  g_auto (AipCall) call = { 0 };
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_true (parse (&call, body, route, &error));
  g_assert_no_error (error);

  g_autoptr (GBytes) rendered = aip_call_render (&call, route, model);
  const char *text = g_bytes_get_data (rendered, &length);
  g_autofree char *copy = g_strndup (text, length);

  g_assert_cmpstr (copy, ==, expected);
  g_assert_cmpuint (length, ==, strlen (expected));
}

/* All that is not the model's name stays byte for byte. */
static void
test_model_in_place (void)
{
  static const char odd[] = " {\t\"b\":1.0e+2,\"model\" :\"m\", \"a\":[ ],\"b2\":\"\\u00e4\\/\"}\n";

  check_render (odd, &chat, "m", odd);
  check_render (odd, &chat, NULL, odd);
  check_render (odd, &chat, "longer/name",
                " {\t\"b\":1.0e+2,\"model\" :\"longer/name\", \"a\":[ ],\"b2\":\"\\u00e4\\/\"}\n");
  check_render ("{\"model\":\"long\"}", &chat, "s", "{\"model\":\"s\"}");
  check_render ("{\"model\":\"m\"}", &chat, "a\"b\\c", "{\"model\":\"a\\\"b\\\\c\"}");
  check_render ("{\"x\":{\"model\":\"m\"},\"model\":\"m\"}", &chat, "n",
                "{\"x\":{\"model\":\"m\"},\"model\":\"n\"}");
  check_render ("{\"model\":\"\\u006d\"}", &chat, "m", "{\"model\":\"\\u006d\"}");
  check_render ("{\"a\":1}", &free_of_model, "n", "{\"a\":1}");
  check_render ("{}", &free_of_model, "n", "{}");
}

static void
test_same_bytes (void)
{
  g_auto (AipCall) call = { 0 };

  g_assert_true (parse (&call, "{\"model\":\"m\"}", &chat, NULL));

  g_autoptr (GBytes) rendered = aip_call_render (&call, &chat, "m");
  g_assert_true (rendered == call.body); /* not copied */
}

static void
test_stream_implied (void)
{
  static const struct
  {
    const char *body;
    const char *same;
    const char *mapped;
  } rows[] = {
    { "{\"model\":\"m\"}", "{\"stream\":true,\"model\":\"m\"}", "{\"stream\":true,\"model\":\"other\"}" },
    { " { \"model\":\"m\"}", " {\"stream\":true, \"model\":\"m\"}",
      " {\"stream\":true, \"model\":\"other\"}" },
    { "{\"model\":\"m\",\"stream\":false}", "{\"model\":\"m\",\"stream\":true}",
      "{\"model\":\"other\",\"stream\":true}" },
    { "{\"stream\":false,\"model\":\"m\"}", "{\"stream\":true,\"model\":\"m\"}",
      "{\"stream\":true,\"model\":\"other\"}" },
    { "{\"stream\":null,\"model\":\"m\"}", "{\"stream\":true,\"model\":\"m\"}",
      "{\"stream\":true,\"model\":\"other\"}" },
    { "{\"a\":1,\"model\":\"m\",\"b\":{},\"stream\":null,\"c\":2}",
      "{\"a\":1,\"model\":\"m\",\"b\":{},\"stream\":true,\"c\":2}",
      "{\"a\":1,\"model\":\"other\",\"b\":{},\"stream\":true,\"c\":2}" },
    { "{\"a\":1,\"stream\":false,\"b\":{},\"model\":\"m\",\"c\":2}",
      "{\"a\":1,\"stream\":true,\"b\":{},\"model\":\"m\",\"c\":2}",
      "{\"a\":1,\"stream\":true,\"b\":{},\"model\":\"other\",\"c\":2}" },
    { "{\"model\":\"m\",\"stream\": true}", "{\"model\":\"m\",\"stream\": true}",
      "{\"model\":\"other\",\"stream\": true}" },
    { "{\"stream\": true,\"model\":\"m\"}", "{\"stream\": true,\"model\":\"m\"}",
      "{\"stream\": true,\"model\":\"other\"}" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      check_render (rows[i].body, &stream, "m", rows[i].same);
      check_render (rows[i].body, &stream, "other", rows[i].mapped);
      check_render (rows[i].body, &chat, "m", rows[i].body);
    }
}

static void
test_second_model (void)
{
  static const struct
  {
    const char *body;
    gboolean second;
  } rows[] = {
    { "{}", FALSE },
    { "{\"model\":\"m\"}", FALSE },
    { "{\"model\":\"m\",\"models\":1,\"mode\":2,\"MODELS\":3,\"mode1\":4}", FALSE },
    { "{\"model\":\"m\",\"x\":{\"Model\":\"n\"}}", FALSE },
    { "{\"model\":\"m\",\"Model\":\"n\"}", TRUE },
    { "{\"MODEL\":\"n\",\"model\":\"m\"}", TRUE },
    { "{\"model\":\"m\",\"mode\\u004c\":null}", TRUE },
    { "{\"mOdEl\":1}", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (AipCall) call = { 0 };

      g_test_message ("%s", rows[i].body);
      g_assert_true (parse (&call, rows[i].body, &free_of_model, NULL));
      g_assert_true (aip_call_has_second_model (&call) == rows[i].second);
    }
}

static void
test_max_output (void)
{
  static const struct
  {
    const char *body;
    guint64 most;
  } rows[] = {
    { "{}", 0 },
    { "{\"max_tokens\":500}", 500 },
    { "{\"max_completion_tokens\": 7 ,\"max_tokens\":5}", 7 },
    { "{\"max_output_tokens\":9}", 9 },
    { "{\"max_tokens\":500,\"n\":3}", 1500 },
    { "{\"max_tokens\":500,\"n\":0}", 500 },
    { "{\"max_tokens\":500,\"n\":-1}", 500 },
    { "{\"max_tokens\":\"500\"}", 0 },
    { "{\"max_tokens\":null}", 0 },
    { "{\"max_tokens\":-5}", 0 },
    { "{\"max_tokens\":0.5}", 0 },
    { "{\"max_tokens\":7.0}", 7 },
    { "{\"max_tokens\":1e3}", 1000 },
    { "{\"max_tokens\":18446744073709551616}", 1000000000 },
    { "{\"max_tokens\":1e999}", 1000000000 },
    { "{\"max_tokens\":2,\"n\":9223372036854775808}", 2048 },
    { "{\"max_tokens\":1e999,\"n\":1e999}", G_GUINT64_CONSTANT (1024000000000) },
    { "{\"x\":{\"max_tokens\":5}}", 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (AipCall) call = { 0 };

      g_test_message ("%s", rows[i].body);
      g_assert_true (parse (&call, rows[i].body, &free_of_model, NULL));
      g_assert_cmpuint (aip_call_find_max_output (&call), ==, rows[i].most);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/call/parse", test_parse);
  g_test_add_func ("/server/call/errors", test_errors);
  g_test_add_func ("/server/call/long-model", test_long_model);
  g_test_add_func ("/server/call/model-in-place", test_model_in_place);
  g_test_add_func ("/server/call/same-bytes", test_same_bytes);
  g_test_add_func ("/server/call/stream-implied", test_stream_implied);
  g_test_add_func ("/server/call/second-model", test_second_model);
  g_test_add_func ("/server/call/max-output", test_max_output);

  return g_test_run ();
}
