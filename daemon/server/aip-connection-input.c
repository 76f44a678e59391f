/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-connection"

#include "server/aip-connection-private.h"

/* What was read, taken apart: heads, bodies, and what has to wait. */

static void
keep_pending (AipConnection *self, const char *data, gsize length)
{
  if (length == 0)
    return;
  if (self->pending == NULL)
    self->pending = g_byte_array_sized_new (length);
  g_byte_array_append (self->pending, (const guint8 *) data, length);
}

static void
complete_body (AipConnection *self)
{
  self->body_complete = TRUE;
  self->state = AIP_CONNECTION_ANSWERING;
  if (self->funcs != NULL && self->funcs->body_end != NULL)
    self->funcs->body_end (self, self->funcs_data);
}

static void
begin_body (AipConnection *self)
{
  self->state = AIP_CONNECTION_BODY;
  aip_chunks_init (&self->chunks);
  self->body_left = MAX (self->head->content_length, 0);
  self->body_complete = !aip_head_has_body (self->head);
  self->keep_alive = self->head->keep_alive;

  self->owner->request (self, self->head, self->owner->user_data);
  if (self->state == AIP_CONNECTION_CLOSED)
    return;
  if (self->body_complete)
    {
      complete_body (self);
      return;
    }
  if (self->head->expect_continue && !self->answer_begun)
    {
      aip_outbox_continue (&self->outbox);
      aip_idle_queue (&self->flush);
    }
  aip_timer_arm (&self->in_timer, AIP_CONNECTION_BODY_STALL_TIMEOUT);
}

/* Returns how much of @data belonged to the head. */
static gsize
consume_head (AipConnection *self, const char *data, gsize length)
{
  gsize end = 0;
  guint status = 0;
  const char *message = NULL;
  AipHeadResult result = aip_head_find_end (data, length, &self->scanned, &end);

  if (result == AIP_HEAD_INCOMPLETE && length > AIP_HEAD_MAX_SIZE)
    {
      aip_connection_refuse_head (self, data, length, 431, "the request's head is larger than 64 KiB");
      return length;
    }
  if (result == AIP_HEAD_INCOMPLETE)
    {
      keep_pending (self, data, length);
      if (self->state == AIP_CONNECTION_IDLE)
        aip_timer_arm (&self->in_timer, AIP_CONNECTION_HEAD_TIMEOUT);
      self->state = AIP_CONNECTION_HEAD;
      return length;
    }
  if (result == AIP_HEAD_COMPLETE)
    self->head = aip_head_parse (data, end, &status, &message);
  if (self->head != NULL)
    begin_body (self);
  else
    aip_connection_refuse_head (self, data, length, status != 0 ? status : 400,
                                message != NULL ? message : "a line ends without CR LF");
  return self->head != NULL ? end : length;
}

static gboolean
deliver (AipConnection *self, const char *data, gsize length)
{
  if (self->funcs == NULL)
    return TRUE;
  self->body_paused = !self->funcs->body (self, data, length, self->funcs_data);
  return !self->body_paused;
}

static gsize
consume_counted (AipConnection *self, const char *data, gsize length)
{
  gsize n = MIN (length, self->body_left);

  self->body_left -= n;
  deliver (self, data, n);
  if (self->state == AIP_CONNECTION_BODY && self->body_left == 0)
    complete_body (self);
  return n;
}

static gsize
consume_chunk (AipConnection *self, const char *data, gsize length)
{
  const char *rest = data;
  gsize left = length;
  const char *piece = NULL;
  gsize piece_length = 0;

  switch (aip_chunks_next (&self->chunks, &rest, &left, &piece, &piece_length))
    {
    case AIP_CHUNKS_BEGIN:
      if (self->funcs != NULL && self->funcs->announce != NULL)
        self->funcs->announce (self, self->chunks.left, self->funcs_data);
      break;
    case AIP_CHUNKS_DATA:
      deliver (self, piece, piece_length);
      break;
    case AIP_CHUNKS_END:
      complete_body (self);
      break;
    case AIP_CHUNKS_BROKEN:
      aip_connection_refuse (self, 400, "the chunks of the body are malformed");
      return length;
    case AIP_CHUNKS_MORE:
      break;
    }
  return length - left;
}

/* Old clients send an empty line behind a body (RFC 9112, 2.2). Each one ends what was a head so far: were
 * there no limit, neither the time for a head nor that of an idle connection would ever be over. */
static gsize
consume_empty_line (AipConnection *self, const char *data, gsize length)
{
  if (self->empty_line)
    {
      aip_connection_refuse_head (self, data, length, 400, "more than one empty line before a request");
      return length;
    }
  self->empty_line = TRUE;
  self->state = AIP_CONNECTION_IDLE;
  self->scanned = 0;
  return 2;
}

static gsize
consume_some (AipConnection *self, const char *data, gsize length)
{
  switch (self->state)
    {
    case AIP_CONNECTION_IDLE:
    case AIP_CONNECTION_HEAD:
      if (length >= 2 && data[0] == '\r' && data[1] == '\n')
        return consume_empty_line (self, data, length);
      return consume_head (self, data, length);
    case AIP_CONNECTION_BODY:
      aip_timer_arm (&self->in_timer, AIP_CONNECTION_BODY_STALL_TIMEOUT);
      return self->head->chunked ? consume_chunk (self, data, length) : consume_counted (self, data, length);
    case AIP_CONNECTION_UPGRADED:
      deliver (self, data, length);
      return length;
    default:
      return length;
    }
}

/**
 * aip_connection_consume:
 * @self: a connection
 * @data: what was read
 * @length: of @data, in bytes
 *
 * Takes it apart until it is used up, or has to wait in `pending`.
 */
void
aip_connection_consume (AipConnection *self, const char *data, gsize length)
{
  while (length > 0 && self->state != AIP_CONNECTION_CLOSED)
    {
      if (self->state == AIP_CONNECTION_ANSWERING || aip_connection_is_paused (self))
        {
          /* Nothing of a connection that closes after its answer is looked at. */
          if (self->keep_alive || self->may_upgrade || self->state == AIP_CONNECTION_BODY)
            keep_pending (self, data, length);
          break;
        }
      gsize used = consume_some (self, data, length);
      data += used;
      length -= used;
    }
}
