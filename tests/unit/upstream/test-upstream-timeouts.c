/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>
#include <sys/socket.h>

static void
check (Probe *probe, AipFault fault, const char *said)
{
  g_test_message ("%s", probe->message);
  g_assert_cmpstr (aip_fault_to_string (probe->result.fault), ==, aip_fault_to_string (fault));
  g_assert_nonnull (strstr (probe->message, said));
  g_assert_null (strstr (probe->message, "secret"));
  g_assert_cmpuint (probe->n_done, ==, 1);
  probe_clear (probe);
}

static void
stall_cb (RawPeer *peer, void *user_data)
{
  raw_peer_skip_request (peer);

  if (user_data != NULL)
    raw_peer_send (peer, user_data);
  raw_peer_wait_closed (peer);
}

static void
test_first_byte (void)
{
  Fixture self;
  Probe probe;

  fixture_set_up (&self, stall_cb, NULL);
  probe_init (&probe, &self.bench);
  probe_run (&probe, &(AipTransferRequest){ .method = "GET",
                                            .url = self.url,
                                            .connect_timeout = 60000,
                                            .first_byte_timeout = 100,
                                            .idle_timeout = 60000,
                                            .total_timeout = 60000 });
  check (&probe, AIP_FAULT_FIRST_BYTE_TIMEOUT, "did not answer within 100 ms");
  fixture_tear_down (&self);
}

/* A provisional answer is none yet. */
static void
test_provisional (void)
{
  Fixture self;
  Probe probe;

  fixture_set_up (&self, stall_cb, "HTTP/1.1 100 Continue\r\n\r\n");
  probe_init (&probe, &self.bench);
  probe_run (&probe, &(AipTransferRequest){ .method = "GET", .url = self.url, .first_byte_timeout = 100 });
  check (&probe, AIP_FAULT_FIRST_BYTE_TIMEOUT, "did not answer");
  fixture_tear_down (&self);
}

static void
test_idle (void)
{
  Fixture self;
  Probe probe;

  fixture_set_up (&self, stall_cb, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
  probe_init (&probe, &self.bench);
  probe_run (&probe, &(AipTransferRequest){ .method = "GET",
                                            .url = self.url,
                                            .first_byte_timeout = 60000,
                                            .idle_timeout = 100,
                                            .total_timeout = 60000 });
  g_assert_cmpstr (probe.body->str, ==, "half");
  check (&probe, AIP_FAULT_IDLE_TIMEOUT, "stopped in the middle of its answer for 100 ms");
  fixture_tear_down (&self);
}

/* While we do not take what it has sent, silence is not the upstream's fault. */
static void
test_no_idle_while_paused (void)
{
  Fixture self;
  Probe probe;

  fixture_set_up (&self, stall_cb, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
  probe_init (&probe, &self.bench);
  probe.room = 0;
  probe_run (&probe, &(AipTransferRequest){
                         .method = "GET", .url = self.url, .idle_timeout = 50, .total_timeout = 400 });
  check (&probe, AIP_FAULT_TOTAL_TIMEOUT, "within 400 ms");
  fixture_tear_down (&self);
}

static void
trickle_cb (RawPeer *peer, void *user_data)
{
  raw_peer_skip_request (peer);

  raw_peer_send (peer, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
  while (raw_peer_send (peer, "x"))
    g_usleep (10000);
}

static void
test_total (void)
{
  Fixture self;
  Probe probe;

  fixture_set_up (&self, trickle_cb, NULL);
  probe_init (&probe, &self.bench);
  probe_run (&probe, &(AipTransferRequest){
                         .method = "GET", .url = self.url, .idle_timeout = 60000, .total_timeout = 1000 });
  check (&probe, AIP_FAULT_TOTAL_TIMEOUT, "did not finish its answer within 1 s");
  fixture_tear_down (&self);
}

/* A listener whose queue is full lets nobody in and says nothing. */
static void
test_connect (void)
{
  Bench bench;
  Probe probe;
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) bound = NULL;
  g_autoptr (GSocket) listener =
      g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_autoptr (GPtrArray) guests = g_ptr_array_new_with_free_func (g_object_unref);
  g_autofree char *url = NULL;

  g_assert_true (g_socket_bind (listener, any, FALSE, NULL));
  g_assert_cmpint (listen (g_socket_get_fd (listener), 0), ==, 0);
  bound = g_socket_get_local_address (listener, NULL);
  for (int i = 0; i < 4; i++)
    {
      GSocket *guest = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);

      g_socket_set_blocking (guest, FALSE);
      g_socket_connect (guest, bound, NULL, NULL);
      g_ptr_array_add (guests, guest);
    }

  url = g_strdup_printf ("http://127.0.0.1:%u/?k=secret",
                         g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound)));
  bench_init (&bench);
  probe_init (&probe, &bench);
  probe_run (&probe, &(AipTransferRequest){
                         .method = "GET", .url = url, .connect_timeout = 150, .first_byte_timeout = 50 });
  check (&probe, AIP_FAULT_CONNECT_TIMEOUT, "could not be connected to within 150 ms");
  bench_clear (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_true (aip_upstream_global_init (NULL));
  g_test_add_func ("/upstream/timeouts/connect", test_connect);
  g_test_add_func ("/upstream/timeouts/first-byte", test_first_byte);
  g_test_add_func ("/upstream/timeouts/provisional", test_provisional);
  g_test_add_func ("/upstream/timeouts/idle", test_idle);
  g_test_add_func ("/upstream/timeouts/no-idle-while-paused", test_no_idle_while_paused);
  g_test_add_func ("/upstream/timeouts/total", test_total);
  return g_test_run ();
}
