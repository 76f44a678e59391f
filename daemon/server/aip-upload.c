/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-upload"

#include "server/aip-upload.h"

#include <string.h>

#define ROOM (256 * 1024)

/* Of a body that is no longer, what was taken is kept, so that it can be sent to another one. */
#define MAX_KEPT (1024 * 1024)

static gsize
get_waiting (const AipUpload *self)
{
  return self->queue != NULL ? self->queue->len - self->taken : 0;
}

/* A queue that never runs empty must not keep what was taken. */
static void
drop_taken (AipUpload *self, gsize least)
{
  if (self->taken < least)
    return;
  self->dropped = TRUE;
  g_byte_array_remove_range (self->queue, 0, (guint) self->taken);
  self->taken = 0;
}

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
  if (self->dropped || self->queue->len + length > MAX_KEPT)
    drop_taken (self, self->dropped ? ROOM / 2 : 1);
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
  gsize n = MIN (size, get_waiting (self));

  if (n == 0)
    return self->ended ? 0 : -1;
  memcpy (buffer, self->queue->data + self->taken, n);
  self->taken += n;
  if (self->dropped && get_waiting (self) == 0)
    drop_taken (self, 1);
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
  return get_waiting (self) < ROOM;
}

/**
 * aip_upload_can_rewind:
 * @self: an upload
 *
 * Returns: whether all that was pushed so far is still there
 */
gboolean
aip_upload_can_rewind (const AipUpload *self)
{
  return !self->dropped;
}

/**
 * aip_upload_is_whole:
 * @self: an upload
 *
 * Returns: whether all of the body is there, and can be sent again
 */
gboolean
aip_upload_is_whole (const AipUpload *self)
{
  return self->ended && !self->dropped;
}

/**
 * aip_upload_rewind:
 * @self: an upload that can be rewound
 *
 * Begins anew: what was taken comes again.
 */
void
aip_upload_rewind (AipUpload *self)
{
  g_return_if_fail (!self->dropped);

  self->taken = 0;
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
