/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"

/* Answers each request with the request itself. */
static void
echo_cb (RawPeer *peer, void *user_data)
{
  for (;;)
    {
      g_autofree char *request = raw_peer_read_request (peer);
      g_autofree char *answer = NULL;

      if (request == NULL)
        return;
      answer =
          g_strdup_printf ("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen (request), request);
      raw_peer_send (peer, strncmp (request, "HEAD", 4) == 0 ? OK_HEAD : answer);
    }
}

static void
echo_request (Fixture *self, const AipTransferRequest *request, const char *expected)
{
  Probe probe;

  probe_init (&probe, &self->bench);
  probe_run (&probe, request);
  g_assert_cmpint (probe.result.fault, ==, AIP_FAULT_NONE);
  g_assert_null (probe.message);
  g_assert_cmpuint (probe.n_heads, ==, 1);
  g_assert_cmpuint (probe.n_done, ==, 1);
  g_assert_cmpuint (probe.status, ==, 200);
  g_assert_cmpuint (probe.result.bytes_received, ==, probe.body->len);
  g_assert_cmpuint (probe.result.http_major, ==, 1);
  g_assert_true (probe.result.framed);
  if (!g_str_has_prefix (probe.body->str, expected))
    g_error ("got:\n%s\nexpected:\n%s", probe.body->str, expected);
  probe_clear (&probe);
}

/* What goes out is what was given, and nothing of libcurl's own. */
static void
test_requests (void)
{
  Fixture self;
  g_autofree char *get = NULL;
  g_autofree char *delete = NULL;
  g_autofree char *post = NULL;
  g_autofree char *empty = NULL;
  g_autofree char *host = NULL;
  const char *const headers[] = {
    "Authorization: Bearer k", "Content-Type: application/json", "Accept: a/b", "User-Agent: me", "X-Empty:",
    "Expect: 100-continue",    "X-Bad: a\r\nX-Evil: 1",          NULL
  };
  g_autoptr (GBytes) body = g_bytes_new_static ("{\"a\": 1}", 8);

  fixture_set_up (&self, echo_cb, NULL);
  host = g_strndup (self.url + 7, strcspn (self.url + 7, "/"));
  get = g_strdup_printf (
      "GET /v1/x%%2Fy/../z?q=secret HTTP/1.1\r\nHost: %s\r\nUser-Agent: aiproxy/0.1.0\r\n\r\n", host);
  delete = g_strdup_printf (
      "DELETE /v1/x%%2Fy/../z?q=secret HTTP/1.1\r\nHost: %s\r\nUser-Agent: aiproxy/0.1.0\r\n\r\n", host);
  post = g_strdup_printf (
      "POST /v1/x%%2Fy/../z?q=secret HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer k\r\nContent-Type: "
      "application/json\r\nAccept: a/b\r\nUser-Agent: me\r\nX-Empty:\r\nContent-Length: 8\r\n\r\n"
      "{\"a\": 1}",
      host);
  empty =
      g_strdup_printf ("PUT /v1/x%%2Fy/../z?q=secret HTTP/1.1\r\nHost: %s\r\nUser-Agent: aiproxy/0.1.0\r\n"
                       "Content-Length: 0\r\n\r\n",
                       host);
  for (int i = 0; i < 2; i++)
    {
      echo_request (&self, &(AipTransferRequest){ .method = "GET", .url = self.url }, get);
      echo_request (
          &self, &(AipTransferRequest){ .method = "POST", .url = self.url, .headers = headers, .body = body },
          post);
      echo_request (&self, &(AipTransferRequest){ .method = "HEAD", .url = self.url }, "");
      echo_request (&self, &(AipTransferRequest){ .method = "DELETE", .url = self.url }, delete);
      echo_request (&self, &(AipTransferRequest){ .method = "PUT", .url = self.url }, empty);
    }
  g_assert_cmpint (raw_server_get_connections (self.server), ==, 1);
  g_assert_cmpint (raw_server_get_requests (self.server), ==, 10);
  fixture_tear_down (&self);
}

static void
test_reuse (void)
{
  Fixture self;
  Probe first;
  Probe second;

  fixture_set_up (&self, echo_cb, NULL);
  probe_init (&first, &self.bench);
  probe_get (&first, self.url);
  probe_init (&second, &self.bench);
  probe_get (&second, self.url);
  g_assert_false (first.result.reused);
  g_assert_cmpint (first.result.timings.dns, >, 0);
  g_assert_cmpint (first.result.timings.connect, >=, first.result.timings.dns);
  g_assert_cmpint (first.result.timings.tls, ==, 0);
  g_assert_cmpint (first.result.timings.first_byte, >=, first.result.timings.connect);
  g_assert_cmpint (first.result.timings.total, >=, first.result.timings.first_byte);
  g_assert_true (second.result.reused);
  g_assert_cmpint (second.result.timings.dns, ==, 0);
  g_assert_cmpint (second.result.timings.connect, ==, 0);
  g_assert_cmpint (second.result.timings.first_byte, >, 0);
  probe_clear (&first);
  probe_clear (&second);
  fixture_tear_down (&self);
}

static void
test_many (void)
{
  Fixture self;
  Probe probes[100];

  fixture_set_up (&self, echo_cb, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (probes); i++)
    {
      probe_init (&probes[i], &self.bench);
      probe_start (&probes[i], &(AipTransferRequest){ .method = "GET", .url = self.url });
    }
  for (guint i = 0; i < G_N_ELEMENTS (probes); i++)
    {
      probe_wait (&probes[i]);
      g_assert_cmpint (probes[i].result.fault, ==, AIP_FAULT_NONE);
      probe_clear (&probes[i]);
    }
  fixture_tear_down (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_true (aip_upstream_global_init (NULL));
  g_test_add_func ("/upstream/plain/requests", test_requests);
  g_test_add_func ("/upstream/plain/reuse", test_reuse);
  g_test_add_func ("/upstream/plain/many", test_many);
  return g_test_run ();
}
