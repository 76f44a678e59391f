/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "wire/aip-usage-scan.h"

#define OPENAI AIP_PROTOCOL_OPENAI
#define ANTHROPIC AIP_PROTOCOL_ANTHROPIC
#define GEMINI AIP_PROTOCOL_GEMINI
#define OLLAMA AIP_PROTOCOL_OLLAMA

typedef struct
{
  const char *name;
  AipProtocol protocol;
  gboolean stream;
  const char *text;
  AipUsage usage;
  gboolean end;
} Case;

static const Case cases[] = {
  { "openai plain",
    OPENAI,
    FALSE,
    "{\"id\":\"x\",\"choices\":[{\"message\":{\"content\":\"hi\"}}],\"usage\":{\"prompt_tokens\":19,"
    "\"completion_tokens\":10,\"total_tokens\":29,\"prompt_tokens_details\":{\"cached_tokens\":5,"
    "\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":7}},\"service_tier\":"
    "\"default\"}",
    { TRUE, 19, 10, 5, 0 },
    TRUE },
  { "openai pretty",
    OPENAI,
    FALSE,
    "{\n  \"usage\" : {\n    \"prompt_tokens\" : 3 ,\n    \"completion_tokens\"\t:\r\n 4\n  }\n}\n",
    { TRUE, 3, 4, 0, 0 },
    TRUE },
  { "openai embeddings",
    OPENAI,
    FALSE,
    "{\"data\":[],\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}",
    { TRUE, 8, 0, 0, 0 },
    TRUE },
  { "openai responses",
    OPENAI,
    FALSE,
    "{\"usage\":{\"input_tokens\":36,\"input_tokens_details\":{\"cached_tokens\":6},\"output_tokens\":87,"
    "\"output_tokens_details\":{\"reasoning_tokens\":1},\"total_tokens\":123}}",
    { TRUE, 36, 87, 6, 0 },
    TRUE },
  { "openai both kinds of names",
    OPENAI,
    FALSE,
    "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6,\"input_tokens\":0,\"output_tokens\":0}}",
    { TRUE, 5, 6, 0, 0 },
    TRUE },
  { "deepseek",
    OPENAI,
    FALSE,
    "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6,\"prompt_cache_hit_tokens\":4,"
    "\"prompt_cache_miss_tokens\":1}}",
    { TRUE, 5, 6, 4, 0 },
    TRUE },
  { "openai stream",
    OPENAI,
    TRUE,
    "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}],\"usage\":null}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n"
    "data: [DONE]\n\n",
    { TRUE, 1, 2, 0, 0 },
    TRUE },
  { "openai stream, finish reason only",
    OPENAI,
    TRUE,
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    { 0 },
    TRUE },
  { "openai stream, cut",
    OPENAI,
    TRUE,
    "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    { 0 },
    FALSE },
  { "openai stream, [DONE] without blank and with CR LF",
    OPENAI,
    TRUE,
    ": hello\r\n\r\ndata:[DONE]\r\n\r\n",
    { 0 },
    TRUE },
  { "openai stream, [DONE] first thing", OPENAI, TRUE, "data: [DONE]", { 0 }, TRUE },
  { "openai stream, text has the end mark",
    OPENAI,
    TRUE,
    "data: {\"choices\":[{\"delta\":{\"content\":\"\\ndata: [DONE]\\n\"},\"finish_reason\":null}]}\n\n"
    "data: data: [DONE]\n xdata: [DONE]\n data: [DONE]\ndata: [DONe]\nda ta: [DONE]\n\n",
    { 0 },
    FALSE },
  { "openai stream, text has quoted names",
    OPENAI,
    TRUE,
    "data: {\"choices\":[{\"delta\":{\"content\":\"{\\\"usage\\\":{\\\"prompt_tokens\\\":9},"
    "\\\"finish_reason\\\":\\\"stop\\\"}\"},\"finish_reason\":null}]}\n\n",
    { 0 },
    FALSE },
  { "openai stream, text is a name",
    OPENAI,
    TRUE,
    "data: {\"choices\":[{\"delta\":{\"content\":\"usage\"}}]}\n\n"
    "data: "
    "{\"choices\":[{\"delta\":{\"content\":\"finish_reason\"},\"x\":[\"finish_reason\",\"stop\"]}]}\n\n",
    { 0 },
    FALSE },
  { "text ends with a backslash",
    OPENAI,
    FALSE,
    "{\"content\":\"x\\\\\",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
    { TRUE, 1, 2, 0, 0 },
    TRUE },
  { "text ends with a quote",
    OPENAI,
    FALSE,
    "{\"content\":\"x\\\"\",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
    { TRUE, 1, 2, 0, 0 },
    TRUE },
  { "a name ends like one of ours",
    OPENAI,
    FALSE,
    "{\"x\\\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
    { 0 },
    TRUE },
  { "responses stream",
    OPENAI,
    TRUE,
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"usage\":null}}\n\n"
    "event: response.completed\ndata: "
    "{\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":4,"
    "\"output_tokens\":2}}}\n\n",
    { TRUE, 4, 2, 0, 0 },
    TRUE },
  { "responses stream, cut",
    OPENAI,
    TRUE,
    "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"text\":"
    "\"response.completed\"}\n\n",
    { 0 },
    FALSE },
  { "braces in a string of the usage",
    OPENAI,
    FALSE,
    "{\"usage\":{\"note\":\"}}{ \\\" \\\\\",\"prompt_tokens\":3,\"x\":\"prompt_tokens\",\"y\":[\"}\",{}],"
    "\"completion_tokens\":4}}",
    { TRUE, 3, 4, 0, 0 },
    TRUE },
  { "only the object's own members",
    OPENAI,
    FALSE,
    "{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"steps\":[{\"prompt_tokens\":100}],"
    "\"cached_tokens\":9,\"deep\":{\"er\":{\"cached_tokens\":8}}}}",
    { TRUE, 3, 4, 0, 0 },
    TRUE },
  { "wrong types",
    OPENAI,
    FALSE,
    "{\"usage\":{\"prompt_tokens\":\"3\",\"completion_tokens\":-4,\"input_tokens\":null,\"output_tokens\":{}}"
    "}",
    { 0 },
    TRUE },
  { "a schema with that name",
    OPENAI,
    FALSE,
    "{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4},\"tools\":[{\"usage\":{\"type\":\"object\","
    "\"properties\":{\"input_tokens\":{\"type\":\"integer\"}}}}]}",
    { TRUE, 3, 4, 0, 0 },
    TRUE },
  { "the last one wins",
    OPENAI,
    TRUE,
    "data: "
    "{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_tokens\":2}}"
    "}"
    "\n\ndata: {\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":5}}\n\n",
    { TRUE, 4, 5, 0, 0 },
    FALSE },
  { "an incomplete one does not",
    OPENAI,
    TRUE,
    "data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n"
    "data: {\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":5",
    { TRUE, 3, 1, 0, 0 },
    FALSE },
  { "absurd numbers",
    OPENAI,
    FALSE,
    "{\"usage\":{\"prompt_tokens\":18446744073709551621,\"completion_tokens\":12.75}}",
    { TRUE, 1000000000000, 12, 0, 0 },
    TRUE },
  { "anthropic plain",
    ANTHROPIC,
    FALSE,
    "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"stop_reason\":\"end_turn\","
    "\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":3,\"cache_read_input_tokens\":20,"
    "\"cache_creation\":{\"ephemeral_5m_input_tokens\":3},\"output_tokens\":6,\"service_tier\":\"standard\"}"
    "}",
    { TRUE, 33, 6, 20, 3 },
    TRUE },
  { "anthropic stream",
    ANTHROPIC,
    TRUE,
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"role\":\"assistant\",\"usage\":"
    "{\"input_tokens\":25,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
    "\"text_delta\",\"text\":\"message_stop\"}}\n\n"
    "event: message_delta\ndata: "
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":"
    "{\"output_tokens\":15}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    { TRUE, 30, 15, 5, 0 },
    TRUE },
  { "anthropic stream, cut",
    ANTHROPIC,
    TRUE,
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,"
    "\"output_tokens\":1}}}\n\nevent: message_delta\ndata: "
    "{\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15"
    "}}\n\ndata: [DONE]\n\n",
    { TRUE, 25, 15, 0, 0 },
    FALSE },
  { "gemini stream",
    GEMINI,
    TRUE,
    "data: "
    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":{\"promptTokenCount\":"
    "4,"
    "\"totalTokenCount\":4}}\r\n\r\n"
    "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":4,"
    "\"candidatesTokenCount\":7,\"cachedContentTokenCount\":2,\"thoughtsTokenCount\":3,"
    "\"promptTokensDetails\":"
    "[{\"modality\":\"TEXT\",\"tokenCount\":4}]}}\r\n\r\n",
    { TRUE, 4, 10, 2, 0 },
    TRUE },
  { "gemini stream, cut",
    GEMINI,
    TRUE,
    "data: {\"candidates\":[{\"finish_reason\":\"STOP\"}]}\n\ndata: [DONE]\n\n",
    { 0 },
    FALSE },
  { "ollama stream",
    OLLAMA,
    TRUE,
    "{\"model\":\"m\",\"response\":\"a\",\"done\":false}\n"
    "{\"model\":\"m\",\"response\":\"\",\"done\": true,\"prompt_eval_count\":26,\"eval_count\":298}\n",
    { TRUE, 26, 298, 0, 0 },
    TRUE },
  { "ollama stream, cut",
    OLLAMA,
    TRUE,
    "{\"response\":\"\\\"done\\\":true\",\"done\":false}\n",
    { 0 },
    FALSE },
  { "not JSON at all", OPENAI, FALSE, "<html>\"usage\":{\"prompt_tokens\":", { 0 }, TRUE },
};

static void
assert_result (const AipUsageScan *scan, const Case *c)
{
  AipUsage usage = aip_usage_scan_get_usage (scan);

  g_assert_cmpint (usage.known, ==, c->usage.known);
  g_assert_cmpuint (usage.input_tokens, ==, c->usage.input_tokens);
  g_assert_cmpuint (usage.output_tokens, ==, c->usage.output_tokens);
  g_assert_cmpuint (usage.cached_tokens, ==, c->usage.cached_tokens);
  g_assert_cmpuint (usage.cache_write_tokens, ==, c->usage.cache_write_tokens);
  g_assert_cmpint (aip_usage_scan_saw_end (scan), ==, c->end);
}

static guint64
count_pieces (AipProtocol protocol, gboolean stream, const char *text)
{
  AipUsageScan scan;

  aip_usage_scan_init (&scan, protocol, stream);
  for (const char *p = text; *p != '\0'; p++)
    aip_usage_scan_feed (&scan, p, 1);
  return aip_usage_scan_get_usage (&scan).pieces;
}

static void
test_pieces (void)
{
  const char *silent = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n"
                       "data: {\"choices\":[{\"delta\":{\"content\":\"the \\\"delta\\\":\"}}]}\n\n"
                       "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
  const char *told = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n"
                     "data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
  const char *legacy = "data: {\"choices\":[{\"text\":\"a\"}]}\n\ndata: {\"choices\":[{\"text\":\"b\"}]}\n\n";
  const char *broken = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,"
                       "\"output_tokens\":1}}}\n\n"
                       "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"a\"}}\n\n"
                       "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"b\"}}\n\n";

  g_assert_cmpuint (count_pieces (OPENAI, TRUE, silent), ==, 3);
  g_assert_cmpuint (count_pieces (OPENAI, TRUE, told), ==, 0);
  g_assert_cmpuint (count_pieces (OPENAI, TRUE, legacy), ==, 2);
  g_assert_cmpuint (count_pieces (ANTHROPIC, TRUE, broken), ==, 2);
  g_assert_cmpuint (count_pieces (OPENAI, FALSE, silent), ==, 0);
}

static void
test_whole (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      AipUsageScan scan;

      g_test_message ("%s", cases[i].name);
      aip_usage_scan_init (&scan, cases[i].protocol, cases[i].stream);
      aip_usage_scan_feed (&scan, cases[i].text, strlen (cases[i].text));
      assert_result (&scan, &cases[i]);
    }
}

static void
test_byte_by_byte (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      AipUsageScan scan;

      g_test_message ("%s", cases[i].name);
      aip_usage_scan_init (&scan, cases[i].protocol, cases[i].stream);
      for (const char *p = cases[i].text; *p != '\0'; p++)
        {
          aip_usage_scan_feed (&scan, p, 1);
          aip_usage_scan_feed (&scan, NULL, 0);
        }
      assert_result (&scan, &cases[i]);
    }
}

static void
test_every_split (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize length = strlen (cases[i].text);

      for (gsize split = 0; split <= length; split++)
        {
          AipUsageScan scan;

          aip_usage_scan_init (&scan, cases[i].protocol, cases[i].stream);
          aip_usage_scan_feed (&scan, cases[i].text, split);
          aip_usage_scan_feed (&scan, cases[i].text + split, length - split);
          assert_result (&scan, &cases[i]);
        }
    }
}

/* An object that does not end must not swallow the rest of the answer. */
static void
test_endless_object (void)
{
  g_autofree char *padding = g_strnfill (3000, ' ');
  g_autofree char *text =
      g_strconcat ("{\"usage\":{\"prompt_tokens\":7,[[", padding,
                   "\"x\":0},\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}", NULL);
  const Case expected = { .usage = { TRUE, 1, 2, 0, 0 }, .end = TRUE };

  for (gsize block = 1; block < 4000; block += 131)
    {
      AipUsageScan scan;

      aip_usage_scan_init (&scan, AIP_PROTOCOL_OPENAI, FALSE);
      for (gsize at = 0; at < strlen (text); at += block)
        aip_usage_scan_feed (&scan, text + at, MIN (block, strlen (text) - at));
      assert_result (&scan, &expected);
    }
}

static void
test_small (void)
{
  g_assert_cmpuint (sizeof (AipUsageScan), <=, 256);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/usage-scan/whole", test_whole);
  g_test_add_func ("/wire/usage-scan/pieces", test_pieces);
  g_test_add_func ("/wire/usage-scan/byte-by-byte", test_byte_by_byte);
  g_test_add_func ("/wire/usage-scan/every-split", test_every_split);
  g_test_add_func ("/wire/usage-scan/endless-object", test_endless_object);
  g_test_add_func ("/wire/usage-scan/small", test_small);
  return g_test_run ();
}
