/* SPDX-License-Identifier: MIT */
/* The upstream of the benchmark: answers at once, with the same bytes each time, from one thread.
 * usage: bench-upstream INTERVAL-US EVENTS; prints its port. A body with "stream":true is answered with
 * EVENTS events, INTERVAL-US apart, each with the time at which it left. */

#include "bench-message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS 20000
#define MAX_BODY 8192
#define NS_PER_S UINT64_C (1000000000)
#define STAMP_DIGITS 20
#define N_ELEMENTS(array) (sizeof (array) / sizeof (array)[0])

#define COMPLETION                                                                                           \
  "{\"id\":\"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012\",\"object\":\"chat.completion\","                       \
  "\"created\":1763683200,\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"message\":"       \
  "{\"role\":\"assistant\",\"content\":\"The outbox holds what the client has not taken yet; when it is "    \
  "full, reading from the upstream stops until half of it has gone.\",\"refusal\":null},"                    \
  "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":318,"                         \
  "\"completion_tokens\":27,\"total_tokens\":345,\"prompt_tokens_details\":{\"cached_tokens\":0,"            \
  "\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}},"          \
  "\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0123456789\"}"

#define MODELS                                                                                               \
  "{\"object\":\"list\",\"data\":[{\"id\":\"gpt-4o-mini\",\"object\":\"model\",\"created\":1721172741,"      \
  "\"owned_by\":\"system\"}]}"

#define FIELDS                                                                                               \
  "Date: Sat, 21 Nov 2026 00:00:00 GMT\r\nopenai-organization: bench\r\nopenai-processing-ms: 1\r\n"         \
  "openai-version: 2020-10-01\r\nx-ratelimit-limit-requests: 10000\r\n"                                      \
  "x-ratelimit-remaining-requests: 9999\r\nx-request-id: req_0123456789abcdef\r\n"

#define STREAM_HEAD                                                                                          \
  "HTTP/1.1 200 OK\r\n" FIELDS "Content-Type: text/event-stream; charset=utf-8\r\n"                          \
  "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"

#define CHUNK_MEMBERS                                                                                        \
  "data: {\"id\":\"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012\",\"object\":\"chat.completion.chunk\","           \
  "\"created\":1763683200,\"model\":\"gpt-4o-mini-2024-07-18\",\"system_fingerprint\":\"fp_0123456789\","

#define EVENT                                                                                                \
  CHUNK_MEMBERS "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" at 00000000000000000000\"},"            \
                "\"logprobs\":null,\"finish_reason\":null}]}\n\n"

#define LAST_EVENTS                                                                                          \
  CHUNK_MEMBERS "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}"     \
                "\n\n" CHUNK_MEMBERS                                                                         \
                "\"choices\":[],\"usage\":{\"prompt_tokens\":318,\"completion_tokens\":27,"                  \
                "\"total_tokens\":345}}\n\ndata: [DONE]\n\n"

typedef struct Peer Peer;

struct Peer
{
  int fd;
  BenchMessage message;
  char body[MAX_BODY];
  size_t body_len;
  uint64_t due;
  uint64_t left;
  Peer *before;
  Peer *after;
};

typedef struct
{
  int epoll_fd;
  int listen_fd;
  int timer_fd;
  uint64_t interval;
  uint64_t n_events;
  uint64_t n_streams;
  Peer streams; /* the ring of running streams, by time of their next event */
  Peer *peers[MAX_FDS];
  char plain[2048];
  size_t plain_len;
  char models[1024];
  size_t models_len;
  char event[1024];
  size_t event_len;
  size_t stamp_at;
  char last[2048];
  size_t last_len;
} Upstream;

static uint64_t
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (uint64_t) now.tv_sec * NS_PER_S + (uint64_t) now.tv_nsec;
}

static void
fail (const char *what)
{
  perror (what);
  exit (1);
}

static void
unlink_stream (Peer *peer)
{
  if (peer->before == NULL)
    return;

  peer->before->after = peer->after;
  peer->after->before = peer->before;
  peer->before = peer->after = NULL;
}

/* Behind all streams that are due earlier. A running stream comes last but for rounding, so this is short. */
static void
link_stream (Upstream *self, Peer *peer)
{
  Peer *place = self->streams.before;

  while (place != &self->streams && place->due > peer->due)
    place = place->before;

  peer->before = place;
  peer->after = place->after;
  place->after->before = peer;
  place->after = peer;
}

static void
set_timer (Upstream *self)
{
  struct itimerspec when = { 0 };

  if (self->streams.after != &self->streams)
    {
      when.it_value.tv_sec = (time_t) (self->streams.after->due / NS_PER_S);
      when.it_value.tv_nsec = (long) (self->streams.after->due % NS_PER_S);
    }
  timerfd_settime (self->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
drop (Upstream *self, Peer *peer)
{
  unlink_stream (peer);
  self->peers[peer->fd] = NULL;
  close (peer->fd);
  free (peer);
}

/* A peer that does not read is a fault of the measurement: its figures would mean nothing. */
static void
send_all (Peer *peer, const char *data, size_t len)
{
  ssize_t n = send (peer->fd, data, len, MSG_NOSIGNAL);

  if (n >= 0 && (size_t) n != len)
    {
      fprintf (stderr, "bench-upstream: a peer does not read\n");
      exit (1);
    }
}

static void
send_event (Upstream *self, Peer *peer)
{
  uint64_t stamp = now_ns ();

  for (size_t i = STAMP_DIGITS; i > 0; i--, stamp /= 10)
    self->event[self->stamp_at + i - 1] = (char) ('0' + stamp % 10);

  send_all (peer, self->event, self->event_len);
}

/* Streams start at phases spread over the interval by the golden ratio: even, and the same in each run. */
static void
start_stream (Upstream *self, Peer *peer)
{
  uint64_t phase = (self->n_streams++ * UINT64_C (11400714819323198485)) >> 32;

  send_all (peer, STREAM_HEAD, strlen (STREAM_HEAD));
  peer->left = self->n_events;
  peer->due = now_ns () + ((phase * self->interval) >> 32);
  link_stream (self, peer);
  if (self->streams.after == peer)
    set_timer (self);
}

static void
run_streams (Upstream *self)
{
  uint64_t count;
  Peer *peer;

  if (read (self->timer_fd, &count, sizeof count) < 0)
    return;

  while ((peer = self->streams.after) != &self->streams && peer->due <= now_ns ())
    {
      unlink_stream (peer);
      if (peer->left-- == 0)
        {
          send_all (peer, self->last, self->last_len);
          continue;
        }

      send_event (self, peer);
      peer->due += self->interval;
      link_stream (self, peer);
    }

  set_timer (self);
}

static void
take_body (const char *data, size_t len, void *user_data)
{
  Peer *peer = user_data;

  if (len > MAX_BODY - peer->body_len)
    len = MAX_BODY - peer->body_len;

  memcpy (peer->body + peer->body_len, data, len);
  peer->body_len += len;
}

static bool
asks_for_stream (const Peer *peer)
{
  return memmem (peer->body, peer->body_len, "\"stream\":true", 13) != NULL ||
         memmem (peer->body, peer->body_len, "\"stream\": true", 14) != NULL;
}

static void
answer (Upstream *self, Peer *peer)
{
  if (strncmp (peer->message.head, "GET ", 4) == 0)
    send_all (peer, self->models, self->models_len);
  else if (asks_for_stream (peer))
    start_stream (self, peer);
  else
    send_all (peer, self->plain, self->plain_len);

  bench_message_reset (&peer->message);
  peer->body_len = 0;
}

static void
read_peer (Upstream *self, Peer *peer)
{
  char buffer[16384];
  ssize_t n = recv (peer->fd, buffer, sizeof buffer, 0);
  size_t used = 0;

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;

  if (n <= 0)
    {
      drop (self, peer);
      return;
    }

  while (used < (size_t) n)
    {
      used += bench_message_feed (&peer->message, buffer + used, (size_t) n - used, take_body, peer);
      if (peer->message.state == BENCH_MESSAGE_BROKEN)
        {
          drop (self, peer);
          return;
        }
      if (peer->message.state == BENCH_MESSAGE_DONE)
        answer (self, peer);
    }
}

static void
watch (Upstream *self, int fd)
{
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
    fail ("epoll_ctl");
}

static void
accept_peers (Upstream *self)
{
  int fd;

  while ((fd = accept4 (self->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
    {
      if (fd >= MAX_FDS)
        {
          close (fd);
          continue;
        }

      setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof (int));
      self->peers[fd] = calloc (1, sizeof (Peer));
      if (self->peers[fd] == NULL)
        fail ("calloc");
      self->peers[fd]->fd = fd;
      watch (self, fd);
    }
}

static void
listen_on_loopback (Upstream *self)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof address;

  self->listen_fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (bind (self->listen_fd, (struct sockaddr *) &address, len) != 0 || listen (self->listen_fd, 4096) != 0)
    fail ("listen");

  getsockname (self->listen_fd, (struct sockaddr *) &address, &len);
  printf ("%d\n", ntohs (address.sin_port));
  fflush (stdout);
}

static size_t
format_answer (char *buffer, size_t size, const char *body)
{
  return (size_t) snprintf (buffer, size,
                            "HTTP/1.1 200 OK\r\n" FIELDS
                            "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                            strlen (body), body);
}

static void
prepare (Upstream *self)
{
  self->plain_len = format_answer (self->plain, sizeof self->plain, COMPLETION);
  self->models_len = format_answer (self->models, sizeof self->models, MODELS);
  self->event_len =
      (size_t) snprintf (self->event, sizeof self->event, "%zx\r\n%s\r\n", strlen (EVENT), EVENT);
  self->stamp_at = (size_t) (strstr (self->event, " at 0") + 4 - self->event);
  self->last_len = (size_t) snprintf (self->last, sizeof self->last, "%zx\r\n%s\r\n0\r\n\r\n",
                                      strlen (LAST_EVENTS), LAST_EVENTS);
  self->streams.before = self->streams.after = &self->streams;
}

static void
serve (Upstream *self)
{
  struct epoll_event events[256];

  for (;;)
    {
      int n = epoll_wait (self->epoll_fd, events, N_ELEMENTS (events), -1);

      for (int i = 0; i < n; i++)
        {
          int fd = events[i].data.fd;

          if (fd == self->listen_fd)
            accept_peers (self);
          else if (fd == self->timer_fd)
            run_streams (self);
          else if (self->peers[fd] != NULL)
            read_peer (self, self->peers[fd]);
        }
    }
}

int
main (int argc, char **argv)
{
  static Upstream self;

  if (argc != 3)
    {
      fprintf (stderr, "usage: bench-upstream INTERVAL-US EVENTS\n");
      return 64;
    }

  self.interval = strtoull (argv[1], NULL, 10) * 1000;
  self.n_events = strtoull (argv[2], NULL, 10);
  prepare (&self);
  self.epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  self.timer_fd = timerfd_create (CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  listen_on_loopback (&self);
  watch (&self, self.listen_fd);
  watch (&self, self.timer_fd);
  serve (&self);
  return 0;
}
