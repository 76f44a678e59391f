/* SPDX-License-Identifier: MIT */
#include "wire/aip-first-content.h"

#include <string.h>

#define CHUNK(choices) "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":" choices "}\n\n"
#define DELTA(delta) CHUNK ("[{\"index\":0,\"delta\":" delta ",\"finish_reason\":null}]")

static void
test_find (void)
{
  static const struct
  {
    const char *events;
    AipFirstContent found;
  } cases[] = {
    { "", AIP_FIRST_CONTENT_NONE },
    { ": OPENROUTER PROCESSING\n\n", AIP_FIRST_CONTENT_NONE },
    { "\n\n\n", AIP_FIRST_CONTENT_NONE },
    { "id: 4\nretry: 100\n\n", AIP_FIRST_CONTENT_NONE },
    { "data:\n\n", AIP_FIRST_CONTENT_NONE },
    { "event: ping\ndata: {\"type\": \"ping\"}\n\n", AIP_FIRST_CONTENT_NONE },
    { "event: ping\r\ndata: {\"type\": \"ping\"}\r\n\r\n", AIP_FIRST_CONTENT_NONE },
    { "data: {\"type\":\"message_start\",\"message\":{\"content\":[]}}\n\n", AIP_FIRST_CONTENT_NONE },
    { "data: {\"type\":\"content_block_start\",\"index\":0}\n\n", AIP_FIRST_CONTENT_NONE },
    { "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"\"}}\n\n", AIP_FIRST_CONTENT_TEXT },
    { "data: {\"type\":\"message_delta\"}\n\n", AIP_FIRST_CONTENT_TEXT },
    { "data: {\"type\":\"response.created\",\"response\":{}}\n\n", AIP_FIRST_CONTENT_NONE },
    { "data: {\"type\":\"response.output_text.delta\"}\n\n", AIP_FIRST_CONTENT_TEXT },
    { "data: {\"type\":\"response.failed\"}\n\n", AIP_FIRST_CONTENT_ERROR },
    { DELTA ("{\"role\":\"assistant\",\"content\":\"\"}"), AIP_FIRST_CONTENT_NONE },
    { DELTA ("{ \"role\" : \"assistant\" , \"content\" : null, \"refusal\":null }"), AIP_FIRST_CONTENT_NONE },
    { DELTA ("{}"), AIP_FIRST_CONTENT_NONE },
    { DELTA ("{\"content\":\"a\"}"), AIP_FIRST_CONTENT_TEXT },
    { DELTA ("{\"content\":\"\\\"\"}"), AIP_FIRST_CONTENT_TEXT },
    { DELTA ("{\"role\":\"assistant\",\"content\":\"a\"}"), AIP_FIRST_CONTENT_TEXT },
    { DELTA ("{\"reasoning_content\":\"a\"}"), AIP_FIRST_CONTENT_TEXT },
    { DELTA ("{\"tool_calls\":[{\"index\":0}]}"), AIP_FIRST_CONTENT_TEXT },
    { CHUNK ("[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]"), AIP_FIRST_CONTENT_TEXT },
    { CHUNK ("[{\"delta\":{}},{\"delta\":{\"content\":\"b\"}}]"), AIP_FIRST_CONTENT_TEXT },
    { CHUNK ("[{\"text\":\"a\"}]"), AIP_FIRST_CONTENT_TEXT },
    { CHUNK ("[ ]"), AIP_FIRST_CONTENT_NONE },
    { "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n", AIP_FIRST_CONTENT_TEXT },
    { "data: {\"candidates\":[{}]}\n\n", AIP_FIRST_CONTENT_TEXT },
    { "data: [DONE]\n\n", AIP_FIRST_CONTENT_TEXT },
    { "data: not json\n\n", AIP_FIRST_CONTENT_TEXT },
    { "data: {\"error\":null,\"type\":\"ping\"}\n\n", AIP_FIRST_CONTENT_NONE },
    { "data: {\"error\":{\"message\":\"overloaded\"}}\n\n", AIP_FIRST_CONTENT_ERROR },
    { "event: error\ndata: {\"type\":\"error\",\"error\":{}}\n\n", AIP_FIRST_CONTENT_ERROR },
    { "event: error\ndata: overloaded\n\n", AIP_FIRST_CONTENT_ERROR },
    { "data: {\"error_code\":18,\"error_msg\":\"Open api qps request limit reached\"}\n\n",
      AIP_FIRST_CONTENT_ERROR },
    { "data: {\"error_code\":0,\"result\":\"a\"}\n\n", AIP_FIRST_CONTENT_TEXT },
    { "data: {\"error_code\":\"18\",\"result\":\"a\"}\n\n", AIP_FIRST_CONTENT_TEXT },
    { "event: error\n\ndata: text\n\n", AIP_FIRST_CONTENT_TEXT },
    { ": ping\n\n" DELTA ("{\"role\":\"assistant\"}") "data: {\"error\":{}}\n\n", AIP_FIRST_CONTENT_ERROR },
    { ": ping\n\n" DELTA ("{\"content\":\"a\"}") "data: {\"error\":{}}\n\n", AIP_FIRST_CONTENT_TEXT },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *error = NULL;
      gsize length = 0;

      g_test_message ("%s", cases[i].events);
      g_assert_cmpint (aip_first_content_find (cases[i].events, strlen (cases[i].events), &error, &length),
                       ==, cases[i].found);
    }
}

static void
test_tells_the_error (void)
{
  const char *events = ": ping\n\nevent: error\ndata: {\"type\":\"error\"}\n\nevent: more\n\n";
  const char *error = NULL;
  gsize length = 0;

  g_assert_cmpint (aip_first_content_find (events, strlen (events), &error, &length), ==,
                   AIP_FIRST_CONTENT_ERROR);
  g_assert_cmpmem (error, length, "{\"type\":\"error\"}", 16);
}

/* No end of the bytes makes it read beyond them. */
static void
test_cut_anywhere (void)
{
  const char *events =
      "event: error\r\ndata: {\"choices\":[{\"delta\":{\"role\":\"a\",\"content\":\"\"}}]}\r\n\r\n";

  for (gsize i = 0; i <= strlen (events); i++)
    {
      g_autofree char *copy = g_memdup2 (events, i);
      const char *error = NULL;
      gsize length = 0;

      aip_first_content_find (copy != NULL ? copy : "", i, &error, &length);
      g_assert_true (length <= i);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/first-content/find", test_find);
  g_test_add_func ("/first-content/tells-the-error", test_tells_the_error);
  g_test_add_func ("/first-content/cut-anywhere", test_cut_anywhere);
  return g_test_run ();
}
