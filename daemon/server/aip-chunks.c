/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-chunks"

#include "server/aip-chunks.h"

#define MAX_SIZE_DIGITS 15
#define MAX_DROPPED (8 * 1024)

enum
{
  SIZE,
  EXTENSION,
  SIZE_LF,
  DATA,
  DATA_CR,
  DATA_LF,
  TRAILER_START,
  TRAILER,
  TRAILER_LF,
  END_LF,
  OVER,
  BROKEN,
};

/**
 * aip_chunks_init:
 * @self: memory of the caller's
 */
void
aip_chunks_init (AipChunks *self)
{
  *self = (AipChunks){ .state = SIZE };
}

static int
step_size (AipChunks *self, char c)
{
  if (g_ascii_isxdigit (c))
    {
      self->left = self->left << 4 | (guint64) g_ascii_xdigit_value (c);
      return ++self->digits <= MAX_SIZE_DIGITS ? SIZE : BROKEN;
    }
  if (self->digits == 0)
    return BROKEN;
  if (c == '\r')
    return SIZE_LF;
  return c == ';' ? EXTENSION : BROKEN;
}

/* What is dropped is bounded, and may hide neither a line's end nor a control character. */
static int
step_dropped (AipChunks *self, char c, int state, int line_end)
{
  if (c == '\r')
    return line_end;
  if (((guchar) c < 0x20 && c != '\t') || c == 0x7f || ++self->dropped > MAX_DROPPED)
    return BROKEN;
  return state;
}

static int
after_size (AipChunks *self)
{
  self->digits = 0;
  return self->left > 0 ? DATA : TRAILER_START;
}

static int
step (AipChunks *self, char c)
{
  switch (self->state)
    {
    case SIZE:
      return step_size (self, c);
    case EXTENSION:
      return step_dropped (self, c, EXTENSION, SIZE_LF);
    case SIZE_LF:
      return c == '\n' ? after_size (self) : BROKEN;
    case DATA_CR:
      return c == '\r' ? DATA_LF : BROKEN;
    case DATA_LF:
      return c == '\n' ? SIZE : BROKEN;
    case TRAILER_START:
      return c == '\r' ? END_LF : step_dropped (self, c, TRAILER, BROKEN);
    case TRAILER:
      return step_dropped (self, c, TRAILER, TRAILER_LF);
    case TRAILER_LF:
      return c == '\n' ? TRAILER_START : BROKEN;
    case END_LF:
      return c == '\n' ? OVER : BROKEN;
    default:
      return BROKEN;
    }
}

/**
 * aip_chunks_next:
 * @self: the decoder
 * @data: (inout): what came from the client; moved behind what was used
 * @length: (inout): how much is left of it, in bytes
 * @piece: (out): where a piece of the body lies in @data, with AIP_CHUNKS_DATA
 * @piece_length: (out): its length in bytes
 *
 * To be called again until it returns something else than AIP_CHUNKS_BEGIN or AIP_CHUNKS_DATA.
 */
AipChunksResult
aip_chunks_next (AipChunks *self, const char **data, gsize *length, const char **piece, gsize *piece_length)
{
  while (*length > 0 && self->state != OVER && self->state != BROKEN)
    {
      if (self->state == DATA)
        {
          gsize n = MIN (*length, self->left);

          *piece = *data;
          *piece_length = n;
          *data += n;
          *length -= n;
          self->left -= n;
          if (self->left == 0)
            self->state = DATA_CR;
          return AIP_CHUNKS_DATA;
        }
      self->state = step (self, **data);
      (*data)++;
      (*length)--;
      if (self->state == DATA)
        return AIP_CHUNKS_BEGIN;
    }
  if (self->state == BROKEN)
    return AIP_CHUNKS_BROKEN;
  return self->state == OVER ? AIP_CHUNKS_END : AIP_CHUNKS_MORE;
}
