/* SPDX-License-Identifier: MIT */
#include "raw-server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct _RawServer
{
  GSocket *socket;
  GThread *thread;
  GPtrArray *peers; /* of RawPeer; only the accepting thread appends */
  RawServerFunc func;
  void *user_data;
  guint16 port;
  gint connections;
  gint requests;
};

struct _RawPeer
{
  RawServer *server;
  GSocket *socket;
  GThread *thread;
  GString *unread;
};

static void *
peer_thread (void *data)
{
  RawPeer *self = data;

  self->server->func (self, self->server->user_data);
  g_socket_close (self->socket, NULL);
  return NULL;
}

static void
peer_free (RawPeer *self)
{
  g_thread_join (self->thread);
  g_object_unref (self->socket);
  g_string_free (self->unread, TRUE);
  g_free (self);
}

static void *
accept_thread (void *data)
{
  RawServer *self = data;

  for (;;)
    {
      GSocket *socket = g_socket_accept (self->socket, NULL, NULL);
      RawPeer *peer;

      if (socket == NULL)
        return NULL;
      g_atomic_int_inc (&self->connections);
      g_socket_set_option (socket, 6 /* IPPROTO_TCP */, 1 /* TCP_NODELAY */, 1, NULL);
      peer = g_new0 (RawPeer, 1);
      peer->server = self;
      peer->socket = socket;
      peer->unread = g_string_new (NULL);
      g_ptr_array_add (self->peers, peer);
      peer->thread = g_thread_new ("peer", peer_thread, peer);
    }
}

/* An upstream on a free port of the loopback interface. */
RawServer *
raw_server_new (RawServerFunc func, void *user_data)
{
  RawServer *self = g_new0 (RawServer, 1);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) bound = NULL;

  self->func = func;
  self->user_data = user_data;
  self->peers = g_ptr_array_new_with_free_func ((GDestroyNotify) peer_free);
  self->socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_assert_true (g_socket_bind (self->socket, any, TRUE, NULL));
  g_socket_set_listen_backlog (self->socket, 128);
  g_assert_true (g_socket_listen (self->socket, NULL));
  bound = g_socket_get_local_address (self->socket, NULL);
  self->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
  self->thread = g_thread_new ("accept", accept_thread, self);
  return self;
}

/* Stops listening and waits for all connections' functions: whoever connected must have closed. */
void
raw_server_free (RawServer *self)
{
  shutdown (g_socket_get_fd (self->socket), SHUT_RDWR);
  g_thread_join (self->thread);
  g_ptr_array_unref (self->peers);
  g_object_unref (self->socket);
  g_free (self);
}

char *
raw_server_dup_url (RawServer *self, const char *path)
{
  return g_strdup_printf ("http://127.0.0.1:%u%s", self->port, path);
}

int
raw_server_get_connections (RawServer *self)
{
  return g_atomic_int_get (&self->connections);
}

int
raw_server_get_requests (RawServer *self)
{
  return g_atomic_int_get (&self->requests);
}

/* At most @size bytes; 0: the other side has closed. */
gsize
raw_peer_read_some (RawPeer *self, char *buffer, gsize size)
{
  gssize n;

  if (self->unread->len > 0)
    {
      n = MIN (size, self->unread->len);
      memcpy (buffer, self->unread->str, n);
      g_string_erase (self->unread, 0, n);
      return n;
    }
  n = g_socket_receive (self->socket, buffer, size, NULL, NULL);
  return MAX (n, 0);
}

static gboolean
read_more (RawPeer *self)
{
  char buffer[16384];
  gssize n = g_socket_receive (self->socket, buffer, sizeof buffer, NULL, NULL);

  if (n <= 0)
    return FALSE;
  g_string_append_len (self->unread, buffer, n);
  return TRUE;
}

/* The next request's head with its empty line, or NULL when the other side has closed. */
char *
raw_peer_read_head (RawPeer *self)
{
  const char *end;
  char *head;

  while ((end = strstr (self->unread->str, "\r\n\r\n")) == NULL)
    if (!read_more (self))
      return NULL;
  head = g_strndup (self->unread->str, end + 4 - self->unread->str);
  g_string_erase (self->unread, 0, strlen (head));
  g_atomic_int_inc (&self->server->requests);
  return head;
}

/* The next request, head and body as they came, or NULL when the other side has closed. */
char *
raw_peer_read_request (RawPeer *self)
{
  g_autofree char *head = raw_peer_read_head (self);
  g_autofree char *body = NULL;
  const char *length_header;
  gsize length = 0;

  if (head == NULL)
    return NULL;
  length_header = strstr (head, "Content-Length: ");
  if (length_header != NULL)
    length = strtoul (length_header + 16, NULL, 10);
  if (strstr (head, "Transfer-Encoding: chunked") != NULL)
    {
      const char *end;

      while ((end = strstr (self->unread->str, "0\r\n\r\n")) == NULL)
        if (!read_more (self))
          return NULL;
      length = end + 5 - self->unread->str;
    }
  while (self->unread->len < length)
    if (!read_more (self))
      return NULL;
  body = g_strndup (self->unread->str, length);
  g_string_erase (self->unread, 0, length);
  return g_strconcat (head, body, NULL);
}

void
raw_peer_skip_request (RawPeer *self)
{
  g_free (raw_peer_read_request (self));
}

void
raw_peer_skip_head (RawPeer *self)
{
  g_free (raw_peer_read_head (self));
}

gboolean
raw_peer_send_bytes (RawPeer *self, const char *data, gsize length)
{
  for (gsize sent = 0; sent < length;)
    {
      gssize n = g_socket_send (self->socket, data + sent, length - sent, NULL, NULL);

      if (n < 0)
        return FALSE;
      sent += n;
    }
  return TRUE;
}

gboolean
raw_peer_send (RawPeer *self, const char *text)
{
  return raw_peer_send_bytes (self, text, strlen (text));
}

/* One segment per byte. */
void
raw_peer_send_each_byte (RawPeer *self, const char *text)
{
  for (; *text != '\0'; text++)
    {
      raw_peer_send_bytes (self, text, 1);
      g_usleep (200);
    }
}

/* Closes with a reset instead of an end. */
void
raw_peer_reset (RawPeer *self)
{
  struct linger linger = { .l_onoff = 1, .l_linger = 0 };

  setsockopt (g_socket_get_fd (self->socket), SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  g_socket_close (self->socket, NULL);
}

/* Says nothing more until the other side has closed. */
void
raw_peer_wait_closed (RawPeer *self)
{
  char buffer[16384];

  while (g_socket_receive (self->socket, buffer, sizeof buffer, NULL, NULL) > 0)
    ;
}
