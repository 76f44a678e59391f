/* SPDX-License-Identifier: MIT */
#include "bench-client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bench-samples.h"

#define STALL_MS 30000
#define MAX_EVENTS 256

typedef struct
{
  BenchClient *client;
  BenchConnection *connection;
} Place;

static int
connect_to (int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_port = htons ((uint16_t) port),
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
    bench_fail (strerror (errno));

  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof (int));
  return fd;
}

static void
take_body (const char *data, size_t len, void *user_data)
{
  Place *place = user_data;

  if (bench_message_status (&place->connection->message) != 200)
    {
      fprintf (stderr, "bench-load: %.*s%.*s\n", (int) place->connection->message.head_len,
               place->connection->message.head, (int) len, data);
      exit (1);
    }

  if (place->client->on_body != NULL)
    place->client->on_body (place->client, place->connection, data, len);
}

static void
receive (BenchClient *self, BenchConnection *connection)
{
  static char buffer[65536];
  Place place = { self, connection };
  BenchMessage *message = &connection->message;
  ssize_t n = recv (connection->fd, buffer, sizeof buffer, MSG_DONTWAIT);
  size_t used;

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;

  if (n <= 0)
    bench_fail ("the server closed a connection");

  used = bench_message_feed (message, buffer, (size_t) n, take_body, &place);
  if (message->state == BENCH_MESSAGE_BROKEN || used < (size_t) n)
    bench_fail ("an answer is not framed as it should be");

  if (message->state == BENCH_MESSAGE_DONE)
    self->on_answer (self, connection);
}

/**
 * bench_fail:
 * @what: what is wrong
 *
 * Gives up: figures of a run with faults would mean nothing.
 */
void
bench_fail (const char *what)
{
  fprintf (stderr, "bench-load: %s\n", what);
  exit (1);
}

/**
 * bench_client_connect:
 * @self: a client with its port
 * @n: how many connections
 *
 * Returns: @n connections to the loopback, kept until the process ends
 */
BenchConnection *
bench_client_connect (BenchClient *self, size_t n)
{
  BenchConnection *connections = calloc (n, sizeof connections[0]);

  if (connections == NULL)
    bench_fail ("out of memory");

  for (size_t i = 0; i < n; i++)
    {
      struct epoll_event event = { .events = EPOLLIN, .data.ptr = &connections[i] };

      connections[i].fd = connect_to (self->port);
      if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, connections[i].fd, &event) != 0)
        bench_fail ("epoll_ctl failed");
    }

  return connections;
}

/**
 * bench_client_send:
 * @self: a client
 * @connection: one that is idle
 *
 * Sends the request.
 */
void
bench_client_send (BenchClient *self, BenchConnection *connection)
{
  bench_message_reset (&connection->message);
  connection->started = bench_now ();
  if (send (connection->fd, self->request, self->request_len, MSG_NOSIGNAL) != (ssize_t) self->request_len)
    bench_fail ("a request could not be sent whole");
}

/**
 * bench_client_wait:
 * @self: a client
 *
 * Waits for bytes and takes all that are there.
 */
void
bench_client_wait (BenchClient *self)
{
  struct epoll_event events[MAX_EVENTS];
  int n = epoll_wait (self->epoll_fd, events, MAX_EVENTS, STALL_MS);

  if (n == 0)
    bench_fail ("no answer for 30 s");

  for (int i = 0; i < n; i++)
    receive (self, events[i].data.ptr);
}
