/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LENGTH(s) (s), sizeof (s) - 1
#define H "HTTP/1.1 200 OK\r\n"

typedef struct
{
  const char *answer;
  gsize length;
  AipFault fault;
  const char *told; /* the body; or what the message must say */
  gboolean framed;
} Case;

static const Case cases[] = {
  { LENGTH (H "Content-Length: 2\r\n\r\nok"), AIP_FAULT_NONE, "ok", TRUE },
  { LENGTH (H "Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\nTrailer: dropped\r\n\r\n"),
    AIP_FAULT_NONE, "ok", TRUE },
  { LENGTH (H "\r\nok"), AIP_FAULT_NONE, "ok", FALSE },
  { LENGTH ("HTTP/1.0 200 OK\r\n\r\nok"), AIP_FAULT_NONE, "ok", FALSE },
  { LENGTH ("HTTP/1.1 204 No Content\r\n\r\n"), AIP_FAULT_NONE, "", TRUE },
  { LENGTH ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" H
            "Content-Length: 2\r\n\r\nok"),
    AIP_FAULT_NONE, "ok", TRUE },
  { LENGTH (H "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"), AIP_FAULT_NONE, "ok", TRUE },
  { LENGTH (H "Content-Length : 2 \r\nX:  a b \t\r\n\r\nok"), AIP_FAULT_NONE, "ok", TRUE },

  { LENGTH (""), AIP_FAULT_CUT, "closed the connection", FALSE },
  { LENGTH (H), AIP_FAULT_CUT, "closed the connection", FALSE },
  { LENGTH (H "Content-Length: 3\r\n\r\nok"), AIP_FAULT_CUT, "closed the connection", TRUE },
  { LENGTH (H "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"), AIP_FAULT_CUT, "closed the connection",
    TRUE },
  { LENGTH (H "Transfer-Encoding: chunked\r\n\r\n5\r\nok"), AIP_FAULT_CUT, "closed the connection", TRUE },

  { LENGTH ("hello\r\n"), AIP_FAULT_PROTOCOL, "unusable", FALSE },
  { LENGTH ("SSH-2.0-OpenSSH\r\n\r\n"), AIP_FAULT_PROTOCOL, "unusable", FALSE },
  { LENGTH ("\x16\x03\x01\x00\x05hello"), AIP_FAULT_PROTOCOL, "unusable", FALSE },
  { LENGTH ("HTTP/1.1 abc OK\r\n\r\n"), AIP_FAULT_PROTOCOL, "unusable", FALSE },
  { LENGTH ("HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n"), AIP_FAULT_PROTOCOL, "status", FALSE },
  { LENGTH ("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nhello"), AIP_FAULT_PROTOCOL, "another protocol",
    FALSE },
  { LENGTH (H "Transfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n"), AIP_FAULT_PROTOCOL, "unusable",
    TRUE },
  { LENGTH (H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), AIP_FAULT_PROTOCOL, "transfer encoding",
    FALSE },
  { LENGTH (H "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"), AIP_FAULT_PROTOCOL, "two lengths", FALSE },
  { LENGTH (H "Content-Length: two\r\n\r\nok"), AIP_FAULT_PROTOCOL, "unusable", FALSE },
  { LENGTH (H "Content-Length: 2\r\nX: a\0b\r\n\r\nok"), AIP_FAULT_PROTOCOL, "unusable", FALSE },
  { LENGTH (H "Content-Length: 2\r\nX: a\rb: c\r\n\r\nok"), AIP_FAULT_PROTOCOL, "control", FALSE },
  { LENGTH (H "Content-Length: 2\r\nX: a\r\n b\r\n\r\nok"), AIP_FAULT_PROTOCOL, "folded", FALSE },
  { LENGTH (H "Content-Length: 2\r\nno colon\r\n\r\nok"), AIP_FAULT_PROTOCOL, "unusable", FALSE },
  { LENGTH (H "Content-Length: 2\r\na b: c\r\n\r\nok"), AIP_FAULT_PROTOCOL, "name", FALSE },
};

/* "/12": the answer of case 12, then the end of the connection; "/split/12": each byte by itself. */
static void
play_case_cb (RawPeer *peer, void *user_data)
{
  g_autofree char *request = raw_peer_read_request (peer);
  const Case *test;

  if (request == NULL)
    return;
  if (g_str_has_prefix (request, "GET /split/"))
    {
      raw_peer_send_each_byte (peer, cases[atoi (request + 11)].answer);
      return;
    }
  test = &cases[atoi (request + 5)];
  raw_peer_send_bytes (peer, test->answer, test->length);
}

static void
check_case (const Case *test, const Probe *probe)
{
  g_test_message ("%s", test->answer);
  g_assert_cmpuint (probe->n_done, ==, 1);
  g_assert_cmpstr (aip_fault_to_string (probe->result.fault), ==, aip_fault_to_string (test->fault));
  g_assert_cmpint (probe->result.framed, ==, test->framed);
  if (test->fault == AIP_FAULT_NONE)
    {
      g_assert_cmpuint (probe->n_heads, ==, 1);
      g_assert_cmpstr (probe->body->str, ==, test->told);
      return;
    }
  g_test_message ("%s", probe->message);
  g_assert_nonnull (strstr (probe->message, test->told));
  g_assert_nonnull (strstr (probe->message, "127.0.0.1:"));
  g_assert_null (strstr (probe->message, "secret"));
}

static void
run_cases (const char *path)
{
  Fixture self;

  fixture_set_up (&self, play_case_cb, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *numbered = g_strdup_printf ("%s%u?key=secret", path, i);
      g_autofree char *url = raw_server_dup_url (self.server, numbered);
      Probe probe;

      if (path[1] != '\0' && strlen (cases[i].answer) != cases[i].length)
        continue;
      probe_init (&probe, &self.bench);
      probe_get (&probe, url);
      check_case (&cases[i], &probe);
      probe_clear (&probe);
    }
  fixture_tear_down (&self);
}

static void
test_whole (void)
{
  run_cases ("/");
}

static void
test_split (void)
{
  run_cases ("/split/");
}

static void
large_head_cb (RawPeer *peer, void *user_data)
{
  g_autofree char *request = raw_peer_read_request (peer);
  g_autoptr (GString) head = g_string_new (H);
  gboolean one_line = g_str_has_prefix (request, "POST");
  g_autofree char *value = g_strnfill (one_line ? 150000 : 1000, 'v');

  for (int i = 0; i < (one_line ? 1 : 270); i++)
    g_string_append_printf (head, "X-%d: %s\r\n", i, value);
  raw_peer_send (peer, head->str);
  raw_peer_wait_closed (peer);
}

static void
test_large_head (void)
{
  Fixture self;

  fixture_set_up (&self, large_head_cb, NULL);
  for (int i = 0; i < 2; i++)
    {
      Probe probe;

      probe_init (&probe, &self.bench);
      probe_run (&probe, &(AipTransferRequest){ .method = i == 0 ? "GET" : "POST", .url = self.url });
      g_assert_cmpint (probe.result.fault, ==, AIP_FAULT_PROTOCOL);
      g_assert_cmpuint (probe.n_heads, ==, 0);
      probe_clear (&probe);
    }
  fixture_tear_down (&self);
}

static const struct
{
  const char *before;
  const char *line;
  int n;
  AipFault fault;
} many_cases[] = {
  { "Content-Length: 0\r\n", "b:\r\n", 511, AIP_FAULT_NONE },
  { "Content-Length: 0\r\n", "b:\r\n", 512, AIP_FAULT_PROTOCOL },
  { "Content-Length: 0\r\n", "Connection: a\r\n", 32, AIP_FAULT_NONE },
  { "Content-Length: 0\r\n", "Connection: a\r\n", 33, AIP_FAULT_PROTOCOL },
  { "Content-Length: 0\r\nConnection: ", "a,", 31, AIP_FAULT_NONE },
  { "Content-Length: 0\r\nConnection: ", "a,", 32, AIP_FAULT_PROTOCOL },
};

static void
many_fields_cb (RawPeer *peer, void *user_data)
{
  g_autofree char *request = raw_peer_read_request (peer);
  g_autoptr (GString) head = g_string_new (H);
  gsize i;

  if (request == NULL)
    return;
  i = atoi (request + strlen ("GET /"));
  g_string_append (head, many_cases[i].before);
  for (int n = 0; n < many_cases[i].n; n++)
    g_string_append (head, many_cases[i].line);
  raw_peer_send (peer, head->str);
  raw_peer_send (peer, g_str_has_suffix (head->str, "\r\n") ? "\r\n" : "a\r\n\r\n");
}

static void
test_many_fields (void)
{
  Fixture self;

  fixture_set_up (&self, many_fields_cb, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (many_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/%u", i);
      g_autofree char *url = raw_server_dup_url (self.server, path);
      Probe probe;

      probe_init (&probe, &self.bench);
      probe_get (&probe, url);
      g_test_message ("%u: %s", i, probe.message);
      g_assert_cmpint (probe.result.fault, ==, many_cases[i].fault);
      g_assert_cmpuint (probe.n_heads, ==, many_cases[i].fault == AIP_FAULT_NONE ? 1 : 0);
      probe_clear (&probe);
    }
  fixture_tear_down (&self);
}

static void
reset_cb (RawPeer *peer, void *user_data)
{
  raw_peer_skip_request (peer);

  raw_peer_send (peer, H "Content-Length: 10\r\n\r\nhalf");
  g_usleep (20000);
  raw_peer_reset (peer);
}

static void
test_reset (void)
{
  Fixture self;
  Probe probe;

  fixture_set_up (&self, reset_cb, NULL);
  probe_init (&probe, &self.bench);
  probe_get (&probe, self.url);
  g_assert_cmpint (probe.result.fault, ==, AIP_FAULT_CUT);
  g_assert_cmpstr (probe.body->str, ==, "half");
  probe_clear (&probe);
  fixture_tear_down (&self);
}

static void
check_unreachable (const AipTransferRequest *request, AipFault fault, const char *said)
{
  Bench bench;
  Probe probe;

  bench_init (&bench);
  probe_init (&probe, &bench);
  probe_run (&probe, request);
  g_test_message ("%s", probe.message);
  g_assert_cmpstr (aip_fault_to_string (probe.result.fault), ==, aip_fault_to_string (fault));
  g_assert_nonnull (strstr (probe.message, said));
  g_assert_cmpuint (probe.n_heads, ==, 0);
  g_assert_cmpuint (probe.n_done, ==, 1);
  probe_clear (&probe);
  bench_clear (&bench);
}

static void
test_unreachable (void)
{
  /* A label longer than the 63 bytes that DNS allows: no resolver asks anybody for it. */
  check_unreachable (
      &(AipTransferRequest){
          .method = "GET",
          .url = "http://a23456789b123456789c123456789d123456789e123456789f123456789g12345.test/",
          .proxy = "none" },
      AIP_FAULT_RESOLVE, "no address");
  check_unreachable (&(AipTransferRequest){ .method = "GET", .url = "http://127.0.0.1:1/?k=secret" },
                     AIP_FAULT_CONNECT, "127.0.0.1:1 cannot be connected to: Connection refused");
  check_unreachable (&(AipTransferRequest){ .method = "GET",
                                            .url = "http://10.0.0.1/?k=secret",
                                            .proxy = "http://127.0.0.1:1" },
                     AIP_FAULT_CONNECT, "10.0.0.1:80");
  check_unreachable (&(AipTransferRequest){ .method = "GET", .url = "ftp://127.0.0.1/secret" },
                     AIP_FAULT_PROTOCOL, "Unsupported protocol");
  check_unreachable (&(AipTransferRequest){ .method = "GET", .url = "http://me:secret@127.0.0.1/" },
                     AIP_FAULT_PROTOCOL, "127.0.0.1:80");
}

/* A limit below a descriptor in use would make valgrind refuse that one as well. */
#define FEW_DESCRIPTORS 100

typedef struct
{
  struct rlimit limit;
  int taken[FEW_DESCRIPTORS];
  guint n;
} Shortage;

/* Until there is not a single descriptor left. */
static void
shortage_begin (Shortage *self)
{
  struct rlimit few;
  int fd;

  self->n = 0;
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &self->limit), ==, 0);
  few = (struct rlimit){ .rlim_cur = FEW_DESCRIPTORS, .rlim_max = self->limit.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &few), ==, 0);
  while ((fd = dup (STDERR_FILENO)) >= 0)
    self->taken[self->n++] = fd;
  g_assert_cmpint (errno, ==, EMFILE);
}

static void
shortage_end (Shortage *self)
{
  while (self->n > 0)
    close (self->taken[--self->n]);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &self->limit), ==, 0);
}

/* Its socketpair () says that it had two descriptors beyond the limit, and has closed them. */
static gboolean
is_under_valgrind (void)
{
  const char *preloaded = g_getenv ("LD_PRELOAD");

  return preloaded != NULL && strstr (preloaded, "vgpreload") != NULL;
}

/* It is not the upstream's. */
static void
test_shortage (void)
{
  static const char *const urls[] = { "http://127.0.0.1:1/?k=secret", "http://name.test:1/?k=secret" };
  gsize n_urls = is_under_valgrind () ? 1 : G_N_ELEMENTS (urls);

  for (gsize i = 0; i < n_urls; i++)
    {
      Bench bench;
      Probe probe;
      Shortage shortage;

      bench_init (&bench);
      probe_init (&probe, &bench);
      shortage_begin (&shortage);
      probe_run (&probe, &(AipTransferRequest){ .method = "GET", .url = urls[i], .proxy = "none" });
      shortage_end (&shortage);
      g_test_message ("%s", probe.message);
      g_assert_cmpstr (aip_fault_to_string (probe.result.fault), ==, "shortage");
      g_assert_nonnull (strstr (probe.message, g_strerror (EMFILE)));
      g_assert_null (strstr (probe.message, "secret"));
      /* The next one gets its socket, and with it the upstream's own fault. */
      probe_clear (&probe);
      probe_init (&probe, &bench);
      probe_get (&probe, urls[0]);
      g_assert_cmpint (probe.result.fault, ==, AIP_FAULT_CONNECT);
      probe_clear (&probe);
      bench_clear (&bench);
    }
}

static void
speak_plain_cb (RawPeer *peer, void *user_data)
{
  raw_peer_send (peer, H "Content-Length: 0\r\n\r\n");
  raw_peer_wait_closed (peer);
}

static void
test_no_tls (void)
{
  Fixture self;
  Probe probe;
  g_autofree char *url = NULL;

  fixture_set_up (&self, speak_plain_cb, NULL);
  url = g_strconcat ("https", self.url + 4, NULL);
  probe_init (&probe, &self.bench);
  probe_get (&probe, url);
  g_assert_cmpint (probe.result.fault, ==, AIP_FAULT_TLS);
  g_assert_nonnull (strstr (probe.message, "no TLS connection to 127.0.0.1:"));
  g_assert_null (strstr (probe.message, "secret"));
  probe_clear (&probe);
  fixture_tear_down (&self);
}

static void
refuse_tunnel_cb (RawPeer *peer, void *user_data)
{
  g_autofree char *request = raw_peer_read_request (peer);

  g_assert_true (g_str_has_prefix (request, "CONNECT api.test:443 HTTP/1.1\r\n"));
  g_assert_null (strstr (request, "Bearer"));
  raw_peer_send (peer, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  raw_peer_wait_closed (peer);
}

/* The key is not for the proxy, and the proxy's answer is not the upstream's. */
static void
test_proxy (void)
{
  Fixture self;
  Probe probe;
  g_autofree char *proxy = NULL;
  const char *const headers[] = { "Authorization: Bearer key", NULL };

  fixture_set_up (&self, refuse_tunnel_cb, NULL);
  proxy = raw_server_dup_url (self.server, "");
  probe_init (&probe, &self.bench);
  probe_run (&probe, &(AipTransferRequest){
                         .method = "GET", .url = "https://api.test/", .headers = headers, .proxy = proxy });
  g_assert_cmpint (probe.result.fault, ==, AIP_FAULT_CONNECT);
  g_assert_cmpuint (probe.n_heads, ==, 0);
  g_assert_nonnull (strstr (probe.message, "api.test:443"));
  probe_clear (&probe);
  fixture_tear_down (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_true (aip_upstream_global_init (NULL));
  g_test_add_func ("/upstream/faults/whole", test_whole);
  g_test_add_func ("/upstream/faults/split", test_split);
  g_test_add_func ("/upstream/faults/large-head", test_large_head);
  g_test_add_func ("/upstream/faults/many-fields", test_many_fields);
  g_test_add_func ("/upstream/faults/reset", test_reset);
  g_test_add_func ("/upstream/faults/unreachable", test_unreachable);
  g_test_add_func ("/upstream/faults/shortage", test_shortage);
  g_test_add_func ("/upstream/faults/no-tls", test_no_tls);
  g_test_add_func ("/upstream/faults/proxy", test_proxy);
  return g_test_run ();
}
