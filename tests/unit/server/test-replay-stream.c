/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server/aip-replay-stream.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A replaying stream over one end of a socket, and the other end. */
typedef struct
{
  GIOStream *stream;
  GInputStream *input;
  int client;
} Bench;

static void
bench_init (Bench *self, const char *first)
{
  int fds[2];
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GSocketConnection) base = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new (first, strlen (first));

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  socket = g_socket_new_from_fd (fds[0], NULL);
  base = g_socket_connection_factory_create_connection (socket);
  self->stream = aip_replay_stream_new (G_IO_STREAM (base), bytes);
  self->input = g_io_stream_get_input_stream (self->stream);
  self->client = fds[1];
}

static void
bench_clear (Bench *self)
{
  g_object_unref (self->stream);
  if (self->client >= 0)
    close (self->client);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Bench, bench_clear)

static void
client_send (Bench *self, const char *text)
{
  g_assert_cmpint (write (self->client, text, strlen (text)), ==, strlen (text));
}

static void
check_read (Bench *self, gsize count, const char *expected)
{
  char buffer[64];
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read (self->input, buffer, count, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpint (n, ==, strlen (expected));
  g_assert_cmpmem (buffer, (gsize) n, expected, strlen (expected));
}

static void
test_read (void)
{
  g_auto (Bench) bench;

  bench_init (&bench, "abcde");
  client_send (&bench, "fgh");
  check_read (&bench, 2, "ab");
  check_read (&bench, 64, "cde");
  check_read (&bench, 2, "fg");
  check_read (&bench, 64, "h");
  close (bench.client);
  bench.client = -1;
  check_read (&bench, 64, "");
}

static void
test_nothing_first (void)
{
  g_auto (Bench) bench;

  bench_init (&bench, "");
  client_send (&bench, "a");
  check_read (&bench, 64, "a");
}

static void
test_nonblocking (void)
{
  g_auto (Bench) bench;
  GPollableInputStream *input;
  g_autoptr (GError) error = NULL;
  char buffer[64];

  bench_init (&bench, "abc");
  input = G_POLLABLE_INPUT_STREAM (bench.input);
  g_assert_true (g_pollable_input_stream_can_poll (input));
  g_assert_true (g_pollable_input_stream_is_readable (input));
  g_assert_cmpint (g_pollable_input_stream_read_nonblocking (input, buffer, 64, NULL, NULL), ==, 3);
  g_assert_cmpmem (buffer, 3, "abc", 3);
  g_assert_false (g_pollable_input_stream_is_readable (input));
  g_assert_cmpint (g_pollable_input_stream_read_nonblocking (input, buffer, 64, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  client_send (&bench, "d");
  g_assert_true (g_pollable_input_stream_is_readable (input));
  g_assert_cmpint (g_pollable_input_stream_read_nonblocking (input, buffer, 64, NULL, NULL), ==, 1);
}

static gboolean
count_cb (GObject *stream, gpointer user_data)
{
  (*(guint *) user_data)++;
  return G_SOURCE_REMOVE;
}

static guint
wait_readable (Bench *self, gboolean may_block)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) source =
      g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (self->input), NULL);
  guint n = 0;

  g_source_set_callback (source, G_SOURCE_FUNC (count_cb), &n, NULL);
  g_source_attach (source, context);
  while (g_main_context_iteration (context, may_block && n == 0))
    ;
  g_source_destroy (source);
  return n;
}

static void
test_source (void)
{
  g_auto (Bench) bench;

  bench_init (&bench, "abc");
  g_assert_cmpuint (wait_readable (&bench, TRUE), ==, 1);
  check_read (&bench, 2, "ab");
  g_assert_cmpuint (wait_readable (&bench, TRUE), ==, 1);
  check_read (&bench, 2, "c");
  g_assert_cmpuint (wait_readable (&bench, FALSE), ==, 0);
  client_send (&bench, "d");
  g_assert_cmpuint (wait_readable (&bench, TRUE), ==, 1);
  check_read (&bench, 2, "d");
}

static void
read_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GBytes) bytes = g_input_stream_read_bytes_finish (G_INPUT_STREAM (object), result, NULL);
  GString *text = user_data;

  g_assert_nonnull (bytes);
  g_string_append_len (text, g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes));
}

static void
test_async (void)
{
  g_auto (Bench) bench;
  g_autoptr (GString) text = g_string_new (NULL);

  bench_init (&bench, "abc");
  for (gsize wanted = 1; wanted <= 3; wanted++)
    {
      g_input_stream_read_bytes_async (bench.input, 1, G_PRIORITY_DEFAULT, NULL, read_cb, text);
      while (text->len < wanted)
        g_main_context_iteration (NULL, TRUE);
    }
  g_input_stream_read_bytes_async (bench.input, 64, G_PRIORITY_DEFAULT, NULL, read_cb, text);
  client_send (&bench, "de");
  while (text->len < 5)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (text->str, ==, "abcde");
}

static void
test_skip (void)
{
  g_auto (Bench) bench;

  bench_init (&bench, "abc");
  client_send (&bench, "d");
  g_assert_cmpint (g_input_stream_skip (bench.input, 2, NULL, NULL), ==, 2);
  check_read (&bench, 64, "c");
  check_read (&bench, 64, "d");
}

static void
test_write_and_close (void)
{
  g_auto (Bench) bench;
  g_autoptr (GError) error = NULL;
  char buffer[8];

  bench_init (&bench, "abc");
  g_assert_true (
      g_output_stream_write_all (g_io_stream_get_output_stream (bench.stream), "xyz", 3, NULL, NULL, &error));
  g_assert_cmpint (read (bench.client, buffer, sizeof buffer), ==, 3);
  g_assert_cmpmem (buffer, 3, "xyz", 3);
  g_assert_true (g_io_stream_close (bench.stream, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (read (bench.client, buffer, sizeof buffer), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/replay-stream/read", test_read);
  g_test_add_func ("/server/replay-stream/nothing-first", test_nothing_first);
  g_test_add_func ("/server/replay-stream/nonblocking", test_nonblocking);
  g_test_add_func ("/server/replay-stream/source", test_source);
  g_test_add_func ("/server/replay-stream/async", test_async);
  g_test_add_func ("/server/replay-stream/skip", test_skip);
  g_test_add_func ("/server/replay-stream/write-and-close", test_write_and_close);

  return g_test_run ();
}
