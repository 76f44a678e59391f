/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server/aip-outbox.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* An outbox, and the client's end of the socket that it goes to. */
typedef struct
{
  GMainContext *context;
  AipLoop *loop;
  AipTransport transport;
  AipOutbox outbox;
  int client;
} Bench;

static void
ready_cb (AipTransport *transport, AipIo ready, void *user_data)
{
}

static void
bench_init (Bench *self)
{
  int fds[2];

  *self = (Bench){ .context = g_main_context_new () };
  self->loop = aip_loop_new (self->context);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), ==, 0);
  aip_transport_init (&self->transport, self->loop, fds[0], NULL, NULL, ready_cb, NULL);
  self->client = fds[1];
}

static void
bench_clear (Bench *self)
{
  aip_outbox_clear (&self->outbox);
  aip_transport_close (&self->transport);
  if (self->client >= 0)
    close (self->client);
  aip_loop_free (self->loop);
  g_main_context_unref (self->context);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Bench, bench_clear)

/* What has come to the client by now. */
static GString *
receive (Bench *self)
{
  GString *text = g_string_new (NULL);
  char buffer[4096];
  gssize n;

  while ((n = read (self->client, buffer, sizeof buffer)) > 0)
    g_string_append_len (text, buffer, n);
  return text;
}

static void
check_sent (Bench *self, const char *expected)
{
  g_assert_cmpint (aip_outbox_send (&self->outbox, &self->transport), ==, AIP_OUTBOX_SENT);
  g_assert_true (aip_outbox_is_empty (&self->outbox));

  g_autoptr (GString) text = receive (self);
  g_assert_cmpstr (text->str, ==, expected);
}

static void
begin (Bench *self, guint status, const char *headers, AipOutboxFraming framing, gint64 length)
{
  g_autoptr (GString) lines = g_string_new (headers);

  aip_outbox_head (&self->outbox, status, lines, framing, length);
}

static void
test_framings (void)
{
  static const struct
  {
    AipOutboxFraming framing;
    gint64 length;
    gboolean keep_alive;
    gboolean old;
    gboolean whole;
    const char *answer;
  } rows[] = {
    { AIP_OUTBOX_LENGTH, 5, TRUE, FALSE, TRUE, "A: b\r\nContent-Length: 5\r\n\r\nhello" },
    { AIP_OUTBOX_LENGTH, 5, FALSE, FALSE, TRUE,
      "A: b\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello" },
    { AIP_OUTBOX_LENGTH, 5, TRUE, TRUE, TRUE,
      "A: b\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello" },
    { AIP_OUTBOX_LENGTH, 3, TRUE, FALSE, TRUE, "A: b\r\nContent-Length: 3\r\n\r\nhel" },
    { AIP_OUTBOX_LENGTH, 6, TRUE, FALSE, FALSE, "A: b\r\nContent-Length: 6\r\n\r\nhello" },
    { AIP_OUTBOX_LENGTH, 0, TRUE, FALSE, TRUE, "A: b\r\nContent-Length: 0\r\n\r\n" },
    { AIP_OUTBOX_CHUNKED, -1, TRUE, FALSE, TRUE,
      "A: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n" },
    { AIP_OUTBOX_UNTIL_CLOSE, -1, FALSE, TRUE, FALSE, "A: b\r\nConnection: close\r\n\r\nhello" },
    { AIP_OUTBOX_LENGTH_ONLY, 5, TRUE, FALSE, TRUE, "A: b\r\nContent-Length: 5\r\n\r\n" },
    { AIP_OUTBOX_LENGTH_ONLY, G_MAXINT64, TRUE, FALSE, TRUE,
      "A: b\r\nContent-Length: 9223372036854775807\r\n\r\n" },
    { AIP_OUTBOX_NO_BODY, -1, TRUE, FALSE, TRUE, "A: b\r\n\r\n" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (Bench) bench;
      g_autofree char *expected = g_strconcat ("HTTP/1.1 200 OK\r\n", rows[i].answer, NULL);

      bench_init (&bench);
      begin (&bench, 200, "A: b\r\n", rows[i].framing, rows[i].length);
      aip_outbox_connection (&bench.outbox, rows[i].keep_alive, rows[i].old);
      aip_outbox_body (&bench.outbox, "he", 2);
      aip_outbox_body (&bench.outbox, "", 0); /* as a chunk it would be the end */
      aip_outbox_body (&bench.outbox, "llo", 3);
      g_assert_cmpint (aip_outbox_end (&bench.outbox), ==, rows[i].whole);
      check_sent (&bench, expected);
    }
}

static void
test_chunk_sizes (void)
{
  static const gsize sizes[] = { 1, 9, 10, 15, 16, 17, 255, 256, 4095, 4096, 65535 };
  g_autofree char *data = g_strnfill (65535, 'a');

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_auto (Bench) bench;
      g_autofree char *expected =
          g_strdup_printf ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n%.*s\r\n0\r\n\r\n",
                           sizes[i], (int) sizes[i], data);

      bench_init (&bench);
      begin (&bench, 200, "", AIP_OUTBOX_CHUNKED, -1);
      aip_outbox_connection (&bench.outbox, TRUE, FALSE);
      aip_outbox_body (&bench.outbox, data, sizes[i]);
      aip_outbox_end (&bench.outbox);
      check_sent (&bench, expected);
    }
}

static void
test_statuses (void)
{
  static const struct
  {
    guint status;
    const char *line;
  } rows[] = {
    { 204, "HTTP/1.1 204 No Content\r\n\r\n" },
    { 404, "HTTP/1.1 404 Not Found\r\n\r\n" },
    { 503, "HTTP/1.1 503 Service Unavailable\r\n\r\n" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (Bench) bench;

      bench_init (&bench);
      begin (&bench, rows[i].status, "", AIP_OUTBOX_NO_BODY, -1);
      aip_outbox_connection (&bench.outbox, TRUE, FALSE);
      check_sent (&bench, rows[i].line);
    }
}

/* Interim answers do not begin the final one, and answers follow each other. */
static void
test_one_after_another (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  g_assert_true (aip_outbox_is_empty (&bench.outbox));
  aip_outbox_continue (&bench.outbox);
  check_sent (&bench, "HTTP/1.1 100 Continue\r\n\r\n");
  for (int i = 0; i < 2; i++)
    {
      begin (&bench, 200, "", AIP_OUTBOX_LENGTH, 1);
      aip_outbox_connection (&bench.outbox, TRUE, FALSE);
      aip_outbox_body (&bench.outbox, "a", 1);
      g_assert_true (aip_outbox_end (&bench.outbox));
      g_assert_false (aip_outbox_is_empty (&bench.outbox));
      check_sent (&bench, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    }
}

/* A client that does not read: what it was sent and what waits make up the whole, in order. */
static void
test_blocked (void)
{
  g_auto (Bench) bench;
  g_autoptr (GString) all = g_string_new (NULL);
  g_autofree char *data = g_strnfill (64 * 1024, 'a');
  int n_pieces = 0;
  gsize body;

  bench_init (&bench);
  begin (&bench, 200, "", AIP_OUTBOX_UNTIL_CLOSE, -1);
  aip_outbox_connection (&bench.outbox, FALSE, TRUE);
  g_assert_false (aip_outbox_is_full (&bench.outbox));
  while (!aip_outbox_is_full (&bench.outbox))
    {
      data[0] = (char) ('A' + n_pieces++ % 26);
      aip_outbox_body (&bench.outbox, data, 64 * 1024);
      aip_outbox_send (&bench.outbox, &bench.transport);
      g_assert_cmpint (n_pieces, <, 1000);
    }
  g_assert_cmpint (aip_outbox_send (&bench.outbox, &bench.transport), ==, AIP_OUTBOX_BLOCKED);
  g_assert_true (aip_outbox_is_blocked (&bench.outbox));

  while (aip_outbox_is_blocked (&bench.outbox))
    {
      g_autoptr (GString) text = receive (&bench);

      g_string_append_len (all, text->str, (gssize) text->len);
      aip_outbox_send (&bench.outbox, &bench.transport);
    }
  g_assert_false (aip_outbox_is_full (&bench.outbox));
  g_assert_true (aip_outbox_is_empty (&bench.outbox));

  g_autoptr (GString) rest = receive (&bench);
  g_string_append_len (all, rest->str, (gssize) rest->len);
  body = (gsize) n_pieces * 64 * 1024;
  g_assert_cmpuint (all->len, >, body);
  for (int i = 0; i < n_pieces; i++)
    g_assert_cmpint (all->str[all->len - body + (gsize) i * 64 * 1024], ==, 'A' + i % 26);
}

static void
test_client_gone (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  close (bench.client);
  bench.client = -1;
  aip_outbox_continue (&bench.outbox);
  g_assert_cmpint (aip_outbox_send (&bench.outbox, &bench.transport), ==, AIP_OUTBOX_FAILED);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/outbox/framings", test_framings);
  g_test_add_func ("/server/outbox/chunk-sizes", test_chunk_sizes);
  g_test_add_func ("/server/outbox/statuses", test_statuses);
  g_test_add_func ("/server/outbox/one-after-another", test_one_after_another);
  g_test_add_func ("/server/outbox/blocked", test_blocked);
  g_test_add_func ("/server/outbox/client-gone", test_client_gone);

  return g_test_run ();
}
