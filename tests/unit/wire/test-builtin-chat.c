/* SPDX-License-Identifier: MIT */
#include "wire-test.h"

#include "wire/aip-usage-scan.h"

#define USER(text) "\"messages\":[{\"role\":\"user\",\"content\":\"" text "\"}]"

/* The JSON of one event of a stream. */
static char *
dup_event (const AipBuiltinAnswer *answer, guint index)
{
  gsize length;
  const char *data = g_bytes_get_data (g_ptr_array_index (answer->parts, index), &length);

  g_assert_cmpuint (length, >, 8);
  g_assert_cmpmem (data, 6, "data: ", 6);
  g_assert_cmpmem (data + length - 2, 2, "\n\n", 2);
  return g_strndup (data + 6, length - 8);
}

static void
assert_event (const AipBuiltinAnswer *answer, guint index, const char *path, const char *expected)
{
  g_autofree char *text = dup_event (answer, index);

  assert_query (text, path, expected);
}

static void
assert_scan (const AipBuiltinAnswer *answer, gboolean stream, guint64 input, guint64 output, gboolean end)
{
  g_autofree char *text = join (answer);
  AipUsageScan scan;

  aip_usage_scan_init (&scan, AIP_PROTOCOL_OPENAI, stream);
  aip_usage_scan_feed (&scan, text, strlen (text));
  g_assert_cmpuint (aip_usage_scan_get_usage (&scan).input_tokens, ==, input);
  g_assert_cmpuint (aip_usage_scan_get_usage (&scan).output_tokens, ==, output);
  g_assert_cmpint (aip_usage_scan_saw_end (&scan), ==, end);
}

static void
test_plain (void)
{
  g_autoptr (AipBuiltinAnswer) answer =
      post ("chat/completions", "{\"model\":\"echo\"," USER ("Hi there  you ") "}");
  g_autofree char *text = join (answer);

  g_assert_cmpuint (answer->status, ==, 200);
  g_assert_cmpuint (answer->delay, ==, 0);
  g_assert_cmpuint (answer->parts->len, ==, 1);
  g_assert_cmpstr (answer->content_type, ==, "application/json");
  assert_query (text, "$.object", "[\"chat.completion\"]");
  assert_query (text, "$.created", "[1700000000]");
  assert_query (text, "$.model", "[\"echo\"]");
  assert_query (text, "$.choices[0].message.role", "[\"assistant\"]");
  assert_query (text, "$.choices[0].message.content", "[\"Hi there  you \"]");
  assert_query (text, "$.choices[0].finish_reason", "[\"stop\"]");
  assert_query (text, "$.usage", "[{\"prompt_tokens\":3,\"completion_tokens\":3,\"total_tokens\":6}]");
  assert_scan (answer, FALSE, 3, 3, TRUE);
}

static void
test_last_user (void)
{
  static const struct
  {
    const char *messages;
    const char *content;
    const char *n_prompt;
  } rows[] = {
    { "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]", "[\"a\"]",
      "[2]" },
    { "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b c\"}]", "[\"b c\"]", "[3]" },
    { "[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"developer\",\"content\":\"d\"}]", "[\"d\"]",
      "[2]" },
    { "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a "
      "\"},{\"type\":\"image_url\",\"image_url\":"
      "{\"url\":\"data:\"}},{\"type\":\"text\",\"text\":\"b\"}]}]",
      "[\"a b\"]", "[2]" },
    { "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":null}]", "[\"a\"]", "[1]" },
    { "[{\"role\":\"user\"}]", "[\"\"]", "[0]" },
    { "[{\"role\":\"user\",\"content\":\"\\u00e9\\t\\ud83d\\ude00\\\"\"}]",
      "[\"\303\251\\t\360\237\230\200\\\"\"]", "[2]" },
    { "[{\"role\":\"user\",\"content\":\"\\n \\n\"}]", "[\"\\n \\n\"]", "[1]" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *body = g_strdup_printf ("{\"model\":\"echo\",\"messages\":%s}", rows[i].messages);
      g_autoptr (AipBuiltinAnswer) answer = post ("chat/completions", body);
      g_autofree char *text = join (answer);

      g_test_message ("%s", body);
      assert_query (text, "$.choices[0].message.content", rows[i].content);
      assert_query (text, "$.usage.prompt_tokens", rows[i].n_prompt);
    }
}

static void
test_stream (void)
{
  g_autoptr (AipBuiltinAnswer) answer =
      post ("chat/completions", "{\"model\":\"echo\",\"stream\":true," USER (" one two\\n three") "}");

  g_assert_cmpstr (answer->content_type, ==, "text/event-stream");
  g_assert_cmpuint (answer->delay, ==, 0);
  g_assert_false (answer->cut);
  g_assert_cmpuint (answer->parts->len, ==, 6);
  assert_event (answer, 0, "$.object", "[\"chat.completion.chunk\"]");
  assert_event (answer, 0, "$.choices[0].delta.role", "[\"assistant\"]");
  assert_event (answer, 0, "$.choices[0].delta.content", "[\"\"]");
  assert_event (answer, 0, "$.choices[0].finish_reason", "[null]");
  assert_event (answer, 1, "$.choices[0].delta", "[{\"content\":\" one \"}]");
  assert_event (answer, 2, "$.choices[0].delta", "[{\"content\":\"two\\n \"}]");
  assert_event (answer, 3, "$.choices[0].delta", "[{\"content\":\"three\"}]");
  assert_event (answer, 4, "$.choices[0].delta", "[{}]");
  assert_event (answer, 4, "$.choices[0].finish_reason", "[\"stop\"]");
  assert_event (answer, 4, "$.usage", "[]");
  g_assert_cmpstr (g_bytes_get_data (g_ptr_array_index (answer->parts, 5), NULL), ==, "data: [DONE]\n\n");
  assert_scan (answer, TRUE, 0, 0, TRUE);
}

static void
test_stream_usage (void)
{
  g_autoptr (AipBuiltinAnswer) answer = post (
      "chat/completions", "{\"model\":\"echo\",\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                          "\"max_completion_tokens\":2," USER ("a b c d") "}");

  g_assert_cmpuint (answer->parts->len, ==, 6);
  assert_event (answer, 0, "$.usage", "[null]");
  assert_event (answer, 3, "$.choices[0].finish_reason", "[\"length\"]");
  assert_event (answer, 3, "$.usage", "[null]");
  assert_event (answer, 4, "$.choices", "[[]]");
  assert_event (answer, 4, "$.usage", "[{\"prompt_tokens\":4,\"completion_tokens\":2,\"total_tokens\":6}]");
  assert_scan (answer, TRUE, 4, 2, TRUE);
}

static void
test_stream_implied (void)
{
  g_autoptr (AipBuiltinAnswer) answer =
      post ("chat/completions/stream", "{\"model\":\"echo\",\"stream\":false," USER ("a") "}");

  g_assert_cmpstr (answer->content_type, ==, "text/event-stream");
  g_assert_cmpuint (answer->parts->len, ==, 4);
}

static void
test_limit (void)
{
  g_autoptr (AipBuiltinAnswer) less =
      post ("chat/completions", "{\"model\":\"echo\",\"max_tokens\":2," USER ("a b c") "}");
  g_autoptr (AipBuiltinAnswer) equal =
      post ("chat/completions", "{\"model\":\"echo\",\"max_tokens\":3," USER ("a b c") "}");
  g_autofree char *less_text = join (less);
  g_autofree char *equal_text = join (equal);

  assert_query (less_text, "$.choices[0].message.content", "[\"a b \"]");
  assert_query (less_text, "$.choices[0].finish_reason", "[\"length\"]");
  assert_query (less_text, "$.usage.completion_tokens", "[2]");
  assert_query (equal_text, "$.choices[0].finish_reason", "[\"stop\"]");
}

static void
test_slow (void)
{
  g_autoptr (AipBuiltinAnswer) stream =
      post ("chat/completions", "{\"model\":\"echo-slow\",\"stream\":true," USER ("a b c") "}");
  g_autoptr (AipBuiltinAnswer) plain =
      post ("chat/completions", "{\"model\":\"echo-slow\"," USER ("a b c") "}");

  g_assert_cmpuint (stream->delay, ==, 50);
  g_assert_cmpuint (plain->delay, ==, 200);
}

static void
test_cut (void)
{
  static const struct
  {
    const char *model;
    guint n_parts;
  } rows[] = { { "cut-0", 1 }, { "cut-2", 3 }, { "cut-99", 4 } };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *body =
          g_strdup_printf ("{\"model\":\"%s\",\"stream\":true," USER ("a b c") "}", rows[i].model);
      g_autofree char *plain_body = g_strdup_printf ("{\"model\":\"%s\"," USER ("a b c") "}", rows[i].model);
      g_autoptr (AipBuiltinAnswer) stream = post ("chat/completions", body);
      g_autoptr (AipBuiltinAnswer) plain = post ("chat/completions", plain_body);
      g_autofree char *plain_text = join (plain);
      g_autoptr (JsonNode) node = json_from_string (plain_text, NULL);

      g_assert_true (stream->cut);
      g_assert_cmpuint (stream->parts->len, ==, rows[i].n_parts);
      assert_scan (stream, TRUE, 0, 0, FALSE);
      g_assert_true (plain->cut);
      g_assert_cmpuint (plain->status, ==, 200);
      g_assert_cmpuint (strlen (plain_text), >, 50);
      g_assert_null (node);
    }
}

#define TOOLS                                                                                                \
  "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"first\"}},"                                    \
  "{\"type\":\"function\",\"function\":{\"name\":\"second\"}}],"

static void
test_tools (void)
{
  static const struct
  {
    const char *choice;
    const char *name; /* NULL: text */
  } rows[] = {
    { "null", NULL },
    { "\"auto\"", NULL },
    { "\"none\"", NULL },
    { "\"required\"", "[\"first\"]" },
    { "{\"type\":\"function\",\"function\":{\"name\":\"second\"}}", "[\"second\"]" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *body =
          g_strdup_printf ("{\"model\":\"echo\"," TOOLS "\"tool_choice\":%s," USER ("a") "}", rows[i].choice);
      g_autoptr (AipBuiltinAnswer) answer = post ("chat/completions", body);
      g_autofree char *text = join (answer);

      if (rows[i].name == NULL)
        {
          assert_query (text, "$.choices[0].message.content", "[\"a\"]");
          assert_query (text, "$.choices[0].message.tool_calls", "[]");
          continue;
        }
      assert_query (text, "$.choices[0].message.content", "[null]");
      assert_query (text, "$.choices[0].message.tool_calls[0].type", "[\"function\"]");
      assert_query (text, "$.choices[0].message.tool_calls[0].function.name", rows[i].name);
      assert_query (text, "$.choices[0].message.tool_calls[0].function.arguments", "[\"{}\"]");
      assert_query (text, "$.choices[0].finish_reason", "[\"tool_calls\"]");
    }
}

static void
test_tools_stream (void)
{
  g_autoptr (AipBuiltinAnswer) answer =
      post ("chat/completions",
            "{\"model\":\"echo\",\"stream\":true," TOOLS "\"tool_choice\":\"required\"," USER ("a") "}");

  g_assert_cmpuint (answer->parts->len, ==, 4);
  assert_event (answer, 0, "$.choices[0].delta.role", "[\"assistant\"]");
  assert_event (answer, 0, "$.choices[0].delta.tool_calls[0].index", "[0]");
  assert_event (answer, 0, "$.choices[0].delta.tool_calls[0].function",
                "[{\"name\":\"first\",\"arguments\":\"\"}]");
  assert_event (answer, 1, "$.choices[0].delta.tool_calls[0].function", "[{\"arguments\":\"{}\"}]");
  assert_event (answer, 2, "$.choices[0].finish_reason", "[\"tool_calls\"]");
}

static void
test_after_tool (void)
{
  g_autoptr (AipBuiltinAnswer) answer = post (
      "chat/completions", "{\"model\":\"echo\"," TOOLS "\"tool_choice\":\"required\",\"messages\":["
                          "{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":null,"
                          "\"tool_calls\":[]},{\"role\":\"tool\",\"content\":\"42\"}]}");
  g_autofree char *text = join (answer);

  assert_query (text, "$.choices[0].message.content", "[\"a\"]");
}

static void
test_bad_members (void)
{
  static const struct
  {
    const char *members;
    const char *param;
    const char *code;
  } rows[] = {
    { "\"x\":1", "messages", "missing_required_parameter" },
    { "\"messages\":null", "messages", "missing_required_parameter" },
    { "\"messages\":\"hi\"", "messages", "invalid_type" },
    { "\"messages\":[]", "messages", "empty_array" },
    { "\"messages\":[7]", "messages[0]", "invalid_type" },
    { "\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"content\":\"x\"}]", "messages[1].role",
      "invalid_value" },
    { "\"messages\":[{\"role\":\"king\",\"content\":\"x\"}]", "messages[0].role", "invalid_value" },
    { "\"messages\":[{\"role\":\"user\",\"content\":7}]", "messages[0].content", "invalid_type" },
    { "\"messages\":[{\"role\":\"user\",\"content\":[\"x\"]}]", "messages[0].content", "invalid_type" },
    { "\"messages\":[{\"role\":\"user\",\"content\":[{}]}]", "messages[0].content",
      "missing_required_parameter" },
    { "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":1}]}]",
      "messages[0].content", "invalid_type" },
    { USER ("a") ",\"stream\":\"yes\"", "stream", "invalid_type" },
    { USER ("a") ",\"stream_options\":true", "stream_options", "invalid_type" },
    { USER ("a") ",\"stream_options\":{\"include_usage\":1}", "stream_options.include_usage",
      "invalid_type" },
    { USER ("a") ",\"n\":2", "n", "invalid_value" },
    { USER ("a") ",\"n\":\"1\"", "n", "invalid_type" },
    { USER ("a") ",\"max_tokens\":0", "max_tokens", "invalid_value" },
    { USER ("a") ",\"max_tokens\":1.5", "max_tokens", "invalid_type" },
    { USER ("a") ",\"max_completion_tokens\":-1", "max_completion_tokens", "invalid_value" },
    { USER ("a") ",\"tools\":{}", "tools", "invalid_type" },
    { USER ("a") ",\"tool_choice\":\"required\"", "tool_choice", "invalid_value" },
    { USER ("a") ",\"tool_choice\":\"always\"", "tool_choice", "invalid_value" },
    { USER ("a") ",\"tools\":[1,{},{\"function\":7}],\"tool_choice\":{\"function\":{\"name\":\"f\"}}",
      "tool_choice", "invalid_value" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *body = g_strdup_printf ("{\"model\":\"echo\",%s}", rows[i].members);
      g_autoptr (AipBuiltinAnswer) answer = post ("chat/completions", body);

      g_test_message ("%s", body);
      assert_failure (answer, 400, rows[i].param, rows[i].code);
    }
}

static void
test_embedding_model (void)
{
  g_autoptr (AipBuiltinAnswer) answer =
      post ("chat/completions", "{\"model\":\"echo-embedding\"," USER ("a") "}");

  assert_failure (answer, 400, "model", "invalid_value");
}

/* A text of very many words must not become as many events. */
static void
test_many_words (void)
{
  g_autoptr (GString) words = g_string_new (NULL);
  g_autoptr (GString) said = g_string_new (NULL);

  for (guint i = 0; i < 100000; i++)
    g_string_append (words, "a ");

  g_autofree char *body = g_strdup_printf (
      "{\"model\":\"echo\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
      words->str);
  g_autoptr (AipBuiltinAnswer) answer = post ("chat/completions", body);

  g_assert_cmpuint (answer->parts->len, >, 20000);
  g_assert_cmpuint (answer->parts->len, <=, 32768 + 3);
  for (guint i = 1; i < answer->parts->len - 2; i++)
    {
      const char *event = g_bytes_get_data (g_ptr_array_index (answer->parts, i), NULL);
      const char *content = strstr (event, "\"content\":\"");

      g_assert (content != NULL);
      content += strlen ("\"content\":\"");
      g_string_append_len (said, content, strchr (content, '"') - content);
    }
  g_assert_cmpstr (said->str, ==, words->str);
}

static void
test_completion (void)
{
  g_autoptr (AipBuiltinAnswer) plain = post ("completions", "{\"model\":\"echo\",\"prompt\":\"a b\"}");
  g_autoptr (AipBuiltinAnswer) array = post ("completions", "{\"model\":\"echo\",\"prompt\":[\"x\"]}");
  g_autoptr (AipBuiltinAnswer) stream =
      post ("completions", "{\"model\":\"echo\",\"prompt\":\"a b\",\"stream\":true}");
  g_autofree char *plain_text = join (plain);
  g_autofree char *array_text = join (array);

  assert_query (plain_text, "$.object", "[\"text_completion\"]");
  assert_query (plain_text, "$.choices[0].text", "[\"a b\"]");
  assert_query (plain_text, "$.choices[0].finish_reason", "[\"stop\"]");
  assert_query (plain_text, "$.usage.total_tokens", "[4]");
  assert_query (array_text, "$.choices[0].text", "[\"x\"]");
  g_assert_cmpuint (stream->parts->len, ==, 4);
  assert_event (stream, 0, "$.choices[0].text", "[\"a \"]");
  assert_event (stream, 1, "$.choices[0].text", "[\"b\"]");
  assert_event (stream, 2, "$.choices[0].finish_reason", "[\"stop\"]");
  assert_scan (stream, TRUE, 0, 0, TRUE);
}

static void
test_bad_completion (void)
{
  g_autoptr (AipBuiltinAnswer) missing = post ("completions", "{\"model\":\"echo\"}");
  g_autoptr (AipBuiltinAnswer) two = post ("completions", "{\"model\":\"echo\",\"prompt\":[\"a\",\"b\"]}");
  g_autoptr (AipBuiltinAnswer) tokens = post ("completions", "{\"model\":\"echo\",\"prompt\":[1]}");

  assert_failure (missing, 400, "prompt", "missing_required_parameter");
  assert_failure (two, 400, "prompt", "invalid_type");
  assert_failure (tokens, 400, "prompt", "invalid_type");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/builtin-chat/plain", test_plain);
  g_test_add_func ("/wire/builtin-chat/last-user", test_last_user);
  g_test_add_func ("/wire/builtin-chat/stream", test_stream);
  g_test_add_func ("/wire/builtin-chat/stream-usage", test_stream_usage);
  g_test_add_func ("/wire/builtin-chat/stream-implied", test_stream_implied);
  g_test_add_func ("/wire/builtin-chat/limit", test_limit);
  g_test_add_func ("/wire/builtin-chat/slow", test_slow);
  g_test_add_func ("/wire/builtin-chat/cut", test_cut);
  g_test_add_func ("/wire/builtin-chat/tools", test_tools);
  g_test_add_func ("/wire/builtin-chat/tools-stream", test_tools_stream);
  g_test_add_func ("/wire/builtin-chat/after-tool", test_after_tool);
  g_test_add_func ("/wire/builtin-chat/bad-members", test_bad_members);
  g_test_add_func ("/wire/builtin-chat/embedding-model", test_embedding_model);
  g_test_add_func ("/wire/builtin-chat/many-words", test_many_words);
  g_test_add_func ("/wire/builtin-chat/completion", test_completion);
  g_test_add_func ("/wire/builtin-chat/bad-completion", test_bad_completion);
  return g_test_run ();
}
