/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include <string.h>

#include "server-bench.h"

#define CHAT "/v1/chat/completions"
#define ASK "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define STREAM "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define ID(id) "X-Request-Id: " id "\r\n"

typedef struct
{
  guint n_calls;
  guint n_found;
  GThread *thread;
} Answers;

static void
done_cb (gboolean found, void *user_data)
{
  Answers *self = user_data;

  g_assert_true (g_thread_self () == self->thread);
  self->n_calls++;
  self->n_found += found;
}

/* Returns whether it was there. */
static gboolean
cancel (ServerBench *bench, const char *id)
{
  Answers answers = { .thread = g_thread_self () };

  aip_server_cancel (bench->server, id, done_cb, &answers);
  g_assert_cmpuint (answers.n_calls, ==, 0);
  while (answers.n_calls == 0)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (answers.n_calls, ==, 1);
  return answers.n_found == 1;
}

static void
test_unanswered (void)
{
  ServerBench bench;

  server_bench_init (&bench);
  g_autoptr (Peer) client = server_bench_connect (&bench);
  g_autoptr (Peer) other = server_bench_connect (&bench);
  peer_post (client, CHAT, ID ("one"), ASK);
  g_autoptr (Peer) upstream = server_bench_accept (&bench);
  peer_post (other, CHAT, ID ("other"), ASK);
  g_autoptr (Peer) other_upstream = server_bench_accept (&bench);

  g_assert_true (cancel (&bench, "one"));
  peer_hear (client, "X-Should-Retry: false");
  peer_hear_answer (client, "503", "\"code\":\"cancelled_by_operator\"");
  peer_hear_end (upstream);
  g_assert_cmpuint (server_bench_count (&bench, AIP_COUNT_CANCELLED), ==, 1);
  g_assert_false (cancel (&bench, "one"));

  /* The others, and what comes on the same connection, go on. */
  peer_say (other_upstream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  peer_hear_answer (other, "200", "{}");
  peer_get (client, "/v1/models", "");
  peer_hear_answer (client, "200", "\"list\"");
  server_bench_clear (&bench);
}

static void
test_stream (void)
{
  ServerBench bench;

  server_bench_init (&bench);
  g_autoptr (Peer) client = server_bench_connect (&bench);
  peer_post (client, CHAT, ID ("one"), STREAM);
  g_autoptr (Peer) upstream = server_bench_accept (&bench);
  peer_say (
      upstream,
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {\"choices\":[{\"text\":\"a\"}]}\n\n");
  peer_hear (client, "\n\n");
  g_assert_true (cancel (&bench, "one"));
  peer_hear (client, "\r\n0\r\n\r\n");
  g_assert_nonnull (strstr (client->got->str, "data: {\"error\":"));
  g_assert_nonnull (strstr (client->got->str, "cancelled_by_operator"));
  peer_hear_end (upstream);
  server_bench_clear (&bench);
}

static void
test_nothing (void)
{
  ServerBench bench;

  server_bench_init (&bench);
  g_assert_false (cancel (&bench, "none"));
  g_assert_false (cancel (&bench, ""));
  server_bench_clear (&bench);
}

/* Ids are the clients' to choose. */
static void
test_same_id (void)
{
  ServerBench bench;

  server_bench_init (&bench);
  g_autoptr (Peer) one = server_bench_connect (&bench);
  g_autoptr (Peer) two = server_bench_connect (&bench);
  peer_post (one, CHAT, ID ("same"), ASK);
  G_GNUC_UNUSED g_autoptr (Peer) upstream_one = server_bench_accept (&bench);
  peer_post (two, CHAT, ID ("same"), ASK);
  G_GNUC_UNUSED g_autoptr (Peer) upstream_two = server_bench_accept (&bench);
  g_assert_true (cancel (&bench, "same"));
  peer_hear_answer (one, "503", "cancelled_by_operator");
  peer_hear_answer (two, "503", "cancelled_by_operator");
  g_assert_cmpuint (server_bench_count (&bench, AIP_COUNT_CANCELLED), ==, 2);
  server_bench_clear (&bench);
}

static void
test_several_at_once (void)
{
  ServerBench bench;
  Answers answers = { .thread = g_thread_self () };

  server_bench_init (&bench);
  g_autoptr (Peer) client = server_bench_connect (&bench);
  peer_post (client, CHAT, ID ("one"), ASK);
  G_GNUC_UNUSED g_autoptr (Peer) upstream = server_bench_accept (&bench);
  for (guint i = 0; i < 50; i++)
    aip_server_cancel (bench.server, i % 2 == 0 ? "one" : "two", done_cb, &answers);
  while (answers.n_calls < 50)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (answers.n_found, ==, 1);
  peer_hear_answer (client, "503", "cancelled_by_operator");
  server_bench_clear (&bench);
}

/* No answer is lost when the server ends, nor given twice. */
static void
test_end (void)
{
  for (guint i = 0; i < 20; i++)
    {
      ServerBench bench;
      Answers answers = { .thread = g_thread_self () };

      server_bench_init (&bench);
      for (guint j = 0; j < 3; j++)
        aip_server_cancel (bench.server, "none", done_cb, &answers);
      if (i % 2 == 0)
        g_main_context_iteration (NULL, FALSE);
      server_bench_free_server (&bench);
      g_assert_cmpuint (answers.n_calls, ==, 3);
      server_bench_clear (&bench);
      g_assert_cmpuint (answers.n_calls, ==, 3);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server-cancel/unanswered", test_unanswered);
  g_test_add_func ("/server-cancel/stream", test_stream);
  g_test_add_func ("/server-cancel/nothing", test_nothing);
  g_test_add_func ("/server-cancel/same-id", test_same_id);
  g_test_add_func ("/server-cancel/several-at-once", test_several_at_once);
  g_test_add_func ("/server-cancel/end", test_end);

  return g_test_run ();
}
