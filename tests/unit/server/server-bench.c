/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server-bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/aip-config-loader.h"
#include "upstream/aip-upstream.h"

/* A test that hangs has failed. With a time limit, whoever stops this process and lets it go on interrupts
 * what waits. */
#define PATIENCE_S 30

static int
make_socket (void)
{
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct timeval patience = { PATIENCE_S, 0 };

  g_assert_cmpint (fd, >=, 0);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return fd;
}

/* Bound to a free port, which nobody else is given while it is open. */
static int
bind_socket (guint *port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  socklen_t length = sizeof address;
  int fd = make_socket ();

  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &address, &length), ==, 0);
  *port = ntohs (address.sin_port);
  return fd;
}

static AipConfig *
make_config (guint upstream_port, guint closed_port)
{
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  g_autofree char *text =
      g_strdup_printf ("[server]\nlisten=127.0.0.1:0\nworkers=2\nrequire-token=false\n"
                       "allowed-origins=https://app.example\n"
                       "[retry]\nenabled=true\nretry-on=connect\n"
                       "[provider up]\ndialect=openai\nbase-url=http://127.0.0.1:%u/v1\nmodels=m;later\n"
                       "[key up-key]\nprovider=up\nsecret=env:UP\npriority=1\n"
                       "[provider ant]\ndialect=anthropic\nbase-url=http://127.0.0.1:%u\nmodels=c\n"
                       "[key ant-key]\nprovider=ant\nsecret=env:ANT\n"
                       "[provider down]\ndialect=openai\nbase-url=http://127.0.0.1:%u/v1\nmodels=later\n"
                       "[key down-key]\nprovider=down\nsecret=env:DOWN\n"
                       "[provider demo]\ndialect=builtin\n"
                       "[mapping alias]\ntarget=m\n",
                       upstream_port, upstream_port, closed_port);
  AipConfig *config = aip_config_parse (text, strlen (text), "test.conf", problems);

  for (guint i = 0; i < problems->len; i++)
    {
      g_autofree char *problem = aip_config_problem_to_string (g_ptr_array_index (problems, i));

      g_test_message ("%s", problem);
    }
  g_assert_nonnull (config);
  return config;
}

static AipSnapshot *
make_snapshot (guint upstream_port, guint closed_port)
{
  g_autoptr (AipConfig) config = make_config (upstream_port, closed_port);
  g_autoptr (AipConcurrency) concurrency = aip_concurrency_new ();
  g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
  g_autoptr (AipClients) clients = aip_clients_new (config, concurrency, ledger, NULL);
  g_autoptr (AipSecret) secret = aip_secret_new ("sk-upstream", -1);
  g_autofree AipKeySecret *secrets = g_new0 (AipKeySecret, config->keys->len);
  g_autoptr (AipRouter) router = NULL;

  aip_clients_add_token (clients, "tester", TOKEN);
  for (guint i = 0; i < config->keys->len; i++)
    secrets[i].secret = secret;
  router = aip_router_new (config, secrets, NULL, NULL, NULL);
  return aip_snapshot_new (config, clients, router, ledger, TRUE);
}

static void
models_wanted_cb (void *user_data)
{
}

void
server_bench_init (ServerBench *self)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) endpoints = NULL;
  guint closed_port;
  int closed = bind_socket (&closed_port);

  *self = (ServerBench){ .activity = aip_activity_new (1000), .records = aip_records_new (100, 1000000) };
  aip_upstream_global_init (&error);
  g_assert_no_error (error);
  self->upstream = bind_socket (&self->upstream_port);
  g_assert_cmpint (listen (self->upstream, 16), ==, 0);
  self->snapshot = make_snapshot (self->upstream_port, closed_port);
  self->server = aip_server_new (self->snapshot, self->activity, self->records, models_wanted_cb, NULL);
  g_assert_true (aip_server_listen (self->server, self->snapshot->config, &error));
  g_assert_no_error (error);
  endpoints = aip_server_get_endpoints (self->server);
  self->port = (guint16) atoi (strrchr (endpoints[0], ':') + 1);
  close (closed);
}

void
server_bench_free_server (ServerBench *self)
{
  g_clear_pointer (&self->server, aip_server_free);
}

void
server_bench_clear (ServerBench *self)
{
  server_bench_free_server (self);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  close (self->upstream);
  aip_activity_free (self->activity);
  aip_records_free (self->records);
  aip_snapshot_unref (self->snapshot);
}

static Peer *
peer_new (int fd)
{
  Peer *self = g_new0 (Peer, 1);

  self->fd = fd;
  self->got = g_string_new (NULL);
  return self;
}

Peer *
server_bench_connect (ServerBench *self)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_port = htons (self->port),
                                 .sin_addr = { htonl (INADDR_LOOPBACK) } };
  int fd = make_socket ();

  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return peer_new (fd);
}

/* Waits for the server to ask the upstream; the request's head is heard then. */
Peer *
server_bench_accept (ServerBench *self)
{
  struct timeval patience = { PATIENCE_S, 0 };
  int fd = TEMP_FAILURE_RETRY (accept4 (self->upstream, NULL, NULL, SOCK_CLOEXEC));
  Peer *peer;

  g_assert_cmpint (fd, >=, 0);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  peer = peer_new (fd);
  peer_hear (peer, "\r\n\r\n");
  return peer;
}

guint64
server_bench_count (ServerBench *self, AipCounter counter)
{
  AipCountersSnapshot counters;

  aip_server_read_counters (self->server, &counters);
  return counters.counters[counter];
}

void
server_bench_wait_until_idle (ServerBench *self)
{
  AipCountersSnapshot counters;

  do
    {
      g_main_context_iteration (NULL, FALSE);
      g_thread_yield ();
      aip_server_read_counters (self->server, &counters);
    }
  while (counters.gauges[AIP_GAUGE_ACTIVE_REQUESTS] > 0);
}

/* --- what is said --- */

void
peer_say (Peer *self, const char *text)
{
  gsize length = strlen (text);

  g_assert_cmpint (TEMP_FAILURE_RETRY (send (self->fd, text, length, MSG_NOSIGNAL)), ==, (gssize) length);
}

void
peer_post (Peer *self, const char *path, const char *headers, const char *body)
{
  g_autofree char *text =
      g_strdup_printf ("POST %s HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
                       path, strlen (body), headers, body);

  peer_say (self, text);
}

void
peer_get (Peer *self, const char *path, const char *headers)
{
  g_autofree char *text = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, headers);

  peer_say (self, text);
}

/* --- what is heard --- */

/* FALSE: the other side has ended it. */
static gboolean
hear_some (Peer *self)
{
  char buffer[4096];
  gssize n = TEMP_FAILURE_RETRY (recv (self->fd, buffer, sizeof buffer, 0));

  if (n < 0)
    g_assert_cmpint (errno, ==, ECONNRESET);
  if (n <= 0)
    return FALSE;
  g_string_append_len (self->got, buffer, n);
  return TRUE;
}

/* Up to @text and what came with it; the next one hears what comes later. */
void
peer_hear (Peer *self, const char *text)
{
  while (g_strstr_len (self->got->str, (gssize) self->got->len, text) == NULL)
    if (!hear_some (self))
      {
        g_test_message ("heard: %s", self->got->str);
        g_error ("the connection has ended before: %s", text);
      }
}

/* A whole answer that has Content-Length. */
void
peer_hear_answer (Peer *self, const char *status, const char *text)
{
  const char *body;
  const char *length;
  gsize end;

  peer_hear (self, "\r\n\r\n");
  g_assert_true (g_str_has_prefix (self->got->str, "HTTP/1.1 "));
  g_assert_cmpint (strncmp (self->got->str + 9, status, 3), ==, 0);
  length = strstr (self->got->str, "Content-Length: ");
  g_assert_nonnull (length);
  body = strstr (self->got->str, "\r\n\r\n") + 4;
  end = (gsize) (body - self->got->str) + (gsize) g_ascii_strtoull (length + 16, NULL, 10);
  while (self->got->len < end)
    g_assert_true (hear_some (self));
  if (strstr (self->got->str, text) == NULL)
    g_error ("%s is not in the answer: %s", text, self->got->str);
  g_string_erase (self->got, 0, (gssize) end);
}

void
peer_hear_end (Peer *self)
{
  while (hear_some (self))
    ;
}

void
peer_close (Peer *self)
{
  close (self->fd);
  g_string_free (self->got, TRUE);
  g_free (self);
}
