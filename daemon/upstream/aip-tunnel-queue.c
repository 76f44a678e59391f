/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-tunnel"

#include "upstream/aip-tunnel-queue.h"

#include <string.h>

#include "base/aip-secret.h"

#define ERASE_FROM (64 * 1024)

/**
 * aip_tunnel_queue_set_secret:
 * @self: an empty queue
 * @bytes: (transfer full): what to send first; wiped once it was sent
 */
void
aip_tunnel_queue_set_secret (AipTunnelQueue *self, GString *bytes)
{
  g_return_if_fail (self->bytes == NULL);

  self->bytes = bytes;
}

/**
 * aip_tunnel_queue_add:
 * @self: a queue
 * @data: what to send
 * @length: of @data, in bytes
 */
void
aip_tunnel_queue_add (AipTunnelQueue *self, const char *data, gsize length)
{
  if (self->bytes == NULL)
    self->bytes = g_string_sized_new (length);
  g_string_append_len (self->bytes, data, length);
}

static gboolean
fill_block (AipTunnelQueue *self)
{
  if (self->block_sent < self->block_length)
    return TRUE;
  aip_secret_wipe (self->block, self->block_length);
  self->block_sent = self->block_length = 0;
  if (self->bytes == NULL)
    return FALSE;

  self->block_length = MIN (sizeof self->block, self->bytes->len - self->taken);
  memcpy (self->block, self->bytes->str + self->taken, self->block_length);
  aip_secret_wipe (self->bytes->str + self->taken, self->block_length);
  self->taken += self->block_length;
  if (self->taken == self->bytes->len)
    {
      g_string_free (g_steal_pointer (&self->bytes), TRUE);
      self->taken = 0;
    }
  else if (self->taken >= ERASE_FROM)
    {
      g_string_erase (self->bytes, 0, self->taken);
      self->taken = 0;
    }
  return self->block_length > 0;
}

/**
 * aip_tunnel_queue_flush:
 * @self: a queue
 * @handle: a connected handle of libcurl's (CURLOPT_CONNECT_ONLY)
 *
 * Sends what the connection takes now.
 *
 * Returns: FALSE when it takes nothing any more
 */
gboolean
aip_tunnel_queue_flush (AipTunnelQueue *self, CURL *handle)
{
  while (fill_block (self))
    {
      size_t n = 0;
      CURLcode code =
          curl_easy_send (handle, self->block + self->block_sent, self->block_length - self->block_sent, &n);

      if (code == CURLE_AGAIN)
        return TRUE;
      if (code != CURLE_OK)
        return FALSE;
      self->block_sent += n;
    }
  return TRUE;
}

/**
 * aip_tunnel_queue_get_length:
 * @self: a queue
 *
 * Returns: bytes that were not sent yet
 */
gsize
aip_tunnel_queue_get_length (const AipTunnelQueue *self)
{
  return self->block_length - self->block_sent + (self->bytes != NULL ? self->bytes->len - self->taken : 0);
}

/**
 * aip_tunnel_queue_clear:
 * @self: a queue
 *
 * Drops and wipes what was not sent.
 */
void
aip_tunnel_queue_clear (AipTunnelQueue *self)
{
  aip_secret_wipe (self->block, self->block_length);
  self->block_sent = self->block_length = self->taken = 0;
  if (self->bytes == NULL)
    return;
  aip_secret_wipe (self->bytes->str, self->bytes->len);
  g_string_free (g_steal_pointer (&self->bytes), TRUE);
}
