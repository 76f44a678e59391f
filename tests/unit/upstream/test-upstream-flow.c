/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>

#define BIG (100 * 1024 * 1024)
#define MIB (1024 * 1024)

/* --- uploads --- */

/* Answers with what it has got. */
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
      raw_peer_send (peer, answer);
    }
}

static void
run_upload (Fixture *self, gint64 length, Probe *probe)
{
  const char *const headers[] = { "Content-Type: text/plain", NULL };

  probe->upload = "one two three";
  probe_start (probe, &(AipTransferRequest){ .method = "POST",
                                             .url = self->url,
                                             .headers = headers,
                                             .upload = TRUE,
                                             .upload_length = length,
                                             .first_byte_timeout = 60000 });
  while (probe->transfer != NULL)
    {
      bench_turn (&self->bench);
      if (probe->transfer != NULL)
        aip_transfer_resume (probe->transfer);
    }
}

static void
test_upload (void)
{
  Fixture self;

  fixture_set_up (&self, echo_cb, NULL);
  for (guint pauses = 0; pauses < 3; pauses++)
    {
      Probe known;
      Probe unknown;

      probe_init (&known, &self.bench);
      known.piece = 4;
      known.pauses = pauses;
      run_upload (&self, 13, &known);
      g_assert_cmpint (known.result.fault, ==, AIP_FAULT_NONE);
      g_assert_cmpuint (known.result.bytes_sent, ==, 13);
      g_assert_nonnull (strstr (known.body->str, "\r\nContent-Length: 13\r\n"));
      g_assert_true (g_str_has_prefix (known.body->str, "POST "));
      g_assert_true (g_str_has_suffix (known.body->str, "\r\n\r\none two three"));
      probe_clear (&known);

      probe_init (&unknown, &self.bench);
      unknown.piece = 4;
      unknown.pauses = pauses;
      run_upload (&self, -1, &unknown);
      g_assert_cmpint (unknown.result.fault, ==, AIP_FAULT_NONE);
      g_assert_nonnull (strstr (unknown.body->str, "\r\nTransfer-Encoding: chunked\r\n"));
      g_assert_null (strstr (unknown.body->str, "Content-Length"));
      g_assert_true (
          g_str_has_suffix (unknown.body->str, "4\r\none \r\n4\r\ntwo \r\n4\r\nthre\r\n1\r\ne\r\n0\r\n\r\n"));
      probe_clear (&unknown);
    }
  fixture_tear_down (&self);
}

/* A client that breaks off, or sends less than it has announced. */
static void
test_broken_upload (void)
{
  Fixture self;

  fixture_set_up (&self, echo_cb, NULL);
  for (int i = 0; i < 2; i++)
    {
      Probe probe;

      probe_init (&probe, &self.bench);
      probe.upload_breaks = i == 0;
      run_upload (&self, 20, &probe);
      g_assert_cmpint (probe.result.fault, ==, AIP_FAULT_CANCELLED);
      g_assert_cmpuint (probe.n_heads, ==, 0);
      probe_clear (&probe);
    }
  fixture_tear_down (&self);
}

static void
count_body_cb (RawPeer *peer, void *user_data)
{
  char *buffer = g_malloc (MIB);
  raw_peer_skip_head (peer);
  gsize total = 0;
  gsize n;

  while (total < BIG && (n = raw_peer_read_some (peer, buffer, MIB)) > 0)
    {
      for (gsize i = 0; i < n; i++)
        g_assert_cmpint ((guchar) buffer[i], ==, (total + i) % 251);
      total += n;
    }
  raw_peer_send (peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  g_free (buffer);
}

static void
test_large_body (void)
{
  Fixture self;
  Probe probe;
  char *data = g_malloc (BIG);
  g_autoptr (GBytes) body = NULL;

  for (gsize i = 0; i < BIG; i++)
    data[i] = i % 251;
  body = g_bytes_new_take (data, BIG);
  fixture_set_up (&self, count_body_cb, NULL);
  probe_init (&probe, &self.bench);
  probe_run (&probe, &(AipTransferRequest){ .method = "POST", .url = self.url, .body = body });
  g_assert_cmpint (probe.result.fault, ==, AIP_FAULT_NONE);
  g_assert_cmpuint (probe.result.bytes_sent, ==, BIG);
  probe_clear (&probe);
  fixture_tear_down (&self);
}

/* --- back-pressure --- */

static void
send_big_cb (RawPeer *peer, void *user_data)
{
  g_autofree char *request = raw_peer_read_request (peer);
  g_autofree char *block = g_malloc (MIB);
  gboolean open = request != NULL;

  memset (block, 'b', MIB);
  if (user_data != NULL)
    {
      raw_peer_send (peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (int i = 0; open && i < BIG / MIB; i++)
        open = raw_peer_send (peer, "100000\r\n") && raw_peer_send_bytes (peer, block, MIB) &&
               raw_peer_send (peer, "\r\n");
      raw_peer_send (peer, "0\r\n\r\n");
      return;
    }
  raw_peer_send (peer, "HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n");
  for (int i = 0; open && i < BIG / MIB; i++)
    open = raw_peer_send_bytes (peer, block, MIB);
}

static void
check_bounded (const void *chunked)
{
  Fixture self;
  Probe probe;
  gsize before;

  fixture_set_up (&self, send_big_cb, chunked);
  probe_init (&probe, &self.bench);
  probe.room = 0;
  before = resident_bytes ();
  probe_start (&probe, &(AipTransferRequest){ .method = "GET", .url = self.url });
  while (probe.n_refused == 0)
    bench_turn (&self.bench);
  bench_run_for (&self.bench, 300);
  g_assert_cmpuint (probe.n_refused, ==, 1);
  g_assert_cmpuint (resident_bytes (), <, before + 20 * MIB);

  /* A little room at a time, then all of it. */
  for (int i = 0; i < 10; i++)
    {
      probe.room += 100000;
      aip_transfer_resume (probe.transfer);
      bench_run_for (&self.bench, 5);
    }
  while (probe.body->len == 0)
    bench_turn (&self.bench);
  g_assert_cmpuint (resident_bytes (), <, before + 20 * MIB);
  probe.room = G_MAXSIZE;
  aip_transfer_resume (probe.transfer);
  probe_wait (&probe);
  g_assert_cmpint (probe.result.fault, ==, AIP_FAULT_NONE);
  g_assert_cmpuint (probe.body->len, ==, BIG);
  g_assert_cmpuint (strspn (probe.body->str, "b"), ==, BIG);
  probe_clear (&probe);
  fixture_tear_down (&self);
}

static void
test_bounded (void)
{
  check_bounded (NULL);
}

static void
test_bounded_chunked (void)
{
  check_bounded ("chunked");
}

/* --- cancelling --- */

static void
slow_cb (RawPeer *peer, void *user_data)
{
  raw_peer_skip_request (peer);

  raw_peer_send (peer, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
  raw_peer_wait_closed (peer);
}

static void
test_cancel_within (void)
{
  Fixture self;

  fixture_set_up (&self, slow_cb, NULL);
  for (const char *where = "hbr"; *where != '\0'; where++)
    {
      Probe probe;

      probe_init (&probe, &self.bench);
      probe.cancel_in = *where;
      probe.upload = "text";
      probe_run (&probe,
                 &(AipTransferRequest){
                     .method = "POST", .url = self.url, .upload = *where == 'r', .upload_length = -1 });
      bench_run_for (&self.bench, 5);
      g_assert_cmpuint (probe.n_done, ==, 0);
      g_assert_cmpuint (probe.n_heads, ==, *where == 'r' ? 0 : 1);
      probe_clear (&probe);
    }
  fixture_tear_down (&self);
}

static void
test_cancel_in_done (void)
{
  Fixture self;
  Probe probe;

  fixture_set_up (&self, echo_cb, NULL);
  probe_init (&probe, &self.bench);
  probe.cancel_in = 'd';
  probe_get (&probe, self.url);
  g_assert_cmpuint (probe.n_done, ==, 1);
  probe_clear (&probe);
  fixture_tear_down (&self);
}

/* After any number of turns of the loop, with and without somebody having said FALSE. */
static void
test_cancel_any_time (void)
{
  Fixture self;

  fixture_set_up (&self, slow_cb, NULL);
  for (int turns = 0; turns < 8; turns++)
    {
      Probe probe;

      probe_init (&probe, &self.bench);
      probe.room = turns % 2 == 0 ? 0 : G_MAXSIZE;
      probe_start (&probe, &(AipTransferRequest){ .method = "GET", .url = self.url, .total_timeout = 60000 });
      for (int i = 0; i < turns && probe.n_bodies == 0; i++)
        bench_turn (&self.bench);
      if (turns == 6)
        aip_transfer_resume (probe.transfer);
      aip_transfer_cancel (probe.transfer);
      bench_run_for (&self.bench, 2);
      g_assert_cmpuint (probe.n_done, ==, 0);
      probe_clear (&probe);
    }
  fixture_tear_down (&self);
}

static void
test_free_running (void)
{
  Fixture self;
  Probe probes[10];

  fixture_set_up (&self, slow_cb, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (probes); i++)
    {
      probe_init (&probes[i], &self.bench);
      probe_start (&probes[i], &(AipTransferRequest){ .method = "GET", .url = self.url });
    }
  while (probes[9].n_bodies == 0)
    bench_turn (&self.bench);
  g_clear_pointer (&self.bench.upstream, aip_upstream_free);
  for (guint i = 0; i < G_N_ELEMENTS (probes); i++)
    {
      g_assert_cmpuint (probes[i].n_done, ==, 0);
      probe_clear (&probes[i]);
    }
  fixture_tear_down (&self);
}

/* --- the next attempt --- */

typedef struct
{
  Probe probe; /* first: it is what the callbacks get */
  const char *urls[3];
  guint next;
} Attempts;

static void start_next (Attempts *self);

static void
attempt_done_cb (AipTransfer *transfer, const AipTransferResult *result, void *user_data)
{
  Attempts *self = user_data;

  g_assert_cmpint (result->fault, ==, self->next == 3 ? AIP_FAULT_NONE : AIP_FAULT_CONNECT);
  if (self->next < 3)
    start_next (self);
  else
    probe_funcs.done (transfer, result, user_data);
}

static void
start_next (Attempts *self)
{
  AipTransferFuncs funcs = probe_funcs;

  funcs.done = attempt_done_cb;
  self->probe.transfer = aip_upstream_start (
      self->probe.bench->upstream, &(AipTransferRequest){ .method = "GET", .url = self->urls[self->next++] },
      &funcs, self);
}

/* Started from within the end of the one before. */
static void
test_attempts (void)
{
  Fixture self;
  Attempts attempts = { .urls = { "http://127.0.0.1:1/", "http://127.0.0.1:1/", NULL } };

  fixture_set_up (&self, echo_cb, NULL);
  probe_init (&attempts.probe, &self.bench);
  attempts.urls[2] = self.url;
  start_next (&attempts);
  probe_wait (&attempts.probe);
  g_assert_cmpuint (attempts.probe.n_heads, ==, 1);
  g_assert_true (g_str_has_prefix (attempts.probe.body->str, "GET "));
  probe_clear (&attempts.probe);
  fixture_tear_down (&self);
}

/* --- dead connections in the pool --- */

/* Closes each connection right after its answer without having said so. */
static void
close_after_answer_cb (RawPeer *peer, void *user_data)
{
  g_autofree char *request = raw_peer_read_request (peer);

  if (request == NULL)
    return;
  raw_peer_send (peer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  if (user_data != NULL)
    {
      raw_peer_skip_head (peer);
      raw_peer_reset (peer); /* takes the next request, and dies of it */
    }
}

static void
check_stale (const void *mode, int n, gsize body_size)
{
  Fixture self;
  g_autofree char *text = g_strnfill (body_size, 'x');
  g_autoptr (GBytes) body = g_bytes_new (text, body_size);

  fixture_set_up (&self, close_after_answer_cb, mode);
  for (int i = 0; i < n; i++)
    {
      Probe probe;

      probe_init (&probe, &self.bench);
      probe_run (&probe, &(AipTransferRequest){ .method = "POST", .url = self.url, .body = body });
      if (probe.result.fault != AIP_FAULT_NONE)
        g_error ("request %d: %s", i, probe.message);
      g_assert_cmpstr (probe.body->str, ==, "ok");
      probe_clear (&probe);
    }
  g_assert_cmpint (raw_server_get_connections (self.server), >=, n);
  fixture_tear_down (&self);
}

static void
test_stale (void)
{
  check_stale (NULL, 1000, 10);
}

static void
test_stale_when_used (void)
{
  check_stale ("read on", 100, 10);
}

static void
test_stale_large (void)
{
  check_stale (NULL, 30, 1000000);
  check_stale ("read on", 30, 1000000);
}

/* An upload cannot be sent twice, so it never meets a pooled connection. */
static void
test_stale_upload (void)
{
  Fixture self;

  fixture_set_up (&self, close_after_answer_cb, "read on");
  for (int i = 0; i < 50; i++)
    {
      Probe probe;

      probe_init (&probe, &self.bench);
      if (i % 2 == 0)
        probe_get (&probe, self.url);
      else
        run_upload (&self, 13, &probe);
      g_assert_cmpint (probe.result.fault, ==, AIP_FAULT_NONE);
      probe_clear (&probe);
    }
  fixture_tear_down (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_true (aip_upstream_global_init (NULL));
  g_test_add_func ("/upstream/flow/upload", test_upload);
  g_test_add_func ("/upstream/flow/broken-upload", test_broken_upload);
  g_test_add_func ("/upstream/flow/large-body", test_large_body);
  g_test_add_func ("/upstream/flow/bounded", test_bounded);
  g_test_add_func ("/upstream/flow/bounded-chunked", test_bounded_chunked);
  g_test_add_func ("/upstream/flow/cancel-within", test_cancel_within);
  g_test_add_func ("/upstream/flow/cancel-in-done", test_cancel_in_done);
  g_test_add_func ("/upstream/flow/cancel-any-time", test_cancel_any_time);
  g_test_add_func ("/upstream/flow/free-running", test_free_running);
  g_test_add_func ("/upstream/flow/attempts", test_attempts);
  g_test_add_func ("/upstream/flow/stale", test_stale);
  g_test_add_func ("/upstream/flow/stale-when-used", test_stale_when_used);
  g_test_add_func ("/upstream/flow/stale-large", test_stale_large);
  g_test_add_func ("/upstream/flow/stale-upload", test_stale_upload);
  return g_test_run ();
}
