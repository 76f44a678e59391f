/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "wire/aip-conversation.h"

#include <string.h>

static const struct
{
  const char *body;
  const char *piece; /* NULL: there is none */
} cases[] = {
  { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", "\"hi\"" },
  { "{\"response_format\":{\"type\":\"text\"},\"messages\":[{\"role\":\"system\",\"content\":\"You } are\"},"
    "{\"content\":\"a \\\\\\\"} b\",\"role\":\"user\"},{\"role\":\"assistant\",\"content\":\"x\"}]}",
    "\"a \\\\\\\"} b\"" },
  { "{\"messages\":[{\"role\":\"user\",\"content\":\"a\\\\\"}, {\"role\":\"user\",\"content\":\"b\"}]}",
    "\"a\\\\\"" },
  { "{\"messages\":[{\"role\":\"user\",\"content\":[{\"cache_control\":{\"type\":\"x\"},\"type\":\"text\","
    "\"text\":\"hello\"}]}]}",
    "\"hello\"" },
  { "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}]}",
    "{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}" },
  { "{\"contents\":[{\"parts\":[{\"text\":\"hello\"}]}]}", "\"hello\"" },
  { "{\"input\":[{\"role\":\"developer\",\"content\":\"a\"},{\"role\":\"user\",\"content\":[{\"type\":"
    "\"input_text\",\"text\":\"b\"}]}]}",
    "\"b\"" },
  { "{\"input\":\"words\"}", "\"words\"" },
  { "{\"prompt\":\"words\"}", "\"words\"" },
  { "{\"user\":\"u-1\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", "\"u-1\"" },
  { "{\"user\":\"u-1\",\"prompt_cache_key\":\"k\"}", "\"k\"" },
  { "{\"messages\":[[{\"role\":\"user\"}],\"{\",7,{\"role\":\"user\",\"content\":\"x\"}]}", "\"x\"" },
  { "{\"messages\":[]}", NULL },
  { "{\"messages\":[{\"role\":\"system\",\"content\":\"x\"}]}", NULL },
  { "{\"messages\":7}", NULL },
  { "[]", NULL },
  { "", NULL },
};

static void
test_piece (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize start = 0, end = 0;
      gboolean found = aip_conversation_find (cases[i].body, strlen (cases[i].body), &start, &end);
      g_autofree char *piece = found ? g_strndup (cases[i].body + start, end - start) : NULL;

      g_assert_cmpstr (piece, ==, cases[i].piece);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/wire/conversation/piece", test_piece);

  return g_test_run ();
}
