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
    g_assert_cmpuint (aip_event_stream_whole_length (cases[i].text, strlen (cases[i].text), 0), ==,
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
      gsize first = aip_event_stream_whole_length (text, split, 0);
      gsize second = aip_event_stream_whole_length (text + first, length - first, 0);

      g_assert_cmpuint (first, <=, split);
      g_assert_cmpuint (first + second, ==, length);
    }
}

/* What was looked at before need not be looked at again. */
static void
test_seen (void)
{
  static const char text[] =
      "data: one\n\nevent: x\r\ndata: two\r\n\r\ndata: three\r\r\n\ndata: four\n\n: five";

  for (gsize step = 1; step <= 4; step++)
    {
      gsize whole = 0;

      for (gsize length = step; length < sizeof text; length += step)
        {
          whole = MAX (whole, aip_event_stream_whole_length (text, length, length - step));
          g_assert_cmpuint (whole, ==, aip_event_stream_whole_length (text, length, 0));
        }
    }
  g_assert_cmpuint (aip_event_stream_whole_length (text, sizeof text - 1, sizeof text - 7), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/wire/event-stream/whole-length", test_whole_length);
  g_test_add_func ("/wire/event-stream/every-split", test_every_split);
  g_test_add_func ("/wire/event-stream/seen", test_seen);

  return g_test_run ();
}
