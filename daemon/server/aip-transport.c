/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-transport"

#include "server/aip-transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void tls_update (AipTransport *self);
static void wait_for_turn (AipTransport *self);

static void
ready_cb (AipWatch *watch, AipIo ready, void *user_data)
{
  AipTransport *self = user_data;

  if (self->silent && (ready & AIP_IO_IN))
    wait_for_turn (self);
  else
    self->func (self, ready, self->user_data);
}

static gboolean
tls_in_cb (GObject *stream, gpointer user_data)
{
  AipTransport *self = user_data;

  self->func (self, AIP_IO_IN, self->user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
tls_out_cb (GObject *stream, gpointer user_data)
{
  AipTransport *self = user_data;

  self->func (self, AIP_IO_OUT, self->user_data);
  return G_SOURCE_CONTINUE;
}

static void
source_set (AipTransport *self, GSource **slot, gboolean wanted, GSource *(*create) (AipTransport *self))
{
  if (wanted && *slot == NULL)
    {
      *slot = create (self);
      g_source_attach (*slot, aip_loop_get_context (self->watch.loop));
    }
  else if (!wanted && *slot != NULL)
    {
      g_source_destroy (*slot);
      g_clear_pointer (slot, g_source_unref);
    }
}

static GSource *
create_in (AipTransport *self)
{
  GInputStream *stream = g_io_stream_get_input_stream (self->tls);
  GSource *source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (stream), NULL);

  g_source_set_callback (source, G_SOURCE_FUNC (tls_in_cb), self, NULL);
  return source;
}

static GSource *
create_out (AipTransport *self)
{
  GOutputStream *stream = g_io_stream_get_output_stream (self->tls);
  GSource *source = g_pollable_output_stream_create_source (G_POLLABLE_OUTPUT_STREAM (stream), NULL);

  g_source_set_callback (source, G_SOURCE_FUNC (tls_out_cb), self, NULL);
  return source;
}

static void
tls_update (AipTransport *self)
{
  AipIo wanted = self->shaking_hands ? AIP_IO_NONE : self->wanted;

  if (self->silent)
    return;

  source_set (self, &self->tls_in, (wanted & AIP_IO_IN) != 0, create_in);
  source_set (self, &self->tls_out, (wanted & AIP_IO_OUT) != 0, create_out);
  /* The streams do not tell that a client has left while nothing is to be read. */
  aip_watch_set (&self->watch, (wanted & AIP_IO_HUP) != 0 ? AIP_IO_HUP : AIP_IO_NONE);
}

static void
handshake_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  gboolean done = g_tls_connection_handshake_finish (G_TLS_CONNECTION (object), result, &error);
  AipTransport *self = user_data;

  /* Cancelled means closed: the transport may be gone. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  self->shaking_hands = FALSE;
  g_clear_object (&self->cancellable);
  aip_handshake_turn_end (&self->turn);
  if (!done)
    {
      g_debug ("TLS handshake: %s", error->message);
      self->func (self, AIP_IO_HUP, self->user_data);
      return;
    }
  tls_update (self);
}

static GIOStream *
stream_of_fd (int fd)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, &error);

  if (socket == NULL)
    {
      g_warning ("cannot wrap a client's socket: %s", error->message);
      close (fd);
      return NULL;
    }
  g_socket_set_blocking (socket, FALSE);
  return G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
}

static void
turn_cb (AipHandshakeTurn *turn, gboolean begin, void *user_data)
{
  AipTransport *self = user_data;

  if (!begin)
    {
      self->func (self, AIP_IO_HUP, self->user_data);
      return;
    }
  aip_watch_set (&self->watch, AIP_IO_NONE);
  self->cancellable = g_cancellable_new ();
  g_tls_connection_handshake_async (G_TLS_CONNECTION (self->tls), G_PRIORITY_DEFAULT, self->cancellable,
                                    handshake_cb, self);
}

/* A handshake takes a thread, so nobody gets one for a mere connection, and not everybody at once. */
static void
wait_for_turn (AipTransport *self)
{
  self->silent = FALSE;
  aip_watch_set (&self->watch, AIP_IO_HUP);
  aip_handshake_turn_take (&self->turn, self->handshakes, turn_cb, self);
}

/* Clients show no certificate, so nothing is to be checked; g_tls_server_connection_new () would read all of
 * the system's authorities anew for each connection, which takes longer than the handshake. */
static GIOStream *
new_server_connection (GIOStream *base, GTlsCertificate *certificate, GError **error)
{
  GType type = g_tls_backend_get_server_connection_type (g_tls_backend_get_default ());

  return g_initable_new (type, NULL, error, "base-io-stream", base, "certificate", certificate, "database",
                         NULL, NULL);
}

static void
start_tls (AipTransport *self, GTlsCertificate *certificate)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GIOStream) base = stream_of_fd (dup (self->fd));

  if (base != NULL)
    self->tls = new_server_connection (base, certificate, &error);
  if (self->tls == NULL)
    {
      /* Never in clear instead: what follows reads the end. */
      g_warning ("cannot speak TLS: %s", error != NULL ? error->message : "no socket");
      shutdown (self->fd, SHUT_RDWR);
      return;
    }
  self->shaking_hands = TRUE;
  self->silent = TRUE;
  aip_watch_set (&self->watch, AIP_IO_IN);
}

/**
 * aip_transport_init:
 * @self: memory of the caller's
 * @loop: the worker's loop
 * @fd: (transfer full): a connected non-blocking socket
 * @certificate: (nullable): speak TLS with it; NULL: plain
 * @handshakes: (nullable): where to wait for a turn to shake hands, for TLS
 * @func: called when what is wanted is there, or the peer left
 * @user_data: for @func
 */
void
aip_transport_init (AipTransport *self,
                    AipLoop *loop,
                    int fd,
                    GTlsCertificate *certificate,
                    AipHandshakes *handshakes,
                    AipTransportFunc func,
                    void *user_data)
{
  g_return_if_fail (self != NULL && fd >= 0 && func != NULL);
  g_return_if_fail (certificate == NULL || handshakes != NULL);

  *self = (AipTransport){ .fd = fd, .handshakes = handshakes, .func = func, .user_data = user_data };
  aip_watch_init (&self->watch, loop, fd, ready_cb, self);
  if (certificate != NULL)
    start_tls (self, certificate);
}

static gssize
result_of_stream (gssize n, const GError *error)
{
  if (n >= 0)
    return n;
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK) ? AIP_TRANSPORT_AGAIN
                                                                     : AIP_TRANSPORT_FAILED;
}

static gssize
result_of_call (gssize n)
{
  if (n >= 0)
    return n;
  return errno == EAGAIN || errno == EINTR ? AIP_TRANSPORT_AGAIN : AIP_TRANSPORT_FAILED;
}

/**
 * aip_transport_read:
 * @self: an open transport
 * @buffer: where to
 * @size: of @buffer, in bytes
 *
 * Returns: bytes read, 0 at the end, AIP_TRANSPORT_AGAIN, or AIP_TRANSPORT_FAILED
 */
gssize
aip_transport_read (AipTransport *self, char *buffer, gsize size)
{
  g_autoptr (GError) error = NULL;
  GInputStream *stream;
  gssize n;

  if (self->tls == NULL)
    return result_of_call (recv (self->fd, buffer, size, MSG_DONTWAIT));
  if (self->shaking_hands)
    return AIP_TRANSPORT_AGAIN;
  stream = g_io_stream_get_input_stream (self->tls);
  n = g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (stream), buffer, size, NULL, &error);
  return result_of_stream (n, error);
}

/**
 * aip_transport_write:
 * @self: an open transport
 * @data: what to write
 * @length: of @data, in bytes; not 0
 *
 * Returns: bytes written, AIP_TRANSPORT_AGAIN, or AIP_TRANSPORT_FAILED
 */
gssize
aip_transport_write (AipTransport *self, const char *data, gsize length)
{
  g_autoptr (GError) error = NULL;
  GOutputStream *stream;
  gssize n;

  if (self->tls == NULL)
    return result_of_call (send (self->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL));
  if (self->shaking_hands)
    return AIP_TRANSPORT_AGAIN;
  stream = g_io_stream_get_output_stream (self->tls);
  n = g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (stream), data, length, NULL,
                                                  &error);
  return result_of_stream (n, error);
}

/**
 * aip_transport_want:
 * @self: an open transport
 * @wanted: what to be told of from now on
 */
void
aip_transport_want (AipTransport *self, AipIo wanted)
{
  if (self->wanted == wanted)
    return;
  self->wanted = wanted;
  if (self->tls != NULL)
    tls_update (self);
  else
    aip_watch_set (&self->watch, wanted);
}

/**
 * aip_transport_shutdown_write:
 * @self: an open transport
 *
 * Tells the client that nothing more comes, while what it still sends can be read.
 */
void
aip_transport_shutdown_write (AipTransport *self)
{
  shutdown (self->fd, SHUT_WR);
}

static void
clear_sources (AipTransport *self)
{
  self->silent = FALSE;
  self->wanted = AIP_IO_NONE;
  aip_handshake_turn_end (&self->turn);
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  if (self->tls != NULL)
    tls_update (self);
  aip_watch_clear (&self->watch);
}

/**
 * aip_transport_close:
 * @self: a transport, open or closed
 */
void
aip_transport_close (AipTransport *self)
{
  if (self->fd < 0)
    return;
  clear_sources (self);
  if (self->tls != NULL)
    {
      /* A clean end (close_notify) would block; shutting the socket down ends a handshake under way too. */
      shutdown (self->fd, SHUT_RDWR);
      g_clear_object (&self->tls);
    }
  close (self->fd);
  self->fd = -1;
}

/**
 * aip_transport_reset:
 * @self: an open transport
 *
 * Closes it so that the client sees a failure and not an end. What the kernel still has for it is dropped.
 */
void
aip_transport_reset (AipTransport *self)
{
  setsockopt (self->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof (struct linger));
  aip_transport_close (self);
}

/**
 * aip_transport_steal:
 * @self: an open transport
 *
 * Takes the socket away, as GIO sees it. The transport is closed then.
 *
 * Returns: (transfer full) (nullable): the stream, through TLS where the client speaks it
 */
GIOStream *
aip_transport_steal (AipTransport *self)
{
  GIOStream *stream;
  int fd = self->fd;

  g_return_val_if_fail (fd >= 0, NULL);

  clear_sources (self);
  self->fd = -1;
  if (self->tls == NULL)
    return stream_of_fd (fd);
  stream = g_steal_pointer (&self->tls);
  close (fd);
  return stream;
}
