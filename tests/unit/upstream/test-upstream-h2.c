/* SPDX-License-Identifier: MIT */
#include "nghttpd.h"
#include "probe.h"

#include <string.h>

#define MIB (1024 * 1024)

typedef struct
{
  Nghttpd server;
  Bench bench;
} Fixture2;

static gboolean
set_up (Fixture2 *self)
{
  if (!nghttpd_start (&self->server))
    return FALSE;
  nghttpd_add_file (&self->server, "small", 1000);
  nghttpd_add_file (&self->server, "big", 100 * MIB);
  bench_init (&self->bench);
  return TRUE;
}

static void
tear_down (Fixture2 *self)
{
  bench_clear (&self->bench);
  nghttpd_stop (&self->server);
}

static void
start (Fixture2 *self, Probe *probe, const char *path)
{
  g_autofree char *url = nghttpd_dup_url (&self->server, path);

  probe_init (probe, &self->bench);
  probe_start (probe, &(AipTransferRequest){ .method = "GET",
                                             .url = url,
                                             .verify_tls = TRUE,
                                             .ca_file = self->server.certificate,
                                             .proxy = "none",
                                             .total_timeout = 30000 });
}

/* Each phase counts from the start; what is used again has none. */
static void
test_timings (void)
{
  Fixture2 self;
  Probe first;
  Probe second;

  if (!set_up (&self))
    return;
  start (&self, &first, "small");
  probe_wait (&first);
  start (&self, &second, "small");
  probe_wait (&second);
  g_assert_cmpint (first.result.timings.dns, >, 0);
  g_assert_cmpint (first.result.timings.connect, >=, first.result.timings.dns);
  g_assert_cmpint (first.result.timings.tls, >, first.result.timings.connect);
  g_assert_cmpint (first.result.timings.first_byte, >=, first.result.timings.tls);
  g_assert_true (second.result.reused);
  g_assert_cmpint (second.result.timings.dns, ==, 0);
  g_assert_cmpint (second.result.timings.connect, ==, 0);
  g_assert_cmpint (second.result.timings.tls, ==, 0);
  probe_clear (&first);
  probe_clear (&second);
  tear_down (&self);
}

static void
test_multiplexed (void)
{
  Fixture2 self;
  Probe probes[20];
  guint fds;

  if (!set_up (&self))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (probes); i++)
    start (&self, &probes[i], "small");
  for (guint i = 0; i < G_N_ELEMENTS (probes); i++)
    {
      probe_wait (&probes[i]);
      g_assert_cmpstr (probes[i].message, ==, NULL);
      g_assert_cmpuint (probes[i].status, ==, 200);
      g_assert_cmpuint (probes[i].body->len, ==, 1000);
      g_assert_cmpuint (probes[i].result.http_major, ==, 2);
      g_assert_true (probes[i].result.framed);
      g_assert_cmpint (probes[i].result.reused, ==, i > 0);
      probe_clear (&probes[i]);
    }
  fds = count_fds ();
  start (&self, &probes[0], "small");
  probe_wait (&probes[0]);
  g_assert_cmpuint (count_fds (), ==, fds);
  g_assert_true (probes[0].result.reused);
  probe_clear (&probes[0]);
  tear_down (&self);
}

static void
check_trust (Fixture2 *self, const char *host, gboolean verify, const char *ca_file, AipFault fault)
{
  g_autofree char *url = g_strdup_printf ("https://%s:%u/small?key=secret", host, self->server.port);
  Probe probe;

  probe_init (&probe, &self->bench);
  probe_run (&probe,
             &(AipTransferRequest){
                 .method = "GET", .url = url, .verify_tls = verify, .ca_file = ca_file, .proxy = "none" });
  g_test_message ("%s", probe.message);
  g_assert_cmpint (probe.result.fault, ==, fault);
  g_assert_true (probe.message == NULL || strstr (probe.message, "secret") == NULL);
  probe_clear (&probe);
}

static void
test_trust (void)
{
  Fixture2 self;

  if (!set_up (&self))
    return;
  for (int i = 0; i < 2; i++)
    {
      check_trust (&self, "localhost", TRUE, self.server.certificate, AIP_FAULT_NONE);
      check_trust (&self, "127.0.0.1", TRUE, self.server.certificate, AIP_FAULT_TLS);
      check_trust (&self, "localhost", TRUE, NULL, AIP_FAULT_TLS);
      check_trust (&self, "127.0.0.1", FALSE, NULL, AIP_FAULT_NONE);
      check_trust (&self, "localhost", TRUE, "/nonexistent.pem", AIP_FAULT_TLS);
    }
  tear_down (&self);
}

static void
test_upload (void)
{
  Fixture2 self;
  Probe probe;
  g_autofree char *url = NULL;

  if (!set_up (&self))
    return;
  url = nghttpd_dup_url (&self.server, "small");
  for (int i = 0; i < 2; i++)
    {
      probe_init (&probe, &self.bench);
      probe.upload = "one two three";
      probe.piece = 4;
      probe_run (&probe, &(AipTransferRequest){ .method = "POST",
                                                .url = url,
                                                .upload = TRUE,
                                                .upload_length = i == 0 ? -1 : 13,
                                                .verify_tls = TRUE,
                                                .ca_file = self.server.certificate,
                                                .proxy = "none" });
      g_assert_cmpstr (probe.message, ==, NULL);
      g_assert_cmpuint (probe.result.http_major, ==, 2);
      g_assert_cmpstr (probe.body->str, ==, "one two three");
      probe_clear (&probe);
    }
  tear_down (&self);
}

/*
 * An answer that is not taken stays with the upstream, without keeping the loop busy. When others use
 * the same connection, they are not held up, and up to the stream's window (32 MiB, which libcurl
 * fixes) of it must be kept here instead.
 */
static void
test_bounded (void)
{
  Fixture2 self;
  Probe stuck;
  Probe probes[10];
  gsize before;
  guint turns;

  if (!set_up (&self))
    return;
  start (&self, &probes[0], "small");
  probe_wait (&probes[0]);
  probe_clear (&probes[0]);
  before = resident_bytes ();

  start (&self, &stuck, "big");
  stuck.room = 0;
  while (stuck.n_refused == 0)
    bench_turn (&self.bench);
  bench_run_for (&self.bench, 200);
  g_assert_cmpuint (resident_bytes (), <, before + 20 * MIB);
  for (guint i = 0; i < G_N_ELEMENTS (probes); i++)
    {
      start (&self, &probes[i], "small");
      probe_wait (&probes[i]);
      g_assert_cmpstr (probes[i].message, ==, NULL);
      g_assert_cmpuint (probes[i].body->len, ==, 1000);
      probe_clear (&probes[i]);
    }
  turns = bench_run_for (&self.bench, 300);
  g_test_message ("%u turns while nothing could be done, %zu KiB more", turns,
                  (resident_bytes () - before) / 1024);
  g_assert_cmpuint (turns, <, 100);
  g_assert_cmpuint (resident_bytes (), <, before + 80 * MIB);

  stuck.room = G_MAXSIZE;
  aip_transfer_resume (stuck.transfer);
  probe_wait (&stuck);
  g_assert_cmpstr (stuck.message, ==, NULL);
  g_assert_cmpuint (stuck.body->len, ==, 100 * MIB);
  probe_clear (&stuck);
  tear_down (&self);
}

/* Others that were under way on the same connection when it got stuck. */
static void
test_neighbours (void)
{
  Fixture2 self;
  Probe stuck;
  Probe probes[10];

  if (!set_up (&self))
    return;
  start (&self, &stuck, "big");
  stuck.room = 0;
  for (guint i = 0; i < G_N_ELEMENTS (probes); i++)
    start (&self, &probes[i], "small");
  for (guint i = 0; i < G_N_ELEMENTS (probes); i++)
    {
      probe_wait (&probes[i]);
      g_assert_cmpstr (probes[i].message, ==, NULL);
      probe_clear (&probes[i]);
    }
  aip_transfer_cancel (stuck.transfer);
  probe_clear (&stuck);
  start (&self, &probes[0], "small");
  probe_wait (&probes[0]);
  g_assert_cmpuint (probes[0].body->len, ==, 1000);
  probe_clear (&probes[0]);
  tear_down (&self);
}

/* The server dies in the middle of answers, and comes back with nobody having noticed. */
static void
test_dies (void)
{
  Fixture2 self;
  Probe probes[3];

  if (!set_up (&self))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (probes); i++)
    {
      start (&self, &probes[i], "big");
      probes[i].room = MIB;
    }
  while (probes[0].n_refused == 0)
    bench_turn (&self.bench);
  nghttpd_kill (&self.server);
  for (guint i = 0; i < G_N_ELEMENTS (probes); i++)
    {
      probes[i].room = G_MAXSIZE;
      if (probes[i].transfer != NULL)
        aip_transfer_resume (probes[i].transfer);
      probe_wait (&probes[i]);
      g_test_message ("%s", probes[i].message);
      /* What had not begun is sent again, and finds nobody there. */
      g_assert_cmpstr (aip_fault_to_string (probes[i].result.fault), ==,
                       probes[i].n_heads > 0 ? "cut" : "connect");
      probe_clear (&probes[i]);
    }

  for (int i = 0; i < 4; i++)
    {
      if (i % 2 == 0)
        nghttpd_run (&self.server);
      start (&self, &probes[0], "small");
      probe_wait (&probes[0]);
      g_assert_cmpstr (probes[0].message, ==, NULL);
      probe_clear (&probes[0]);
      if (i == 1)
        nghttpd_kill (&self.server);
    }
  tear_down (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_true (aip_upstream_global_init (NULL));
  g_test_add_func ("/upstream/h2/timings", test_timings);
  g_test_add_func ("/upstream/h2/multiplexed", test_multiplexed);
  g_test_add_func ("/upstream/h2/trust", test_trust);
  g_test_add_func ("/upstream/h2/upload", test_upload);
  g_test_add_func ("/upstream/h2/bounded", test_bounded);
  g_test_add_func ("/upstream/h2/neighbours", test_neighbours);
  g_test_add_func ("/upstream/h2/dies", test_dies);
  return g_test_run ();
}
