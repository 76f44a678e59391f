/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include <string.h>

#include "server/aip-websocket-frames.h"

/* Where frames end is found however the bytes come. */
static void
check (const char *bytes, gsize length, gboolean between)
{
  AipWebsocketFrames whole = { 0 };
  AipWebsocketFrames single = { 0 };

  aip_websocket_frames_feed (&whole, bytes, length);
  for (gsize i = 0; i < length; i++)
    aip_websocket_frames_feed (&single, bytes + i, 1);
  g_assert_cmpint (aip_websocket_frames_is_between (&whole), ==, between);
  g_assert_cmpint (aip_websocket_frames_is_between (&single), ==, between);
}

#define CHECK(bytes, between) check (bytes, sizeof (bytes) - 1, between)

static void
test_frames (void)
{
  CHECK ("", TRUE);
  CHECK ("\x81", FALSE);
  CHECK ("\x81\x00", TRUE);
  CHECK ("\x81\x03", FALSE);
  CHECK ("\x81\x03one", TRUE);
  CHECK ("\x81\x03one\x81\x03tw", FALSE);
  CHECK ("\x01\x03one\x89\x00\x80\x03two", TRUE);
  CHECK ("\x81\x83KEYSone", TRUE);
  CHECK ("\x81\x83KEYSon", FALSE);
  CHECK ("\x81\x83KEY", FALSE);
  CHECK ("\x82\x7e\x00", FALSE);
  CHECK ("\x82\x7e\x00\x03one", TRUE);
  CHECK ("\x82\x7e\x01\x00one", FALSE);
  CHECK ("\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x03one", TRUE);
  CHECK ("\x82\x7f\x00\x00\x00\x00\x00\x00\x01\x03one", FALSE);
  CHECK ("\x82\xff\x00\x00\x00\x00\x00\x00\x00\x03KEYSone", TRUE);
  CHECK ("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xffone", FALSE);
}

static void
test_long_frame (void)
{
  g_autofree char *payload = g_malloc0 (70000);
  AipWebsocketFrames frames = { 0 };

  aip_websocket_frames_feed (&frames, "\x82\x7f\x00\x00\x00\x00\x00\x01\x11\x70", 10);
  aip_websocket_frames_feed (&frames, payload, 69999);
  g_assert_false (aip_websocket_frames_is_between (&frames));
  aip_websocket_frames_feed (&frames, payload, 1);
  g_assert_true (aip_websocket_frames_is_between (&frames));
}

static void
test_close (void)
{
  char buffer[AIP_WEBSOCKET_MAX_CLOSE];
  g_autofree char *reason = g_strnfill (1000, 'x');

  g_assert_cmpmem (buffer, aip_websocket_format_close (buffer, 1001, "bye"),
                   "\x88\x05\x03\xe9"
                   "bye",
                   7);
  CHECK ("\x88\x05\x03\xe9"
         "bye",
         TRUE);
  /* A control frame's length has to fit into its second byte's small numbers. */
  g_assert_cmpuint (aip_websocket_format_close (buffer, 1013, reason), ==, 127);
  g_assert_cmpint (buffer[1], ==, 125);
  check (buffer, sizeof buffer, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/websocket-frames/frames", test_frames);
  g_test_add_func ("/websocket-frames/long-frame", test_long_frame);
  g_test_add_func ("/websocket-frames/close", test_close);

  return g_test_run ();
}
