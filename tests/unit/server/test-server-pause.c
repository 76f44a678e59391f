/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include <string.h>

#include "server-bench.h"

#define CHAT "/v1/chat/completions"
#define ASK(model) "{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define STREAM(model)                                                                                        \
  "{\"model\":\"" model                                                                                      \
  "\",\"stream\":true,\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define UPGRADE                                                                                              \
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                               \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADED                                                                                             \
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"                        \
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

/* An upstream has not answered yet: the client gets an error, the upstream sees us leave. */
static void
test_unanswered (void)
{
  ServerBench bench;

  server_bench_init (&bench);
  g_autoptr (Peer) client = server_bench_connect (&bench);
  peer_post (client, CHAT, "", ASK ("m"));
  g_autoptr (Peer) upstream = server_bench_accept (&bench);

  g_assert_false (aip_server_is_paused (bench.server));
  aip_server_set_paused (bench.server, TRUE);
  g_assert_true (aip_server_is_paused (bench.server));
  peer_hear (client, "\r\n\r\n");
  g_assert_nonnull (strstr (client->got->str, "Retry-After: "));
  g_assert_nonnull (strstr (client->got->str, "X-Should-Retry: false"));
  g_assert_nonnull (strstr (client->got->str, "X-Request-Id: "));
  peer_hear_answer (client, "503", "\"code\":\"paused\"");
  peer_hear_end (upstream);
  server_bench_wait_until_idle (&bench);
  g_assert_cmpuint (server_bench_count (&bench, AIP_COUNT_CANCELLED), ==, 1);
  g_assert_cmpuint (server_bench_count (&bench, AIP_COUNT_UPSTREAM_FAULTS), ==, 0);
  server_bench_clear (&bench);
}

/* The body is still on its way. */
static void
test_uploading (void)
{
  ServerBench bench;

  server_bench_init (&bench);
  g_autoptr (Peer) client = server_bench_connect (&bench);
  peer_say (client, "POST " CHAT " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
  peer_hear (client, "100 Continue\r\n\r\n");
  g_string_truncate (client->got, 0);
  peer_say (client, "{\"mod");
  aip_server_set_paused (bench.server, TRUE);
  peer_hear_answer (client, "503", "aiproxyctl resume");
  peer_hear_end (client);
  server_bench_clear (&bench);
}

static void
check_stream (const char *path, const char *ask, const char *event, const char *error)
{
  ServerBench bench;
  g_autofree char *chunk = g_strdup_printf ("%zx\r\n%s\r\n", strlen (event), event);

  server_bench_init (&bench);
  g_autoptr (Peer) client = server_bench_connect (&bench);
  peer_post (client, path, "", ask);
  g_autoptr (Peer) upstream = server_bench_accept (&bench);
  peer_say (upstream, EVENTS);
  peer_say (upstream, chunk);
  peer_hear (client, event);

  aip_server_set_paused (bench.server, TRUE);
  peer_hear (client, "\r\n0\r\n\r\n");
  g_assert_nonnull (strstr (client->got->str, error));
  g_assert_nonnull (strstr (client->got->str, "aiproxyctl resume"));
  peer_hear_end (upstream);
  server_bench_wait_until_idle (&bench);
  g_assert_cmpuint (server_bench_count (&bench, AIP_COUNT_CANCELLED), ==, 1);
  g_assert_cmpuint (server_bench_count (&bench, AIP_COUNT_TRUNCATED), ==, 0);
  server_bench_clear (&bench);
}

/* An error in the client's own protocol, and a proper end of the framing. */
static void
test_streams (void)
{
  check_stream (CHAT, STREAM ("m"), "data: {\"choices\":[{\"text\":\"a\"}]}\n\n", "data: {\"error\":");
  check_stream ("/v1/messages", STREAM ("c"), "event: message_delta\ndata: {\"type\":\"message_delta\"}\n\n",
                "event: error\n");
}

/* The client has seen a length, and must see that it is not reached. */
static void
test_begun (void)
{
  ServerBench bench;

  server_bench_init (&bench);
  g_autoptr (Peer) client = server_bench_connect (&bench);
  peer_get (client, "/v1/files/f/content", "X-Proxy-Provider: up\r\n");
  g_autoptr (Peer) upstream = server_bench_accept (&bench);
  peer_say (upstream, "HTTP/1.1 200 OK\r\nContent-Type: x/y\r\nContent-Length: 100\r\n\r\nabcdef");
  peer_hear (client, "abcdef");
  aip_server_set_paused (bench.server, TRUE);
  peer_hear_end (client);
  peer_hear_end (upstream);
  g_assert_true (g_str_has_suffix (client->got->str, "\r\n\r\nabcdef"));
  server_bench_clear (&bench);
}

static void
check_websocket (const char *frames, gboolean whole)
{
  ServerBench bench;
  const char *close;

  server_bench_init (&bench);
  g_autoptr (Peer) client = server_bench_connect (&bench);
  peer_get (client, "/v1/realtime?model=m", UPGRADE);
  g_autoptr (Peer) upstream = server_bench_accept (&bench);
  peer_say (upstream, UPGRADED);
  peer_say (upstream, frames);
  peer_hear (client, frames);
  aip_server_set_paused (bench.server, TRUE);
  peer_hear_end (client);
  peer_hear_end (upstream);
  close = strstr (client->got->str, frames) + strlen (frames);
  if (whole)
    {
      g_assert_cmpint ((guint8) close[0], ==, 0x88);
      g_assert_cmpint (((guint8) close[2] << 8) | (guint8) close[3], ==, 1013);
      g_assert_cmpuint (client->got->len - (gsize) (close - client->got->str), ==, 2u + (guint8) close[1]);
    }
  else
    g_assert_cmpstr (close, ==, "");
  server_bench_wait_until_idle (&bench);
  g_assert_cmpuint (server_bench_count (&bench, AIP_COUNT_CANCELLED), ==, 1);
  server_bench_clear (&bench);
}

static void
test_websockets (void)
{
  check_websocket ("\x81\x03one\x81\x03two", TRUE);
  check_websocket ("\x81\x03one\x81\x09two", FALSE);
}

/* --- while it is paused --- */

static void
check_served (Peer *client)
{
  peer_post (client, CHAT, "", ASK ("echo"));
  peer_hear_answer (client, "200", "\"hi\"");
}

static void
check_refused (Peer *client)
{
  peer_get (client, "/v1/models", "");
  peer_hear_answer (client, "503", "\"code\":\"paused\"");
}

/* Connections stay, and are served again. */
static void
test_resume (void)
{
  ServerBench bench;

  server_bench_init (&bench);
  g_autoptr (Peer) one = server_bench_connect (&bench);
  g_autoptr (Peer) two = server_bench_connect (&bench);
  check_served (one);
  check_served (two);
  aip_server_set_paused (bench.server, TRUE);
  aip_server_set_paused (bench.server, TRUE);
  check_refused (one);
  check_refused (two);
  /* A body is not waited for. */
  g_autoptr (Peer) three = server_bench_connect (&bench);
  peer_post (three, CHAT, "", ASK ("echo"));
  peer_hear_answer (three, "503", "\"code\":\"paused\"");
  peer_hear_end (three);

  /* Another configuration changes nothing. */
  aip_server_set_snapshot (bench.server, bench.snapshot);
  check_refused (one);
  g_assert_true (aip_server_is_paused (bench.server));

  aip_server_set_paused (bench.server, FALSE);
  check_served (one);
  check_served (two);
  g_assert_cmpuint (server_bench_count (&bench, AIP_COUNT_REFUSED), ==, 4);
  g_assert_cmpuint (server_bench_count (&bench, AIP_COUNT_CANCELLED), ==, 0);
  server_bench_clear (&bench);
}

static void
check_control (ServerBench *bench, const char *path, const char *headers, const char *text)
{
  g_autoptr (Peer) client = server_bench_connect (bench);

  peer_get (client, path, headers);
  peer_hear_answer (client, "200", text);
}

static void
test_control (void)
{
  static const char token[] = "Authorization: Bearer " TOKEN "\r\n";
  ServerBench bench;

  server_bench_init (&bench);
  check_control (&bench, "/status", token, "\"status\":\"ok\"");
  aip_server_set_paused (bench.server, TRUE);
  check_control (&bench, "/health", "", "{\"status\":\"ok\"");
  check_control (&bench, "/health", token, "{\"status\":\"paused\"");
  check_control (&bench, "/status", token, "{\"status\":\"paused\"");
  check_control (&bench, "/stats", token, "\"requests_total\"");
  aip_server_set_paused (bench.server, FALSE);
  check_control (&bench, "/health", token, "{\"status\":\"ok\"");
  server_bench_clear (&bench);
}

/* What came before a pause is cut even if that is over at once; what comes behind it is not. */
static void
test_short_pause (void)
{
  ServerBench bench;

  server_bench_init (&bench);
  g_autoptr (Peer) before = server_bench_connect (&bench);
  g_autoptr (Peer) behind = server_bench_connect (&bench);
  peer_post (before, CHAT, "", ASK ("m"));
  G_GNUC_UNUSED g_autoptr (Peer) upstream = server_bench_accept (&bench);
  aip_server_set_paused (bench.server, TRUE);
  aip_server_set_paused (bench.server, FALSE);
  check_served (behind);
  peer_hear_answer (before, "503", "\"code\":\"paused\"");
  check_served (before);
  server_bench_clear (&bench);
}

/* --- in the middle of it --- */

typedef struct
{
  ServerBench *bench;
  guint served;
  guint refused;
} Crowd;

static gpointer
ask_often (gpointer data)
{
  Crowd *self = data;
  Peer *client = server_bench_connect (self->bench);

  for (guint i = 0; i < 200; i++)
    {
      gboolean served;
      gboolean last;

      peer_post (client, CHAT, "", ASK ("echo"));
      peer_hear (client, "\r\n\r\n");
      served = g_str_has_prefix (client->got->str, "HTTP/1.1 200 ");
      last = strstr (client->got->str, "Connection: close") != NULL;
      peer_hear_answer (client, served ? "200" : "503", served ? "\"hi\"" : "\"code\":\"paused\"");
      self->served += served;
      self->refused += !served;
      if (!last)
        continue;
      peer_close (client);
      client = server_bench_connect (self->bench);
    }
  peer_close (client);
  return NULL;
}

/* Each gets one or the other, whenever it comes. */
static void
test_crowd (void)
{
  ServerBench bench;
  Crowd crowds[3];
  GThread *threads[G_N_ELEMENTS (crowds)];
  guint answered = 0;

  server_bench_init (&bench);
  for (gsize i = 0; i < G_N_ELEMENTS (crowds); i++)
    {
      crowds[i] = (Crowd){ .bench = &bench };
      threads[i] = g_thread_new ("crowd", ask_often, &crowds[i]);
    }
  for (guint i = 0; i < 100; i++)
    {
      aip_server_set_paused (bench.server, i % 2 == 0);
      g_usleep (500);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (crowds); i++)
    {
      g_thread_join (threads[i]);
      answered += crowds[i].served + crowds[i].refused;
    }
  g_assert_cmpuint (answered, ==, 3 * 200);
  g_assert_false (aip_server_is_paused (bench.server));
  server_bench_clear (&bench);
}

static void
drained_cb (void *user_data)
{
  *(gboolean *) user_data = TRUE;
}

static void
test_draining (void)
{
  ServerBench bench;
  gboolean drained = FALSE;

  server_bench_init (&bench);
  g_autoptr (Peer) client = server_bench_connect (&bench);
  peer_post (client, CHAT, "", ASK ("m"));
  G_GNUC_UNUSED g_autoptr (Peer) upstream = server_bench_accept (&bench);
  g_assert_false (aip_server_is_draining (bench.server));
  aip_server_drain (bench.server, 60000, drained_cb, &drained);
  g_assert_true (aip_server_is_draining (bench.server));
  aip_server_set_paused (bench.server, TRUE);
  peer_hear_answer (client, "503", "\"code\":\"paused\"");
  peer_hear_end (client);
  while (!drained)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (aip_server_is_draining (bench.server));
  g_assert_cmpint (aip_server_get_uptime (bench.server), >=, 0);
  server_bench_clear (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server-pause/unanswered", test_unanswered);
  g_test_add_func ("/server-pause/uploading", test_uploading);
  g_test_add_func ("/server-pause/streams", test_streams);
  g_test_add_func ("/server-pause/begun", test_begun);
  g_test_add_func ("/server-pause/websockets", test_websockets);
  g_test_add_func ("/server-pause/resume", test_resume);
  g_test_add_func ("/server-pause/control", test_control);
  g_test_add_func ("/server-pause/short-pause", test_short_pause);
  g_test_add_func ("/server-pause/crowd", test_crowd);
  g_test_add_func ("/server-pause/draining", test_draining);

  return g_test_run ();
}
