/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-listener"

#include "server/aip-listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 64
#define WARNING_INTERVAL (10 * G_TIME_SPAN_SECOND)
#define REST (100 * G_TIME_SPAN_MILLISECOND)

struct _AipListener
{
  int fd;      /* (owned) */
  int reserve; /* (owned): given up to answer one client when descriptors run out; -1: given up */
  AipWatch watch;
  AipTimer rest;
  gint64 next_warning; /* monotonic µs */
  AipListenerAdmit admit;
  AipListenerName name;
  AipListenerFunc accepted;
  void *listener_data;
  void *user_data;
};

/* It speaks in the shape of the OpenAI API, since nothing was read that would tell of another. */
#define BUSY_BODY                                                                                            \
  "{\"error\":{\"message\":\"Too many connections: try again, or raise `max-connections` in [server], or "   \
  "LimitNOFILE\","                                                                                           \
  "\"type\":\"server_error\",\"param\":null,\"code\":null}}\n"

#define BUSY                                                                                                 \
  "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 159\r\n"            \
  "Retry-After: 1\r\nX-Request-Id: %s\r\nConnection: close\r\n\r\n" BUSY_BODY

G_STATIC_ASSERT (sizeof BUSY_BODY - 1 == 159);

static void
turn_away (AipListener *self, int fd)
{
  g_autofree char *id = self->name (self->user_data);
  g_autofree char *busy = g_strdup_printf (BUSY, id);
  char unread[4096];

  send (fd, busy, strlen (busy), MSG_DONTWAIT | MSG_NOSIGNAL);
  shutdown (fd, SHUT_WR);
  /* Bytes left unread would make close () reset the connection and take the answer with it. */
  recv (fd, unread, sizeof unread, MSG_DONTWAIT);
  close (fd);
}

static void
open_reserve (AipListener *self)
{
  if (self->reserve < 0)
    self->reserve = open ("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
turn_away_with_reserve (AipListener *self)
{
  int fd;

  if (self->reserve >= 0)
    close (self->reserve);
  self->reserve = -1;
  fd = accept4 (self->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0)
    turn_away (self, fd);
  open_reserve (self);
}

static void
take (AipListener *self, int fd)
{
  int on = 1;

  if (!self->admit (self->user_data))
    {
      turn_away (self, fd);
      return;
    }
  /* Not a TCP socket: there is nothing to set, and that is fine. */
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  self->accepted (fd, self->listener_data, self->user_data);
}

static void
warn (AipListener *self, int reason)
{
  gint64 now = g_get_monotonic_time ();

  if (now < self->next_warning)
    return;
  self->next_warning = now + WARNING_INTERVAL;
  g_warning ("cannot accept a connection: %s", g_strerror (reason));
}

static void
watch_cb (AipWatch *watch, AipIo ready, void *user_data)
{
  AipListener *self = user_data;

  for (int i = 0; i < ACCEPTS_PER_TURN; i++)
    {
      int fd = accept4 (self->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
      int reason = errno;

      if (fd >= 0)
        {
          take (self, fd);
          continue;
        }
      if (reason == EAGAIN)
        return;
      if (reason == EINTR || reason == ECONNABORTED)
        continue;
      warn (self, reason);
      if (reason == EMFILE || reason == ENFILE)
        turn_away_with_reserve (self);
      aip_watch_set (&self->watch, AIP_IO_NONE);
      aip_timer_arm (&self->rest, REST);
      return;
    }
}

static void
rest_cb (AipTimer *timer, void *user_data)
{
  AipListener *self = user_data;

  open_reserve (self);
  aip_watch_set (&self->watch, AIP_IO_IN);
}

/**
 * aip_listener_new:
 * @loop: the worker's loop
 * @fd: (transfer full): a listening socket
 * @admit: whether there is room for one more connection
 * @name: what the answer to those for whom there is none is known by
 * @accepted: called with each accepted socket
 * @listener_data: for @accepted
 * @user_data: for all three
 *
 * Returns: (transfer full): a listener
 */
AipListener *
aip_listener_new (AipLoop *loop,
                  int fd,
                  AipListenerAdmit admit,
                  AipListenerName name,
                  AipListenerFunc accepted,
                  void *listener_data,
                  void *user_data)
{
  AipListener *self = g_new0 (AipListener, 1);

  self->fd = fd;
  self->reserve = -1;
  self->admit = admit;
  self->name = name;
  self->accepted = accepted;
  self->listener_data = listener_data;
  self->user_data = user_data;
  open_reserve (self);
  aip_watch_init (&self->watch, loop, fd, watch_cb, self);
  aip_timer_init (&self->rest, loop, rest_cb, self);
  aip_watch_set (&self->watch, AIP_IO_IN);
  return self;
}

/**
 * aip_listener_free:
 * @self: (transfer full): a listener; its socket is closed
 */
void
aip_listener_free (AipListener *self)
{
  aip_watch_clear (&self->watch);
  aip_timer_disarm (&self->rest);
  close (self->fd);
  if (self->reserve >= 0)
    close (self->reserve);
  g_free (self);
}
