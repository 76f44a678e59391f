/* SPDX-License-Identifier: MIT */
#include "wire/aip-event-stream.h"

#include <string.h>

static void
test_whole_length (void)
{
  static const struct
  {
    const char *text;
    gsize whole;
  } cases[] = {
    { "", 0 },
    { "d", 0 },
    { "\n", 0 },
    { "data: a", 0 },
    { "data: a\n", 0 },
    { "data: a\r\n", 0 },
    { "data: a\r", 0 },
    { "data: a\n\n", 9 },
    { "data: a\r\n\r\n", 11 },
    { "data: a\r\r", 9 },
    { "data: a\n\ndata: b", 9 },
    { "data: a\n\ndata: b\n", 9 },
    { "data: a\n\ndata: b\n\n", 18 },
    { "data: a\r\n\r\nevent: b\r\n", 11 },
    { ": ping\n\nda", 8 },
    { "\n\n\n", 3 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpuint (aip_event_stream_whole_length (cases[i].text, strlen (cases[i].text)), ==,
                      cases[i].whole);
}

/* However a stream is split, what is passed on ends where an event does, and nothing is lost. */
static void
test_every_split (void)
{
  static const char text[] = "data: one\n\nevent: x\r\ndata: two\r\n\r\ndata: three\r\rdata: four\n\n";
  gsize length = sizeof text - 1;

  for (gsize split = 0; split <= length; split++)
    {
      gsize first = aip_event_stream_whole_length (text, split);
      gsize second = aip_event_stream_whole_length (text + first, length - first);

      g_assert_cmpuint (first, <=, split);
      g_assert_cmpuint (first + second, ==, length);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/wire/event-stream/whole-length", test_whole_length);
  g_test_add_func ("/wire/event-stream/every-split", test_every_split);

  return g_test_run ();
}
