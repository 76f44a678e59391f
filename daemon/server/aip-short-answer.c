/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-short-answer"

#include "server/aip-short-answer.h"

#include "server/aip-forward-headers.h"

#define MAX_BODY (64 * 1024)

/**
 * aip_short_answer_begin:
 * @self: zeroed memory of the caller's, or a cleared answer
 * @status: HTTP status
 * @headers: (array length=n_headers): with Content-Length or Transfer-Encoding
 * @n_headers: how many
 *
 * Returns: whether there is a body to wait for
 */
AipShortAnswerResult
aip_short_answer_begin (AipShortAnswer *self, guint status, const AipHeaderView *headers, gsize n_headers)
{
  const AipHeaderView *length = aip_header_views_find (headers, n_headers, "Content-Length");

  self->body = g_byte_array_new ();
  self->chunked = aip_header_views_find (headers, n_headers, "Transfer-Encoding") != NULL;
  self->length = length != NULL && !self->chunked ? aip_header_view_to_length (length) : -1;
  aip_chunks_init (&self->chunks);
  if (status == 204 || status == 304 || self->length == 0)
    return AIP_SHORT_ANSWER_WHOLE;
  if (length != NULL && (self->chunked || self->length < 0 || self->length > MAX_BODY))
    return AIP_SHORT_ANSWER_BROKEN;
  return AIP_SHORT_ANSWER_MORE;
}

static AipShortAnswerResult
add_chunked (AipShortAnswer *self, const char *data, gsize length)
{
  for (;;)
    {
      const char *piece;
      gsize piece_length;

      switch (aip_chunks_next (&self->chunks, &data, &length, &piece, &piece_length))
        {
        case AIP_CHUNKS_BEGIN:
          break;
        case AIP_CHUNKS_DATA:
          g_byte_array_append (self->body, (const guint8 *) piece, piece_length);
          break;
        case AIP_CHUNKS_END:
          return AIP_SHORT_ANSWER_WHOLE;
        case AIP_CHUNKS_MORE:
          return AIP_SHORT_ANSWER_MORE;
        case AIP_CHUNKS_BROKEN:
        default:
          return AIP_SHORT_ANSWER_BROKEN;
        }
    }
}

/**
 * aip_short_answer_add:
 * @self: an answer that has begun
 * @data: what came behind the head
 * @length: of @data, in bytes
 *
 * Returns: whether that was all; what is behind the body is ignored
 */
AipShortAnswerResult
aip_short_answer_add (AipShortAnswer *self, const char *data, gsize length)
{
  AipShortAnswerResult result = AIP_SHORT_ANSWER_MORE;

  if (self->chunked)
    result = add_chunked (self, data, length);
  else
    {
      gsize left = self->length < 0 ? length : (gsize) self->length - self->body->len;

      g_byte_array_append (self->body, (const guint8 *) data, MIN (length, left));
      if (self->length >= 0 && self->body->len == self->length)
        result = AIP_SHORT_ANSWER_WHOLE;
    }
  return self->body->len > MAX_BODY ? AIP_SHORT_ANSWER_BROKEN : result;
}

/**
 * aip_short_answer_end:
 * @self: an answer whose connection has ended
 *
 * Returns: whether it is whole
 */
AipShortAnswerResult
aip_short_answer_end (const AipShortAnswer *self)
{
  return self->chunked || self->length >= 0 ? AIP_SHORT_ANSWER_BROKEN : AIP_SHORT_ANSWER_WHOLE;
}

/**
 * aip_short_answer_clear:
 * @self: an answer, or zeroed memory
 */
void
aip_short_answer_clear (AipShortAnswer *self)
{
  g_clear_pointer (&self->body, g_byte_array_unref);
}
