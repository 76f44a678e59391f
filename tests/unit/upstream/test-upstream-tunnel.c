/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>

#include "upstream/aip-tunnel.h"

#define LARGE (8 * 1024 * 1024)
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"

/**
 * Pipe: one tunnel and what it told.
 * @room: bytes of data to take
 * @cancel_in: cancel from within: 'h'ead, 'd'ata; 0: never
 */
typedef struct
{
  Fixture fixture;
  AipTunnel *tunnel;
  gsize room;
  char cancel_in;
  guint status;
  guint n_headers;
  guint n_refused;
  guint n_writable;
  guint n_done;
  GString *data;
  AipFault fault;
  char *message;
} Pipe;

static gboolean
cancel_here (Pipe *self, char where)
{
  if (self->cancel_in != where)
    return FALSE;
  aip_tunnel_cancel (g_steal_pointer (&self->tunnel));
  return TRUE;
}

static void
head_cb (AipTunnel *tunnel, guint status, const AipHeaderView *headers, gsize n_headers, void *user_data)
{
  Pipe *self = user_data;

  g_assert_cmpuint (self->status, ==, 0);
  self->status = status;
  self->n_headers = n_headers;
  cancel_here (self, 'h');
}

static gboolean
data_cb (AipTunnel *tunnel, const char *data, gsize length, void *user_data)
{
  Pipe *self = user_data;

  g_assert_cmpuint (self->status, !=, 0);
  g_assert_cmpuint (self->n_done, ==, 0);
  if (cancel_here (self, 'd'))
    return TRUE;
  if (self->data->len + length > self->room)
    {
      self->n_refused++;
      return FALSE;
    }
  g_string_append_len (self->data, data, length);
  return TRUE;
}

static void
writable_cb (AipTunnel *tunnel, void *user_data)
{
  ((Pipe *) user_data)->n_writable++;
}

static void
done_cb (AipTunnel *tunnel, AipFault fault, const char *message, void *user_data)
{
  Pipe *self = user_data;

  self->n_done++;
  self->fault = fault;
  self->message = g_strdup (message);
  self->tunnel = NULL;
}

static const AipTunnelFuncs funcs = { head_cb, data_cb, writable_cb, done_cb };

static void
pipe_open_to (Pipe *self, RawServerFunc func, const void *user_data, const char *proxy)
{
  const char *const headers[] = { "Upgrade: websocket", "Authorization: Bearer key",
                                  "X-Bad: a\r\nX-Smuggled: b", NULL };

  fixture_set_up (&self->fixture, func, user_data);
  self->room = G_MAXSIZE;
  self->data = g_string_new (NULL);
  self->tunnel = aip_tunnel_new (self->fixture.bench.upstream,
                                 &(AipTransferRequest){ .method = "GET",
                                                        .url = self->fixture.url,
                                                        .headers = headers,
                                                        .first_byte_timeout = user_data == NULL ? 60000 : 0,
                                                        .proxy = proxy },
                                 &funcs, self);
  g_assert_cmpuint (self->n_done, ==, 0);
}

static void
pipe_open (Pipe *self, RawServerFunc func, const void *user_data)
{
  pipe_open_to (self, func, user_data, NULL);
}

static void
pipe_close (Pipe *self)
{
  fixture_tear_down (&self->fixture);
  g_string_free (self->data, TRUE);
  g_free (self->message);
}

static void
wait_done (Pipe *self)
{
  while (self->n_done == 0)
    bench_turn (&self->fixture.bench);
}

static void
wait_data (Pipe *self, gsize length)
{
  while (self->data->len < length)
    bench_turn (&self->fixture.bench);
}

/* --- the request --- */

static void
tell_request_cb (RawPeer *peer, void *user_data)
{
  g_autofree char *head = raw_peer_read_head (peer);

  raw_peer_send (peer, SWITCH);
  raw_peer_send (peer, head);
}

static void
test_request (void)
{
  Pipe self = { 0 };
  g_autofree char *host = NULL;

  pipe_open (&self, tell_request_cb, NULL);
  wait_done (&self);
  g_assert_cmpint (self.fault, ==, AIP_FAULT_NONE);
  g_assert_null (self.message);
  g_assert_cmpuint (self.status, ==, 101);
  g_assert_cmpuint (self.n_headers, ==, 1);
  host = g_strndup (self.fixture.url + 7, strcspn (self.fixture.url + 7, "/"));
  g_autofree char *expected = g_strdup_printf ("GET /v1/x%%2Fy/../z?q=secret HTTP/1.1\r\nHost: %s\r\n"
                                               "Upgrade: websocket\r\nAuthorization: Bearer key\r\n\r\n",
                                               host);
  g_assert_cmpstr (self.data->str, ==, expected);
  pipe_close (&self);
}

/* --- both ways --- */

static void
echo_cb (RawPeer *peer, void *user_data)
{
  char buffer[16384];
  gsize n;

  raw_peer_skip_head (peer);
  raw_peer_send (peer, SWITCH "hello");
  while ((n = raw_peer_read_some (peer, buffer, sizeof buffer)) > 0)
    if (!raw_peer_send_bytes (peer, buffer, n) || memchr (buffer, '!', n) != NULL)
      return;
}

static void
test_echo (void)
{
  Pipe self = { 0 };

  pipe_open (&self, echo_cb, NULL);
  wait_data (&self, 5);
  g_assert_cmpstr (self.data->str, ==, "hello");
  g_assert_true (aip_tunnel_send (self.tunnel, "\0\1\2", 3));
  wait_data (&self, 8);
  g_assert_cmpmem (self.data->str + 5, 3, "\0\1\2", 3);
  g_assert_true (aip_tunnel_send (self.tunnel, "over!", 5));
  wait_done (&self);
  g_assert_cmpint (self.fault, ==, AIP_FAULT_NONE);
  g_assert_cmpmem (self.data->str + 8, self.data->len - 8, "over!", 5);
  pipe_close (&self);
}

static void
flood_cb (RawPeer *peer, void *user_data)
{
  g_autofree char *large = g_malloc0 (LARGE);

  raw_peer_skip_head (peer);
  raw_peer_send (peer, SWITCH);
  raw_peer_send_bytes (peer, large, LARGE);
}

/* A reader that rests makes the upstream rest, and loses nothing. */
static void
test_slow_reader (void)
{
  Pipe self = { 0 };

  pipe_open (&self, flood_cb, NULL);
  self.room = 100000;
  while (self.n_refused == 0)
    bench_turn (&self.fixture.bench);
  g_assert_cmpuint (bench_run_for (&self.fixture.bench, 100), <, 20);
  g_assert_cmpuint (self.data->len, <=, 100000);
  g_assert_cmpuint (self.n_done, ==, 0);
  while (self.n_done == 0)
    {
      self.room += 50000;
      aip_tunnel_resume (self.tunnel);
      bench_turn (&self.fixture.bench);
    }
  g_assert_cmpuint (self.data->len, ==, LARGE);
  g_assert_cmpint (self.fault, ==, AIP_FAULT_NONE);
  pipe_close (&self);
}

typedef struct
{
  gint go;
  gint over;
  gsize got;
} Sink;

static void
sink_cb (RawPeer *peer, void *user_data)
{
  Sink *sink = user_data;
  char buffer[65536];
  gsize n;

  raw_peer_skip_head (peer);
  raw_peer_send (peer, SWITCH "x");
  while (!g_atomic_int_get (&sink->go))
    g_usleep (1000);
  while ((n = raw_peer_read_some (peer, buffer, sizeof buffer)) > 0)
    sink->got += n;
  g_atomic_int_set (&sink->over, 1);
}

/* An upstream that rests makes the sender rest; what was queued when the sender left is still sent. */
static void
test_slow_upstream (void)
{
  Pipe self = { 0 };
  Sink sink = { 0 };
  g_autofree char *piece = g_malloc0 (65536);
  gsize sent = 0;

  pipe_open (&self, sink_cb, &sink);
  wait_data (&self, 1);
  for (int i = 0; i < 20; i++)
    {
      gboolean room = TRUE;

      while (room && sent < LARGE * 4)
        {
          room = aip_tunnel_send (self.tunnel, piece, 65536);
          sent += 65536;
          bench_turn (&self.fixture.bench);
        }
      if (!room)
        break;
    }
  g_assert_cmpuint (sent, <, LARGE * 4);
  g_assert_cmpuint (self.n_writable, ==, 0);
  g_atomic_int_set (&sink.go, 1);
  while (self.n_writable == 0)
    bench_turn (&self.fixture.bench);
  g_assert_true (aip_tunnel_send (self.tunnel, piece, 65536));
  aip_tunnel_end (self.tunnel);
  while (!g_atomic_int_get (&sink.over))
    bench_run_for (&self.fixture.bench, 10);
  pipe_close (&self);
  g_assert_cmpuint (sink.got, ==, sent + 65536);
  g_assert_cmpuint (self.n_done, ==, 0);
}

/* --- heads --- */

typedef struct
{
  const char *answer;
  guint status;
  AipFault fault;
  const char *told; /* the data; or what the message must say */
} Case;

static const Case cases[] = {
  { "HTTP/1.1 100 Continue\r\n\r\n" SWITCH "x", 101, AIP_FAULT_NONE, "x" },
  { "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno", 401, AIP_FAULT_NONE, "no" },
  { "", 0, AIP_FAULT_CUT, "closed the connection" },
  { "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n", 0, AIP_FAULT_CUT, "closed the connection" },
  { "HTTP/1.0 101 Switching\r\n\r\n", 0, AIP_FAULT_PROTOCOL, "not HTTP/1.1" },
  { "SSH-2.0-OpenSSH\r\n", 0, AIP_FAULT_PROTOCOL, "not HTTP/1.1" },
  { "HTTP/1.1 101 Switching\nUpgrade: x\n\n", 0, AIP_FAULT_PROTOCOL, "CR LF" },
  { "HTTP/1.1 101 Switching\r\nX: a\r\n b\r\n\r\n", 0, AIP_FAULT_PROTOCOL, "folded" },
  { "HTTP/1.1 101 Switching\r\nno colon\r\n\r\n", 0, AIP_FAULT_PROTOCOL, "colon" },
  { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 0, AIP_FAULT_PROTOCOL, "lengths" },
};

static void
play_case_cb (RawPeer *peer, void *user_data)
{
  const Case *test = user_data;

  raw_peer_skip_head (peer);
  raw_peer_send (peer, test->answer);
}

static void
play_bytes_cb (RawPeer *peer, void *user_data)
{
  const Case *test = user_data;

  raw_peer_skip_head (peer);
  raw_peer_send_each_byte (peer, test->answer);
}

static void
test_heads (void)
{
  static const RawServerFunc players[] = { play_case_cb, play_bytes_cb };

  for (gsize i = 0; i < G_N_ELEMENTS (cases) * 2; i++)
    {
      const Case *test = &cases[i / 2];
      Pipe self = { 0 };

      g_test_message ("%s", test->answer);
      pipe_open (&self, players[i % 2], test);
      wait_done (&self);
      g_assert_cmpuint (self.status, ==, test->status);
      g_assert_cmpint (self.fault, ==, test->fault);
      if (test->fault == AIP_FAULT_NONE)
        g_assert_cmpstr (self.data->str, ==, test->told);
      else
        g_assert_nonnull (strstr (self.message, test->told));
      pipe_close (&self);
    }
}

static void
endless_head_cb (RawPeer *peer, void *user_data)
{
  g_autofree char *same = g_strnfill (1000, 's');
  g_autofree char *line = g_strconcat ("X-More: of the ", same, "\r\n", NULL);

  raw_peer_skip_head (peer);
  raw_peer_send (peer, "HTTP/1.1 101 Switching\r\n");
  while (raw_peer_send (peer, line))
    ;
}

static void
test_endless_head (void)
{
  Pipe self = { 0 };

  pipe_open (&self, endless_head_cb, NULL);
  wait_done (&self);
  g_assert_cmpint (self.fault, ==, AIP_FAULT_PROTOCOL);
  g_assert_nonnull (strstr (self.message, "64 KiB"));
  pipe_close (&self);
}

/* --- ends --- */

static void
silent_cb (RawPeer *peer, void *user_data)
{
  raw_peer_skip_head (peer);
  raw_peer_wait_closed (peer);
}

static void
test_first_byte_timeout (void)
{
  Pipe self = { 0 };
  Fixture *fixture = &self.fixture;

  fixture_set_up (fixture, silent_cb, NULL);
  self.data = g_string_new (NULL);
  self.tunnel = aip_tunnel_new (
      fixture->bench.upstream,
      &(AipTransferRequest){ .method = "GET", .url = fixture->url, .first_byte_timeout = 50 }, &funcs, &self);
  wait_done (&self);
  g_assert_cmpint (self.fault, ==, AIP_FAULT_FIRST_BYTE_TIMEOUT);
  g_assert_nonnull (strstr (self.message, "50 ms"));
  pipe_close (&self);
}

static void
reset_cb (RawPeer *peer, void *user_data)
{
  char byte;

  raw_peer_skip_head (peer);
  raw_peer_send (peer, SWITCH "x");
  raw_peer_read_some (peer, &byte, 1);
  raw_peer_reset (peer);
}

static void
test_reset (void)
{
  Pipe self = { 0 };

  pipe_open (&self, reset_cb, NULL);
  wait_data (&self, 1);
  aip_tunnel_send (self.tunnel, "y", 1);
  wait_done (&self);
  g_assert_cmpint (self.fault, ==, AIP_FAULT_CUT);
  pipe_close (&self);
}

static void
test_unreachable (void)
{
  Pipe self = { 0 };

  pipe_open_to (&self, echo_cb, NULL, "http://127.0.0.1:1");
  wait_done (&self);
  g_assert_cmpint (self.fault, ==, AIP_FAULT_CONNECT);
  g_assert_cmpuint (self.status, ==, 0);
  pipe_close (&self);
}

static void
test_cancel (void)
{
  static const char places[] = { 'h', 'd', 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
    {
      Pipe self = { 0 };

      pipe_open (&self, echo_cb, NULL);
      self.cancel_in = places[i];
      if (places[i] == 0)
        aip_tunnel_cancel (g_steal_pointer (&self.tunnel));
      while (self.tunnel != NULL)
        bench_turn (&self.fixture.bench);
      g_assert_cmpuint (self.n_done, ==, 0);
      pipe_close (&self);
    }
}

/* The upstream's end ends what is open. */
static void
test_left_open (void)
{
  Pipe self = { 0 };

  pipe_open (&self, echo_cb, NULL);
  wait_data (&self, 5);
  pipe_close (&self);
  g_assert_cmpuint (self.n_done, ==, 0);
}

/* --- through a proxy --- */

static void
proxy_cb (RawPeer *peer, void *user_data)
{
  g_autofree char *head = raw_peer_read_head (peer);

  g_assert_true (g_str_has_prefix (head, "CONNECT 127.0.0.1:"));
  g_assert_null (strstr (head, "Bearer"));
  raw_peer_send (peer, "HTTP/1.1 200 Go\r\n\r\n");
  echo_cb (peer, NULL);
}

static void
test_proxy (void)
{
  Pipe self = { 0 };
  RawServer *proxy = raw_server_new (proxy_cb, NULL);
  g_autofree char *url = raw_server_dup_url (proxy, "");

  pipe_open_to (&self, echo_cb, NULL, url);
  wait_data (&self, 5);
  g_assert_cmpstr (self.data->str, ==, "hello");
  aip_tunnel_send (self.tunnel, "!", 1);
  wait_done (&self);
  g_assert_cmpint (self.fault, ==, AIP_FAULT_NONE);
  pipe_close (&self);
  raw_server_free (proxy);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_true (aip_upstream_global_init (NULL));
  g_test_add_func ("/upstream/tunnel/request", test_request);
  g_test_add_func ("/upstream/tunnel/echo", test_echo);
  g_test_add_func ("/upstream/tunnel/slow-reader", test_slow_reader);
  g_test_add_func ("/upstream/tunnel/slow-upstream", test_slow_upstream);
  g_test_add_func ("/upstream/tunnel/heads", test_heads);
  g_test_add_func ("/upstream/tunnel/endless-head", test_endless_head);
  g_test_add_func ("/upstream/tunnel/first-byte-timeout", test_first_byte_timeout);
  g_test_add_func ("/upstream/tunnel/reset", test_reset);
  g_test_add_func ("/upstream/tunnel/unreachable", test_unreachable);
  g_test_add_func ("/upstream/tunnel/cancel", test_cancel);
  g_test_add_func ("/upstream/tunnel/left-open", test_left_open);
  g_test_add_func ("/upstream/tunnel/proxy", test_proxy);
  return g_test_run ();
}
