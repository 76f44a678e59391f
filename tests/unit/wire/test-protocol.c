/* SPDX-License-Identifier: MIT */
#include <json-glib/json-glib.h>

#include "wire/aip-protocol.h"

typedef struct
{
  AipProtocol protocol;
  AipFailure failure;
  const char *expected;
} Case;

static const Case cases[] = {
  { AIP_PROTOCOL_OPENAI,
    { 404, NULL, "model_not_found", "model", "No model \"x\"." },
    "{\"error\":{\"message\":\"No model \\\"x\\\".\",\"type\":\"not_found_error\",\"param\":\"model\","
    "\"code\":\"model_not_found\"}}" },
  { AIP_PROTOCOL_OPENAI,
    { 429, "insufficient_quota", NULL, NULL, "Slow\ndown" },
    "{\"error\":{\"message\":\"Slow\\ndown\",\"type\":\"insufficient_quota\",\"param\":null,\"code\":null}"
    "}" },
  { AIP_PROTOCOL_OPENAI,
    { 400, NULL, NULL, NULL, NULL },
    "{\"error\":{\"message\":\"The request failed.\",\"type\":\"invalid_request_error\",\"param\":null,"
    "\"code\":null}}" },
  { AIP_PROTOCOL_ANTHROPIC,
    { 413, NULL, "ignored", "ignored", "Too large" },
    "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"Too large\"}}" },
  { AIP_PROTOCOL_ANTHROPIC,
    { 503, "server_error", NULL, NULL, "No key" },
    "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"No key\"}}" },
  { AIP_PROTOCOL_ANTHROPIC,
    { 500, "rate_limit_error", NULL, NULL, "Ours" },
    "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Ours\"}}" },
  { AIP_PROTOCOL_GEMINI,
    { 400, "invalid_request_error", NULL, NULL, "Bad" },
    "{\"error\":{\"code\":400,\"message\":\"Bad\",\"status\":\"INVALID_ARGUMENT\"}}" },
  { AIP_PROTOCOL_GEMINI,
    { 429, NULL, NULL, NULL, "Quota" },
    "{\"error\":{\"code\":429,\"message\":\"Quota\",\"status\":\"RESOURCE_EXHAUSTED\"}}" },
  { AIP_PROTOCOL_OLLAMA,
    { 404, NULL, NULL, NULL, "model 'x' not found" },
    "{\"error\":\"model 'x' not found\"}" },
};

static void
test_shapes (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = aip_protocol_format_error (cases[i].protocol, &cases[i].failure);

      g_assert_cmpstr (text, ==, cases[i].expected);
    }
}

static void
test_default_types (void)
{
  static const struct
  {
    guint status;
    const char *openai;
    const char *anthropic;
    const char *gemini;
  } rows[] = {
    { 401, "authentication_error", "authentication_error", "UNAUTHENTICATED" },
    { 403, "permission_error", "permission_error", "PERMISSION_DENIED" },
    { 405, "invalid_request_error", "invalid_request_error", "FAILED_PRECONDITION" },
    { 408, "timeout_error", "timeout_error", "DEADLINE_EXCEEDED" },
    { 415, "invalid_request_error", "invalid_request_error", "FAILED_PRECONDITION" },
    { 418, "invalid_request_error", "invalid_request_error", "FAILED_PRECONDITION" },
    { 431, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT" },
    { 500, "server_error", "api_error", "INTERNAL" },
    { 502, "server_error", "api_error", "UNAVAILABLE" },
    { 504, "timeout_error", "timeout_error", "DEADLINE_EXCEEDED" },
    { 529, "server_error", "overloaded_error", "UNAVAILABLE" },
    { 599, "server_error", "api_error", "INTERNAL" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const AipFailure failure = { .status = rows[i].status, .message = "m" };
      g_autofree char *openai = aip_protocol_format_error (AIP_PROTOCOL_OPENAI, &failure);
      g_autofree char *anthropic = aip_protocol_format_error (AIP_PROTOCOL_ANTHROPIC, &failure);
      g_autofree char *gemini = aip_protocol_format_error (AIP_PROTOCOL_GEMINI, &failure);
      g_autofree char *openai_type = g_strdup_printf ("\"type\":\"%s\"", rows[i].openai);
      g_autofree char *anthropic_type = g_strdup_printf ("{\"type\":\"%s\"", rows[i].anthropic);
      g_autofree char *gemini_status = g_strdup_printf ("\"status\":\"%s\"", rows[i].gemini);

      g_assert_nonnull (strstr (openai, openai_type));
      g_assert_nonnull (strstr (anthropic, anthropic_type));
      g_assert_nonnull (strstr (gemini, gemini_status));
    }
}

static void
test_hostile_text (void)
{
  const AipFailure failure = {
    .status = 400, .code = "\x80", .param = "a\"b", .message = "\xff\x01\\ \xe2\x82 </script>\r\n\ndata: x"
  };

  for (guint protocol = 0; protocol < AIP_N_PROTOCOLS; protocol++)
    {
      g_autofree char *text = aip_protocol_format_error (protocol, &failure);
      g_autofree char *event = aip_protocol_format_stream_error (protocol, &failure);
      g_autoptr (JsonParser) parser = json_parser_new ();
      g_autoptr (GError) error = NULL;

      g_assert_true (g_utf8_validate (text, -1, NULL));
      g_assert_null (strchr (text, '\n'));
      json_parser_load_from_data (parser, text, -1, &error);
      g_assert_no_error (error);
      g_assert_nonnull (strstr (event, text));
    }
}

static void
test_stream (void)
{
  const AipFailure failure = { .status = 502, .message = "Cut" };
  static const char *const expected[AIP_N_PROTOCOLS] = {
    [AIP_PROTOCOL_OPENAI] = "data: {\"error\":{\"message\":\"Cut\",\"type\":\"server_error\",\"param\":null,"
                            "\"code\":null}}\n\n",
    [AIP_PROTOCOL_ANTHROPIC] = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\","
                               "\"message\":\"Cut\"}}\n\n",
    [AIP_PROTOCOL_GEMINI] =
        "data: {\"error\":{\"code\":502,\"message\":\"Cut\",\"status\":\"UNAVAILABLE\"}}\n\n",
    [AIP_PROTOCOL_OLLAMA] = "{\"error\":\"Cut\"}\n",
  };

  for (guint protocol = 0; protocol < AIP_N_PROTOCOLS; protocol++)
    {
      g_autofree char *event = aip_protocol_format_stream_error (protocol, &failure);

      g_assert_cmpstr (event, ==, expected[protocol]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/protocol/shapes", test_shapes);
  g_test_add_func ("/wire/protocol/default-types", test_default_types);
  g_test_add_func ("/wire/protocol/hostile-text", test_hostile_text);
  g_test_add_func ("/wire/protocol/stream", test_stream);
  return g_test_run ();
}
