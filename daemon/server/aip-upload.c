/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-upload"

#include "server/aip-upload.h"

#include <string.h>

#define ROOM (256 * 1024)

/**
 * aip_upload_push:
 * @self: an upload
 * @data: a piece from the client
 * @length: of @data, in bytes
 *
 * Returns: whether there is room for more; if not, the client has to wait
 */
gboolean
aip_upload_push (AipUpload *self, const char *data, gsize length)
{
  if (self->queue == NULL)
    self->queue = g_byte_array_new ();
  /* A queue that never runs empty must not keep what was taken. */
  if (self->taken >= ROOM / 2)
    {
      g_byte_array_remove_range (self->queue, 0, (guint) self->taken);
      self->taken = 0;
    }
  g_byte_array_append (self->queue, (const guint8 *) data, length);
  return aip_upload_has_room (self);
}

/**
 * aip_upload_pull:
 * @self: an upload
 * @buffer: where to
 * @size: of @buffer, in bytes
 *
 * Returns: bytes taken out, 0 at the end of the body, -1 when there is nothing yet
 */
gssize
aip_upload_pull (AipUpload *self, char *buffer, gsize size)
{
  gsize n = self->queue != NULL ? MIN (size, self->queue->len - self->taken) : 0;

  if (n == 0)
    return self->ended ? 0 : -1;
  memcpy (buffer, self->queue->data + self->taken, n);
  self->taken += n;
  if (self->taken == self->queue->len)
    {
      g_byte_array_set_size (self->queue, 0);
      self->taken = 0;
    }
  return n;
}

/**
 * aip_upload_end:
 * @self: an upload all of which was pushed
 */
void
aip_upload_end (AipUpload *self)
{
  self->ended = TRUE;
}

/**
 * aip_upload_has_room:
 * @self: an upload
 *
 * Returns: whether the client may send more
 */
gboolean
aip_upload_has_room (const AipUpload *self)
{
  return self->queue == NULL || self->queue->len - self->taken < ROOM;
}

/**
 * aip_upload_clear:
 * @self: an upload
 */
void
aip_upload_clear (AipUpload *self)
{
  g_clear_pointer (&self->queue, g_byte_array_unref);
}
