/* SPDX-License-Identifier: MIT */
#pragma once

#include <curl/curl.h>
#include <glib.h>

G_BEGIN_DECLS

/**
 * AipTunnelQueue: bytes on their way into a connection of libcurl's. What is sent is taken from a block
 * that does not move, since TLS wants what it could not send offered again at the same place.
 * Embed it, zeroed; all fields are private.
 */
typedef struct
{
  GString *bytes; /* (nullable) */
  gsize taken;    /* of bytes, into the block */
  char block[16 * 1024];
  gsize block_length;
  gsize block_sent;
} AipTunnelQueue;

void aip_tunnel_queue_set_secret (AipTunnelQueue *self, GString *bytes);
void aip_tunnel_queue_add (AipTunnelQueue *self, const char *data, gsize length);
gboolean aip_tunnel_queue_flush (AipTunnelQueue *self, CURL *handle);
gsize aip_tunnel_queue_get_length (const AipTunnelQueue *self);
void aip_tunnel_queue_clear (AipTunnelQueue *self);

G_END_DECLS
