/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "connection-bench.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 OK\r\nA: b\r\n"
#define OK_2 OK "Content-Length: 2\r\n\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(more) "POST /p HTTP/1.1\r\nHost: a\r\n" more "\r\n"

static guint n_sends;

/* Stands in for the C library's, and counts. */
ssize_t
send (int fd, const void *data, size_t length, int flags)
{
  n_sends++;
  return syscall (SYS_sendto, fd, data, length, flags, NULL, 0);
}

static void
test_keep_alive (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  g_assert_true (aip_connection_is_idle (bench.connection));
  for (int i = 0; i < 3; i++)
    {
      say (&bench, GET ("/a"));
      check_got (&bench, OK_2 "/a");
      check_log (&bench, "re");
      g_assert_true (aip_connection_is_idle (bench.connection));
    }
  say (&bench, "GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  check_got (&bench, OK "Content-Length: 2\r\nConnection: close\r\n\r\n/b");
  check_log (&bench, "rec");
  check_ended (&bench);
}

static void
test_old_client (void)
{
  g_auto (Bench) bench;
  g_auto (Bench) chunked;

  bench_init (&bench);
  say (&bench, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  check_got (&bench, OK "Content-Length: 2\r\nConnection: keep-alive\r\n\r\n/a");
  say (&bench, "GET /b HTTP/1.0\r\n\r\n");
  check_got (&bench, OK "Content-Length: 2\r\nConnection: close\r\n\r\n/b");
  check_ended (&bench);

  /* It knows no chunks. */
  bench_init (&chunked);
  chunked.answer = ANSWER_CHUNKED;
  say (&chunked, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  check_got (&chunked, OK "Connection: close\r\n\r\n/a");
  check_ended (&chunked);
}

static void
test_pipelined (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  say (&bench, GET ("/a") POST ("Content-Length: 3\r\n") "xyz" GET ("/b")
                   POST ("Transfer-Encoding: chunked\r\n") "1\r\nv\r\n0\r\n\r\n" GET ("/c"));
  check_got (&bench, OK_2 "/a" OK_2 "/p" OK_2 "/b" OK_2 "/p" OK_2 "/c");
  check_log (&bench, "rerbererbere");
}

static void
test_each_byte (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  say_each_byte (&bench, GET ("/a") POST ("Content-Length: 3\r\n") "xyz\r\n" GET ("/b") POST (
                             "Transfer-Encoding: chunked\r\n") "3\r\nuvw\r\n0\r\nA: b\r\n\r\n" GET ("/c"));
  check_got (&bench, OK_2 "/a" OK_2 "/p" OK_2 "/b" OK_2 "/p" OK_2 "/c");
  g_assert_cmpstr (bench.body->str, ==, "xyzuvw");
}

/* A second request waits for the first one's answer. */
static void
test_pipelined_waits (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  bench.answer = ANSWER_LATER;
  say (&bench, GET ("/a") GET ("/b"));
  check_log (&bench, "re");
  say (&bench, GET ("/c"));
  check_log (&bench, "");
  leave (&bench);
  check_log (&bench, "gc");
}

static void
test_pause (void)
{
  g_auto (Bench) bench;
  g_autofree char *large = g_strnfill (300000, 'x');

  bench_init (&bench);
  bench.pauses = TRUE;
  say (&bench, POST ("Transfer-Encoding: chunked\r\n") "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n" GET ("/n"));
  check_log (&bench, "rb");
  aip_connection_resume_body (bench.connection);
  check_log (&bench, "b");
  aip_connection_resume_body (bench.connection);
  check_log (&bench, "b");
  check_got (&bench, "");
  bench.pauses = FALSE;
  aip_connection_resume_body (bench.connection);
  check_log (&bench, "ere");
  check_got (&bench, OK_2 "/p" OK_2 "/n");
  g_assert_cmpstr (bench.body->str, ==, "abc");
  aip_connection_resume_body (bench.connection); /* too late, and harmless */

  /* While nobody takes it, it stays in the kernel. */
  g_string_truncate (bench.body, 0);
  bench.pauses = TRUE;
  say (&bench, POST ("Content-Length: 300000\r\n") "x");
  check_log (&bench, "rb");
  g_assert_cmpint (send (bench.client, large, 150000, MSG_NOSIGNAL), >, 0);
  check_log (&bench, "");
  g_assert_cmpuint (bench.body->len, ==, 1);
  leave (&bench);
  check_log (&bench, "gc");
}

static void
test_large_body (void)
{
  g_auto (Bench) bench;
  g_autofree char *large = g_strnfill (3000000, 'x');

  bench_init (&bench);
  say (&bench, POST ("Content-Length: 3000000\r\n"));
  say_bytes (&bench, large, 3000000);
  check_got (&bench, OK_2 "/p");
  g_assert_cmpuint (bench.body->len, ==, 3000000);
  say (&bench, GET ("/n"));
  check_got (&bench, OK_2 "/n");
}

static void
check_refused (const char *request, const char *log)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  say (&bench, request);
  check_log (&bench, log);
  g_assert_nonnull (strstr (bench.got->str, "\r\nConnection: close\r\n"));
  check_ended (&bench);
  say (&bench, GET ("/smuggled")); /* is thrown away */
  leave (&bench);
  check_log (&bench, "c");
}

static void
test_refused (void)
{
  g_autofree char *large = g_strnfill (70000, 'x');
  g_autofree char *large_head = g_strconcat ("GET / HTTP/1.1\r\nHost: ", large, NULL);

  check_refused ("GET / HTTP/1.1\r\n\r\n", "R400/");
  check_refused ("GET / HTTP/2.0\r\n\r\n", "R505");
  check_refused ("GET / HTTP/1.1\n", "R400");
  check_refused (POST ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n") GET ("/smuggled"), "R400/p");
  check_refused (POST ("Transfer-Encoding: gzip\r\n"), "R501/p");
  check_refused (POST ("Expect: wonders\r\n"), "R417/p");
  check_refused ("POST /a?b=c HTTP/1.1\r\n\r\n", "R400/a");
  check_refused ("POST http://a/b HTTP/1.1\r\nA\r\n\r\n", "R400");
  check_refused (large_head, "R431/");
  check_refused (POST ("Transfer-Encoding: chunked\r\n") "zz\r\n" GET ("/smuggled"), "rR400");
  check_refused (POST ("Transfer-Encoding: chunked\r\n") "1\r\nab\r\n", "rbR400");
}

/* Else they could hold a connection for ever. */
static void
test_empty_lines (void)
{
  g_auto (Bench) bench;
  g_auto (Bench) slow;

  bench_init (&bench);
  for (int i = 0; i < 3; i++)
    {
      say (&bench, "\r\n");
      check_log (&bench, "");
      say (&bench, GET ("/a"));
      check_log (&bench, "re");
      check_got (&bench, OK_2 "/a");
    }
  check_refused ("\r\n\r\n", "R400");
  check_refused ("\r\n\r\n" GET ("/a"), "R400");

  bench_init (&slow);
  say_each_byte (&slow, "\r\n\r");
  check_log (&slow, "");
  say (&slow, "\n");
  check_log (&slow, "R400");
  check_ended (&slow);
}

/* An answer that has begun cannot be taken back. */
static void
test_broken_while_answering (void)
{
  g_auto (Bench) bench;
  g_autoptr (GString) headers = g_string_new (NULL);

  bench_init (&bench);
  bench.answer = ANSWER_LATER;
  say (&bench, POST ("Transfer-Encoding: chunked\r\n"));
  aip_connection_send_head (bench.connection, 200, headers, -1);
  aip_connection_send_body (bench.connection, "a", 1);
  settle (&bench);
  say (&bench, "zz\r\n");
  check_log (&bench, "rgc");
  check_got (&bench, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n");
  check_ended (&bench);
}

static void
test_client_leaves (void)
{
  static const char *const requests[] = {
    "",
    "GET / HT",
    POST ("Content-Length: 5\r\n"),
    POST ("Content-Length: 5\r\n") "abc",
    POST ("Transfer-Encoding: chunked\r\n") "5\r\nabc",
    GET ("/"),
  };
  static const char *const logs[] = { "c", "c", "rgc", "rbgc", "rbgc", "regc" };

  for (gsize i = 0; i < G_N_ELEMENTS (requests); i++)
    for (int half = 0; half < 2; half++)
      {
        g_auto (Bench) bench;

        bench_init (&bench);
        bench.answer = ANSWER_LATER;
        say (&bench, requests[i]);
        if (half)
          shutdown (bench.client, SHUT_WR);
        else
          leave (&bench);
        check_log (&bench, logs[i]);
      }
}

/* --- another protocol --- */

#define SWITCHED "HTTP/1.1 101 Switching Protocols\r\nA: b\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"

static void
begin_upgrade (Bench *bench)
{
  bench_init (bench);
  bench->answer = ANSWER_LATER;
  say (bench, GET ("/"));
  check_log (bench, "re");
  aip_connection_expect_upgrade (bench->connection);
  say (bench, "early ");
}

static void
test_upgrade (void)
{
  g_auto (Bench) bench;
  g_autoptr (GString) headers = g_string_new ("A: b\r\n");

  begin_upgrade (&bench);
  aip_connection_upgrade (bench.connection, "raw", headers);
  check_got (&bench, SWITCHED);
  check_log (&bench, "");
  aip_connection_resume_body (bench.connection);
  say (&bench, "bird\r\n");
  check_log (&bench, "bb");
  g_assert_cmpstr (bench.body->str, ==, "early bird\r\n");
  aip_connection_send_body (bench.connection, "as it is", 8);
  check_got (&bench, "as it is");

  bench.pauses = TRUE;
  say (&bench, "x");
  say (&bench, "y");
  check_log (&bench, "b");
  aip_connection_resume_body (bench.connection);
  check_log (&bench, "b");
  g_assert_cmpstr (bench.body->str, ==, "early bird\r\nxy");
  aip_connection_send_body (bench.connection, "end", 3);
  aip_connection_end (bench.connection, TRUE);
  check_got (&bench, "end");
  check_ended (&bench);
}

static void
test_upgraded_client_leaves (void)
{
  g_auto (Bench) bench;
  g_autoptr (GString) headers = g_string_new (NULL);

  begin_upgrade (&bench);
  aip_connection_upgrade (bench.connection, "raw", headers);
  aip_connection_resume_body (bench.connection);
  say (&bench, "last");
  leave (&bench);
  check_log (&bench, "bbgc");
  g_assert_cmpstr (bench.body->str, ==, "early last");
}

/* What came behind a request that was refused is no request. */
static void
test_no_upgrade (void)
{
  g_auto (Bench) bench;
  g_autoptr (GString) headers = g_string_new (NULL);

  begin_upgrade (&bench);
  say (&bench, GET ("/b"));
  aip_connection_send_head (bench.connection, 401, headers, 2);
  aip_connection_send_body (bench.connection, "no", 2);
  aip_connection_end (bench.connection, TRUE);
  check_got (&bench, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  check_ended (&bench);
  check_log (&bench, "");
}

/* --- the way out --- */

static void
test_chunked_answer (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  bench.answer = ANSWER_CHUNKED;
  for (int i = 0; i < 2; i++)
    {
      say (&bench, GET ("/ab"));
      check_got (&bench, OK "Transfer-Encoding: chunked\r\n\r\n1\r\n/\r\n2\r\nab\r\n0\r\n\r\n");
    }
}

static void
test_without_body (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  say (&bench, "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n");
  check_got (&bench, OK_2);
  bench.answer = ANSWER_CHUNKED;
  say (&bench, "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n");
  check_got (&bench, OK "\r\n");
  bench.answer = ANSWER_STATUS;
  say (&bench, GET ("/204"));
  check_got (&bench, "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n");
  say (&bench, GET ("/304"));
  check_got (&bench, "HTTP/1.1 304 Not Modified\r\nA: b\r\n\r\n");
  say (&bench, GET ("/404"));
  check_got (&bench, "HTTP/1.1 404 Not Found\r\nA: b\r\nContent-Length: 3\r\n\r\nabc");
}

/* What breaks off must not look whole. */
static void
test_broken_answer (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  bench.answer = ANSWER_BROKEN;
  say (&bench, GET ("/ab"));
  check_got (&bench, OK "Transfer-Encoding: chunked\r\n\r\n1\r\n/\r\n2\r\nab\r\n");
  check_ended (&bench);
  check_log (&bench, "rec");
}

/* Shorter than announced: the connection's end tells. Longer: it is cut, since the next answer follows. */
static void
test_wrong_length (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  bench.answer = ANSWER_OWN_LENGTH;
  bench.length = 1;
  say (&bench, GET ("/ab"));
  check_got (&bench, OK "Content-Length: 1\r\n\r\n/");
  bench.length = 9;
  say (&bench, GET ("/ab"));
  check_got (&bench, OK "Content-Length: 9\r\n\r\n/ab");
  check_ended (&bench);
}

/* Many pieces of one turn leave together. */
static void
test_gathers (void)
{
  g_auto (Bench) bench;
  g_autoptr (GString) headers = g_string_new (NULL);
  char buffer[256];

  bench_init (&bench);
  bench.answer = ANSWER_LATER;
  say (&bench, GET ("/"));
  aip_connection_send_head (bench.connection, 200, headers, 3);
  g_assert_cmpint (recv (bench.client, buffer, sizeof buffer, 0), ==, -1);
  for (int i = 0; i < 3; i++)
    aip_connection_send_body (bench.connection, "a", 1);
  g_main_context_iteration (bench.context, FALSE);
  check_got (&bench, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\naaa");
}

/* A head, or an event however many pieces it has, is one system call, and so is a whole answer. */
static void
test_one_call (void)
{
  g_auto (Bench) bench;
  g_autoptr (GString) headers = g_string_new (NULL);
  guint before;

  bench_init (&bench);
  bench.answer = ANSWER_LATER;
  say (&bench, GET ("/"));
  before = n_sends;
  aip_connection_send_head (bench.connection, 200, headers, -1);
  settle (&bench);
  g_assert_cmpuint (n_sends - before, ==, 1);
  for (int i = 0; i < 5; i++)
    {
      before = n_sends;
      aip_connection_send_body (bench.connection, "data: ", 6);
      aip_connection_send_body (bench.connection, "a", 1);
      aip_connection_send_body (bench.connection, "\n\n", 2);
      settle (&bench);
      g_assert_cmpuint (n_sends - before, ==, 1);
    }
  before = n_sends;
  aip_connection_send_body (bench.connection, "data: [DONE]\n\n", 14);
  aip_connection_end (bench.connection, TRUE);
  settle (&bench);
  g_assert_cmpuint (n_sends - before, ==, 1);
  g_assert_true (g_str_has_suffix (bench.got->str, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"));

  bench.answer = ANSWER_CHUNKED;
  before = n_sends;
  say (&bench, GET ("/ab"));
  g_assert_cmpuint (n_sends - before, ==, 2); /* the request's own is one of them */
}

static void
test_expect (void)
{
  g_auto (Bench) bench;
  g_auto (Bench) refusing;

  bench_init (&bench);
  say (&bench, POST ("Content-Length: 2\r\nExpect: 100-continue\r\n"));
  check_got (&bench, "HTTP/1.1 100 Continue\r\n\r\n");
  say (&bench, "ab");
  check_got (&bench, OK_2 "/p");
  say (&bench, POST ("Content-Length: 0\r\nExpect: 100-continue\r\n"));
  check_got (&bench, OK_2 "/p");

  /* Who is refused anyway is not told to send it. */
  bench_init (&refusing);
  refusing.answer = ANSWER_AT_ONCE;
  say (&refusing, POST ("Content-Length: 2\r\nExpect: 100-continue\r\n"));
  check_got (&refusing,
             "HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

/* The answer to a client that still sends: it is read for a while, or the answer could be lost. */
static void
test_lingers (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  bench.answer = ANSWER_AT_ONCE;
  say (&bench, POST ("Content-Length: 100000\r\n") "abc");
  g_assert_true (g_str_has_prefix (bench.got->str, "HTTP/1.1 413 "));
  check_log (&bench, "r");
  check_ended (&bench);
  for (int i = 0; i < 10; i++)
    say (&bench, "abc");
  check_log (&bench, ""); /* nobody is told */
  leave (&bench);
  check_log (&bench, "c");
}

static void
test_blocked (void)
{
  g_auto (Bench) bench;
  g_autoptr (GString) headers = g_string_new (NULL);
  g_autofree char *data = g_strnfill (65536, 'a');
  gsize n = 0;

  bench_init (&bench);
  bench.answer = ANSWER_LATER;
  say (&bench, "GET / HTTP/1.0\r\n\r\n");
  check_log (&bench, "re");
  aip_connection_send_head (bench.connection, 200, headers, -1);
  for (; aip_connection_has_room (bench.connection); n++)
    {
      aip_connection_send_body (bench.connection, data, 65536);
      while (g_main_context_iteration (bench.context, FALSE))
        ;
      g_assert_cmpuint (n, <, 1000);
    }
  g_assert_cmpstr (bench.log->str, ==, "");
  check_log (&bench, "w"); /* the client reads */
  g_assert_true (aip_connection_has_room (bench.connection));
  aip_connection_end (bench.connection, TRUE);
  check_log (&bench, "c");
  g_assert_cmpuint (bench.got->len, ==, strlen ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n") + n * 65536);
}

/* --- its owner --- */

static void
test_draining (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  say (&bench, GET ("/a"));
  check_got (&bench, OK_2 "/a");
  bench.owner.draining = TRUE;
  say (&bench, GET ("/b"));
  check_got (&bench, OK "Content-Length: 2\r\nConnection: close\r\n\r\n/b");
  check_log (&bench, "rerec");
  check_ended (&bench);
}

/* Nobody is told but the owner; the socket lives on. */
static void
test_steal (void)
{
  g_auto (Bench) bench;
  g_autoptr (GIOStream) stream = NULL;
  char byte = 0;

  bench_init (&bench);
  bench.answer = ANSWER_STOLEN;
  g_assert_cmpint (write (bench.client, GET ("/"), strlen (GET ("/"))), >, 0);
  check_log (&bench, "rc");
  stream = g_steal_pointer (&bench.stolen);
  g_assert_true (
      g_output_stream_write_all (g_io_stream_get_output_stream (stream), "x", 1, NULL, NULL, NULL));
  g_assert_cmpint (read (bench.client, &byte, 1), ==, 1);
  g_assert_cmpint (byte, ==, 'x');
}

static void
test_close (void)
{
  g_auto (Bench) bench;

  bench_init (&bench);
  bench.answer = ANSWER_LATER;
  say (&bench, GET ("/a"));
  aip_connection_close (bench.connection);
  aip_connection_close (bench.connection);
  check_log (&bench, "regc");
  check_ended (&bench);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/connection/keep-alive", test_keep_alive);
  g_test_add_func ("/server/connection/old-client", test_old_client);
  g_test_add_func ("/server/connection/pipelined", test_pipelined);
  g_test_add_func ("/server/connection/each-byte", test_each_byte);
  g_test_add_func ("/server/connection/pipelined-waits", test_pipelined_waits);
  g_test_add_func ("/server/connection/pause", test_pause);
  g_test_add_func ("/server/connection/large-body", test_large_body);
  g_test_add_func ("/server/connection/refused", test_refused);
  g_test_add_func ("/server/connection/empty-lines", test_empty_lines);
  g_test_add_func ("/server/connection/broken-while-answering", test_broken_while_answering);
  g_test_add_func ("/server/connection/client-leaves", test_client_leaves);
  g_test_add_func ("/server/connection/upgrade", test_upgrade);
  g_test_add_func ("/server/connection/upgraded-client-leaves", test_upgraded_client_leaves);
  g_test_add_func ("/server/connection/no-upgrade", test_no_upgrade);
  g_test_add_func ("/server/connection/chunked-answer", test_chunked_answer);
  g_test_add_func ("/server/connection/without-body", test_without_body);
  g_test_add_func ("/server/connection/broken-answer", test_broken_answer);
  g_test_add_func ("/server/connection/wrong-length", test_wrong_length);
  g_test_add_func ("/server/connection/gathers", test_gathers);
  g_test_add_func ("/server/connection/one-call", test_one_call);
  g_test_add_func ("/server/connection/expect", test_expect);
  g_test_add_func ("/server/connection/lingers", test_lingers);
  g_test_add_func ("/server/connection/blocked", test_blocked);
  g_test_add_func ("/server/connection/draining", test_draining);
  g_test_add_func ("/server/connection/steal", test_steal);
  g_test_add_func ("/server/connection/close", test_close);

  return g_test_run ();
}
