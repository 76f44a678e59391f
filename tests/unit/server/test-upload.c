/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server/aip-upload.h"

#include <string.h>

#define ROOM (256 * 1024)

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipUpload, aip_upload_clear)

static void
test_empty (void)
{
  g_auto (AipUpload) upload = { 0 };
  char buffer[4];

  g_assert_true (aip_upload_has_room (&upload));
  g_assert_cmpint (aip_upload_pull (&upload, buffer, sizeof buffer), ==, -1);
  aip_upload_end (&upload);
  g_assert_cmpint (aip_upload_pull (&upload, buffer, sizeof buffer), ==, 0);
  g_assert_cmpint (aip_upload_pull (&upload, buffer, sizeof buffer), ==, 0);
}

static void
test_order (void)
{
  g_auto (AipUpload) upload = { 0 };
  char buffer[4];

  g_assert_true (aip_upload_push (&upload, "abc", 3));
  g_assert_true (aip_upload_push (&upload, "def", 3));
  g_assert_cmpint (aip_upload_pull (&upload, buffer, 4), ==, 4);
  g_assert_cmpmem (buffer, 4, "abcd", 4);
  g_assert_true (aip_upload_push (&upload, "g", 1));
  aip_upload_end (&upload);
  g_assert_cmpint (aip_upload_pull (&upload, buffer, 4), ==, 3);
  g_assert_cmpmem (buffer, 3, "efg", 3);
  g_assert_cmpint (aip_upload_pull (&upload, buffer, 4), ==, 0);
}

static void
test_room (void)
{
  g_auto (AipUpload) upload = { 0 };
  g_autofree char *data = g_malloc0 (ROOM);
  g_autofree char *buffer = g_malloc (ROOM);

  g_assert_true (aip_upload_push (&upload, data, ROOM - 1));
  g_assert_true (aip_upload_has_room (&upload));
  g_assert_false (aip_upload_push (&upload, data, 1));
  g_assert_false (aip_upload_has_room (&upload));
  /* What is there must be taken, room or not: the client has sent it. */
  g_assert_false (aip_upload_push (&upload, data, ROOM));
  g_assert_cmpint (aip_upload_pull (&upload, buffer, ROOM), ==, ROOM);
  g_assert_false (aip_upload_has_room (&upload));
  g_assert_cmpint (aip_upload_pull (&upload, buffer, 1), ==, 1);
  g_assert_true (aip_upload_has_room (&upload));
}

/* Whatever the sizes of the pieces, what goes in comes out, and the queue does not grow for ever. */
static void
test_random (void)
{
  g_auto (AipUpload) upload = { 0 };
  g_autofree char *buffer = g_malloc (ROOM);
  guint8 next_in = 0;
  guint8 next_out = 0;

  for (int i = 0; i < 2000; i++)
    {
      gsize n = g_test_rand_int_range (1, 2000);
      gssize got;

      for (gsize j = 0; j < n; j++)
        buffer[j] = (char) next_in++;
      aip_upload_push (&upload, buffer, n);
      got = aip_upload_pull (&upload, buffer, g_test_rand_int_range (1, 4000));
      for (gssize j = 0; j < got; j++)
        g_assert_cmpuint ((guint8) buffer[j], ==, next_out++);
    }
  aip_upload_end (&upload);
  for (gssize got; (got = aip_upload_pull (&upload, buffer, 1000)) > 0;)
    for (gssize j = 0; j < got; j++)
      g_assert_cmpuint ((guint8) buffer[j], ==, next_out++);
  g_assert_cmpuint (next_in, ==, next_out);
}

static void
test_rewind (void)
{
  g_auto (AipUpload) upload = { 0 };
  char buffer[8];

  aip_upload_push (&upload, "abc", 3);
  g_assert_cmpint (aip_upload_pull (&upload, buffer, 8), ==, 3);
  g_assert_cmpint (aip_upload_pull (&upload, buffer, 8), ==, -1);
  g_assert_true (aip_upload_can_rewind (&upload));
  g_assert_false (aip_upload_is_whole (&upload));
  aip_upload_rewind (&upload);
  aip_upload_push (&upload, "de", 2);
  aip_upload_end (&upload);
  g_assert_true (aip_upload_is_whole (&upload));
  for (int i = 0; i < 2; i++)
    {
      g_assert_cmpint (aip_upload_pull (&upload, buffer, 4), ==, 4);
      g_assert_cmpmem (buffer, 4, "abcd", 4);
      g_assert_cmpint (aip_upload_pull (&upload, buffer, 4), ==, 1);
      g_assert_cmpint (buffer[0], ==, 'e');
      g_assert_cmpint (aip_upload_pull (&upload, buffer, 4), ==, 0);
      aip_upload_rewind (&upload);
    }
}

/* A long one is not kept. */
static void
test_long (void)
{
  g_auto (AipUpload) upload = { 0 };
  g_autofree char *buffer = g_malloc0 (ROOM);

  for (int i = 0; i < 4; i++)
    {
      g_assert_true (aip_upload_can_rewind (&upload));
      aip_upload_push (&upload, buffer, ROOM);
      g_assert_cmpint (aip_upload_pull (&upload, buffer, ROOM), ==, ROOM);
    }
  g_assert_true (aip_upload_can_rewind (&upload));
  aip_upload_push (&upload, buffer, 1);
  g_assert_false (aip_upload_can_rewind (&upload));
  g_assert_cmpint (aip_upload_pull (&upload, buffer, ROOM), ==, 1);
  g_assert_cmpuint (upload.queue->len, ==, 0);
  aip_upload_end (&upload);
  g_assert_false (aip_upload_is_whole (&upload));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/upload/empty", test_empty);
  g_test_add_func ("/server/upload/order", test_order);
  g_test_add_func ("/server/upload/room", test_room);
  g_test_add_func ("/server/upload/random", test_random);
  g_test_add_func ("/server/upload/rewind", test_rewind);
  g_test_add_func ("/server/upload/long", test_long);

  return g_test_run ();
}
