/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-websocket"

#include "server/aip-websocket-frames.h"

#include <string.h>

#define MASKED 0x80
#define LENGTH 0x7f
#define LENGTH_16 126
#define LENGTH_64 127
#define CLOSE 0x88 /* FIN, opcode 8 */
#define MAX_REASON (AIP_WEBSOCKET_MAX_CLOSE - 4)

/* RFC 6455, 5.2 */
static guint
header_size (const AipWebsocketFrames *self)
{
  guint size = 2;

  if (self->n_header < 2)
    return size;
  if ((self->header[1] & LENGTH) == LENGTH_16)
    size += 2;
  else if ((self->header[1] & LENGTH) == LENGTH_64)
    size += 8;
  return self->header[1] & MASKED ? size + 4 : size;
}

static guint64
payload_length (const AipWebsocketFrames *self)
{
  guint length = self->header[1] & LENGTH;
  guint n = length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
  guint64 long_length = 0;

  for (guint i = 0; i < n; i++)
    long_length = long_length << 8 | self->header[2 + i];
  return n > 0 ? long_length : length;
}

/**
 * aip_websocket_frames_feed:
 * @self: zeroed memory of the caller's, or what was fed already
 * @data: what passes by next
 * @length: of @data, in bytes
 */
void
aip_websocket_frames_feed (AipWebsocketFrames *self, const char *data, gsize length)
{
  while (length > 0)
    {
      gsize used = self->left > 0 ? (gsize) MIN (self->left, length) : 1;

      if (self->left > 0)
        self->left -= used;
      else
        {
          self->header[self->n_header++] = (guint8) *data;
          if (self->n_header == header_size (self))
            {
              self->left = payload_length (self);
              self->n_header = 0;
            }
        }
      data += used;
      length -= used;
    }
}

/**
 * aip_websocket_frames_is_between:
 * @self: zeroed memory of the caller's, or what was fed
 *
 * Returns: whether all frames that have begun are whole
 */
gboolean
aip_websocket_frames_is_between (const AipWebsocketFrames *self)
{
  return self->n_header == 0 && self->left == 0;
}

/**
 * aip_websocket_format_close:
 * @buffer: (out): the frame
 * @code: why, from RFC 6455, 7.4
 * @reason: the same for people, in ASCII; cut where it is too long
 *
 * As a server sends it, without a mask.
 *
 * Returns: the frame's length in bytes
 */
gsize
aip_websocket_format_close (char buffer[AIP_WEBSOCKET_MAX_CLOSE], guint code, const char *reason)
{
  gsize length = MIN (strlen (reason), MAX_REASON);

  buffer[0] = (char) CLOSE;
  buffer[1] = (char) (2 + length);
  buffer[2] = (char) (code >> 8);
  buffer[3] = (char) (code & 0xff);
  memcpy (buffer + 4, reason, length);
  return 4 + length;
}
