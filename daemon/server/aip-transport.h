/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "base/aip-loop.h"
#include "server/aip-handshakes.h"

G_BEGIN_DECLS

typedef struct _AipTransport AipTransport;
typedef void (*AipTransportFunc) (AipTransport *transport, AipIo ready, void *user_data);

/**
 * AipTransport: the bytes of one client's socket, plain or through TLS, without blocking.
 * Embed it; all fields are private.
 */
struct _AipTransport
{
  int fd; /* (owned); -1: closed or stolen */
  AipWatch watch;
  AipIo wanted;
  GIOStream *tls; /* (nullable) */
  gboolean shaking_hands;
  gboolean silent;           /* TLS, and the client has not said anything */
  AipHandshakes *handshakes; /* (not owned) (nullable) */
  AipHandshakeTurn turn;
  GCancellable *cancellable; /* (nullable): of the TLS handshake */
  GSource *tls_in;           /* (nullable) */
  GSource *tls_out;          /* (nullable) */
  AipTransportFunc func;
  void *user_data;
};

/* What aip_transport_read () and aip_transport_write () return besides a number of bytes. */
enum
{
  AIP_TRANSPORT_AGAIN = -1,
  AIP_TRANSPORT_FAILED = -2,
};

void aip_transport_init (AipTransport *self,
                         AipLoop *loop,
                         int fd,
                         GTlsCertificate *certificate,
                         AipHandshakes *handshakes,
                         AipTransportFunc func,
                         void *user_data);
gssize aip_transport_read (AipTransport *self, char *buffer, gsize size);
gssize aip_transport_write (AipTransport *self, const char *data, gsize length);
void aip_transport_want (AipTransport *self, AipIo wanted);
void aip_transport_shutdown_write (AipTransport *self);
void aip_transport_close (AipTransport *self);
void aip_transport_reset (AipTransport *self);
GIOStream *aip_transport_steal (AipTransport *self);

G_END_DECLS
