/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-connection"

#include "server/aip-connection.h"

#include <string.h>

#include "server/aip-chunks.h"
#include "server/aip-outbox.h"
#include "server/aip-transport.h"

/*
 *            first byte        head complete        body complete
 *   IDLE ───────────────> HEAD ─────────────> BODY ───────────────> ANSWERING
 *    ^                     │ refused            │ broken, slow          │
 *    │                     v                    v                       │ the answer has ended
 *    │                  ANSWERING <─────────────┘                       v
 *    └──────────────────────────────────────────────────── all is sent, keep alive
 *                                                                       │ else
 *                                        CLOSED <──── LINGERING <───────┘
 *
 * UPGRADED comes out of ANSWERING and goes back there when the other protocol has ended.
 */
typedef enum
{
  IDLE,
  HEAD,
  BODY,
  ANSWERING,
  UPGRADED,
  LINGERING,
  CLOSED,
} State;

#define SECONDS(n) ((n) *G_TIME_SPAN_SECOND)
#define IDLE_TIMEOUT SECONDS (60)
#define HEAD_TIMEOUT SECONDS (10)
#define BODY_STALL_TIMEOUT SECONDS (30)
#define WRITE_STALL_TIMEOUT SECONDS (60)
#define LINGER_TIMEOUT SECONDS (5)
#define LINGER_BYTES (1024 * 1024)
#define READS_PER_TURN 8

struct _AipConnection
{
  const AipConnectionOwner *owner;
  AipTransport transport;
  State state;
  AipTimer in_timer;
  AipTimer out_timer;
  AipIdle flush;
  AipIdle dispose;

  GByteArray *pending; /* (nullable): read, but not understood yet */
  gsize scanned;       /* how much of it was searched for the head's end */

  AipHead *head; /* (nullable) */
  AipChunks chunks;
  guint64 body_left;
  gboolean body_paused;
  gboolean body_complete;

  AipOutbox outbox;
  gboolean answer_begun;
  gboolean answer_ended;
  gboolean was_full;
  gboolean keep_alive;
  gboolean may_upgrade; /* what comes behind this request may be of another protocol */
  gboolean broken;      /* nothing but a reset tells the client that the answer is not whole */
  gsize lingered;       /* bytes thrown away */

  const AipConnectionFuncs *funcs; /* (nullable) */
  void *funcs_data;
};

static void consume (AipConnection *self, const char *data, gsize length);

/* --- what to wait for --- */

static gboolean
is_paused (const AipConnection *self)
{
  return (self->state == BODY || self->state == UPGRADED) && self->body_paused;
}

static void
update_wanted (AipConnection *self)
{
  AipIo wanted = AIP_IO_IN;

  if (self->state == CLOSED)
    return;
  /* Bytes nobody can take now stay in the kernel, but the client's leaving is noticed. */
  if (is_paused (self) || (self->state == LINGERING && self->lingered > LINGER_BYTES) ||
      (self->state == ANSWERING && self->pending != NULL && self->pending->len > 0))
    wanted = AIP_IO_HUP;
  if (aip_outbox_is_blocked (&self->outbox))
    wanted |= AIP_IO_OUT;
  aip_transport_want (&self->transport, wanted);
}

static void
dispose_cb (AipIdle *idle, void *user_data)
{
  AipConnection *self = user_data;

  g_clear_pointer (&self->pending, g_byte_array_unref);
  g_clear_pointer (&self->head, aip_head_free);
  aip_outbox_clear (&self->outbox);
  g_free (self);
}

static void
drop_funcs (AipConnection *self, gboolean tell)
{
  const AipConnectionFuncs *funcs = self->funcs;

  self->funcs = NULL;
  if (tell && funcs != NULL)
    funcs->gone (self, self->funcs_data);
}

static void
become_closed (AipConnection *self)
{
  self->state = CLOSED;
  aip_timer_disarm (&self->in_timer);
  aip_timer_disarm (&self->out_timer);
  aip_idle_cancel (&self->flush);
  drop_funcs (self, TRUE);
  self->owner->closed (self, self->owner->user_data);
  aip_idle_queue (&self->dispose);
}

/**
 * aip_connection_close:
 * @self: a connection
 *
 * Closes it at once, whatever is under way: a client that waits for more sees its transfer break.
 * The connection must not be used any more.
 */
void
aip_connection_close (AipConnection *self)
{
  if (self->state == CLOSED)
    return;
  aip_transport_close (&self->transport);
  become_closed (self);
}

/* The client is owed an answer, and nothing else is to be understood of what it sends. */
static void
refuse (AipConnection *self, guint status, const char *message)
{
  gboolean begun = self->answer_begun;

  self->state = ANSWERING;
  self->keep_alive = FALSE;
  self->body_complete = FALSE;
  drop_funcs (self, TRUE);
  if (self->state == CLOSED)
    return;
  if (begun)
    aip_connection_close (self);
  else
    self->owner->refuse (self, self->head != NULL, status, message, self->owner->user_data);
}

/* --- the way out --- */

static void
begin_lingering (AipConnection *self)
{
  /* Closing while the client still sends would reset the connection and may destroy the answer on its way. */
  self->state = LINGERING;
  g_clear_pointer (&self->pending, g_byte_array_unref);
  aip_transport_shutdown_write (&self->transport);
  aip_timer_disarm (&self->in_timer);
  aip_timer_arm (&self->in_timer, LINGER_TIMEOUT);
  update_wanted (self);
}

static void
next_request (AipConnection *self)
{
  g_autoptr (GByteArray) pending = g_steal_pointer (&self->pending);

  self->state = IDLE;
  self->scanned = 0;
  self->answer_begun = self->answer_ended = FALSE;
  self->body_paused = self->body_complete = FALSE;
  g_clear_pointer (&self->head, aip_head_free);
  aip_outbox_clear (&self->outbox);
  if (self->owner->draining && pending == NULL)
    {
      aip_connection_close (self);
      return;
    }
  aip_timer_arm (&self->in_timer, IDLE_TIMEOUT);
  if (pending != NULL)
    consume (self, (const char *) pending->data, pending->len);
  update_wanted (self);
}

static void
all_sent (AipConnection *self)
{
  aip_timer_disarm (&self->out_timer);
  if (self->was_full)
    {
      self->was_full = FALSE;
      if (self->funcs != NULL)
        self->funcs->writable (self, self->funcs_data);
    }
  if (self->state != ANSWERING || !self->answer_ended || !aip_outbox_is_empty (&self->outbox))
    return;
  if (self->keep_alive && self->body_complete)
    next_request (self);
  else if (self->broken)
    {
      aip_transport_reset (&self->transport);
      become_closed (self);
    }
  else if (self->body_complete && !self->may_upgrade)
    aip_connection_close (self);
  else
    begin_lingering (self);
}

static void
flush_cb (AipIdle *idle, void *user_data)
{
  AipConnection *self = user_data;
  AipOutboxResult result = aip_outbox_send (&self->outbox, &self->transport);

  if (result == AIP_OUTBOX_SENT)
    all_sent (self);
  else if (result == AIP_OUTBOX_FAILED)
    aip_connection_close (self);
  else if (result == AIP_OUTBOX_PARTLY || !aip_timer_is_armed (&self->out_timer))
    aip_timer_arm (&self->out_timer, WRITE_STALL_TIMEOUT);
  update_wanted (self);
}

static void
out_timer_cb (AipTimer *timer, void *user_data)
{
  g_debug ("a client takes no bytes: closing");
  aip_connection_close (user_data);
}

/**
 * aip_connection_send_head:
 * @self: a connection whose request was not answered yet
 * @status: HTTP status, from 200
 * @headers: whole lines, each "Name: value\r\n", without Content-Length, Transfer-Encoding and Connection
 * @length: of the body in bytes; -1: not known yet
 */
void
aip_connection_send_head (AipConnection *self, guint status, const GString *headers, gint64 length)
{
  gboolean old = self->head != NULL && self->head->minor == 0;
  gboolean bodyless = status == 204 || status == 304;
  gboolean head_only = self->head != NULL && g_str_equal (self->head->method, "HEAD");
  AipOutboxFraming framing = AIP_OUTBOX_LENGTH;

  g_return_if_fail (!self->answer_begun);

  if (length < 0)
    framing = old ? AIP_OUTBOX_UNTIL_CLOSE : AIP_OUTBOX_CHUNKED;
  if (bodyless || head_only)
    framing = length < 0 || bodyless ? AIP_OUTBOX_NO_BODY : AIP_OUTBOX_LENGTH_ONLY;
  if (framing == AIP_OUTBOX_UNTIL_CLOSE || !self->body_complete || self->owner->draining)
    self->keep_alive = FALSE;

  self->answer_begun = TRUE;
  aip_outbox_head (&self->outbox, status, headers, framing, length);
  aip_outbox_connection (&self->outbox, self->keep_alive, old);
  aip_idle_queue (&self->flush);
}

/**
 * aip_connection_send_body:
 * @self: a connection whose answer's head was sent
 * @data: a piece of the body
 * @length: of @data, in bytes
 *
 * What is sent in one turn of the loop leaves together at its end. Too much for the announced length is cut.
 */
void
aip_connection_send_body (AipConnection *self, const char *data, gsize length)
{
  g_return_if_fail (self->answer_begun && !self->answer_ended);

  aip_outbox_body (&self->outbox, data, length);
  aip_idle_queue (&self->flush);
}

/**
 * aip_connection_end:
 * @self: a connection whose answer was sent
 * @whole: FALSE: its source broke off, and the client has to see a broken transfer, not a proper end
 *
 * Ends the answer and goes on to the next request. The functions set for this one are not called any more.
 * An answer that is shorter than announced is never whole.
 */
void
aip_connection_end (AipConnection *self, gboolean whole)
{
  g_return_if_fail (self->answer_begun && !self->answer_ended);

  drop_funcs (self, FALSE);
  self->answer_ended = TRUE;
  self->broken = !whole && self->outbox.framing == AIP_OUTBOX_UNTIL_CLOSE;
  if (!whole || !aip_outbox_end (&self->outbox))
    self->keep_alive = FALSE;
  if (self->state == BODY || self->state == UPGRADED)
    self->state = ANSWERING;
  aip_idle_queue (&self->flush);
}

/**
 * aip_connection_expect_upgrade:
 * @self: a connection whose request was not answered yet
 *
 * What the client sends behind this request waits for aip_connection_upgrade (); the connection closes
 * after any other answer.
 */
void
aip_connection_expect_upgrade (AipConnection *self)
{
  self->may_upgrade = TRUE;
  self->keep_alive = FALSE;
}

/**
 * aip_connection_upgrade:
 * @self: a connection that expects it and whose request, which has no body, was not answered
 * @protocol: what is spoken from now on
 * @headers: whole lines, as for aip_connection_send_head ()
 *
 * Answers 101 and leaves HTTP: `body` is given what comes, from aip_connection_resume_body () on, and
 * aip_connection_send_body () sends what it is given, as it is. aip_connection_end () ends it.
 */
void
aip_connection_upgrade (AipConnection *self, const char *protocol, const GString *headers)
{
  g_return_if_fail (self->may_upgrade && self->state == ANSWERING && !self->answer_begun);

  self->state = UPGRADED;
  self->body_paused = TRUE;
  self->answer_begun = TRUE;
  aip_outbox_upgrade (&self->outbox, protocol, headers);
  aip_idle_queue (&self->flush);
}

/**
 * aip_connection_has_room:
 * @self: a connection
 *
 * Returns: whether the client keeps up with what is sent; if not, the function `writable` is called when it
 * does
 */
gboolean
aip_connection_has_room (AipConnection *self)
{
  if (!aip_outbox_is_full (&self->outbox))
    return TRUE;
  self->was_full = TRUE;
  return FALSE;
}

/* --- the way in --- */

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
  self->state = ANSWERING;
  if (self->funcs != NULL && self->funcs->body_end != NULL)
    self->funcs->body_end (self, self->funcs_data);
}

static void
begin_body (AipConnection *self)
{
  self->state = BODY;
  aip_chunks_init (&self->chunks);
  self->body_left = MAX (self->head->content_length, 0);
  self->body_complete = !aip_head_has_body (self->head);
  self->keep_alive = self->head->keep_alive;

  self->owner->request (self, self->head, self->owner->user_data);
  if (self->state == CLOSED)
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
  aip_timer_arm (&self->in_timer, BODY_STALL_TIMEOUT);
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
      refuse (self, 431, "the request's head is larger than 64 KiB");
      return length;
    }
  if (result == AIP_HEAD_INCOMPLETE)
    {
      keep_pending (self, data, length);
      if (self->state == IDLE)
        aip_timer_arm (&self->in_timer, HEAD_TIMEOUT);
      self->state = HEAD;
      return length;
    }
  if (result == AIP_HEAD_COMPLETE)
    self->head = aip_head_parse (data, end, &status, &message);
  if (self->head != NULL)
    begin_body (self);
  else
    refuse (self, status != 0 ? status : 400, message != NULL ? message : "a line ends without CR LF");
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
  if (self->state == BODY && self->body_left == 0)
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
      refuse (self, 400, "the chunks of the body are malformed");
      return length;
    case AIP_CHUNKS_MORE:
      break;
    }
  return length - left;
}

static gsize
consume_some (AipConnection *self, const char *data, gsize length)
{
  switch (self->state)
    {
    case IDLE:
    case HEAD:
      /* Old clients send an empty line behind a body (RFC 9112, 2.2). */
      if (length < 2 || data[0] != '\r' || data[1] != '\n')
        return consume_head (self, data, length);
      self->state = IDLE;
      self->scanned = 0;
      return 2;
    case BODY:
      aip_timer_arm (&self->in_timer, BODY_STALL_TIMEOUT);
      return self->head->chunked ? consume_chunk (self, data, length) : consume_counted (self, data, length);
    case UPGRADED:
      deliver (self, data, length);
      return length;
    default:
      return length;
    }
}

/* Takes what was read apart until it is used up, or has to wait in `pending`. */
static void
consume (AipConnection *self, const char *data, gsize length)
{
  while (length > 0 && self->state != CLOSED)
    {
      if (self->state == ANSWERING || is_paused (self))
        {
          /* Nothing of a connection that closes after its answer is looked at. */
          if (self->keep_alive || self->may_upgrade || self->state == BODY)
            keep_pending (self, data, length);
          break;
        }
      gsize used = consume_some (self, data, length);
      data += used;
      length -= used;
    }
}

/* Reads once. Returns FALSE when nothing more is to be had now. */
static gboolean
read_some (AipConnection *self)
{
  char *scratch = self->owner->scratch;
  gsize had = 0;
  gsize room = self->owner->scratch_size;

  if (self->pending != NULL && self->state != ANSWERING)
    {
      had = self->pending->len;
      memcpy (scratch, self->pending->data, had);
    }
  room -= had;
  gssize n = aip_transport_read (&self->transport, scratch + had, room);
  if (n == AIP_TRANSPORT_AGAIN)
    return FALSE;
  if (n <= 0)
    {
      aip_connection_close (self);
      return FALSE;
    }
  if (had > 0)
    g_clear_pointer (&self->pending, g_byte_array_unref);
  if (self->state == LINGERING)
    self->lingered += n;
  else
    consume (self, scratch, had + n);
  return self->state != CLOSED && (gsize) n == room;
}

static void
transport_cb (AipTransport *transport, AipIo ready, void *user_data)
{
  AipConnection *self = user_data;

  if ((ready & AIP_IO_HUP) && !(ready & AIP_IO_IN))
    {
      aip_connection_close (self);
      return;
    }
  if (ready & AIP_IO_IN)
    for (int i = 0; i < READS_PER_TURN && self->state != CLOSED; i++)
      {
        if (!read_some (self) || self->state == ANSWERING || self->body_paused)
          break;
      }
  if ((ready & AIP_IO_OUT) && self->state != CLOSED)
    flush_cb (&self->flush, self);
  update_wanted (self);
}

static void
in_timer_cb (AipTimer *timer, void *user_data)
{
  AipConnection *self = user_data;

  if (self->state == IDLE || self->state == LINGERING)
    aip_connection_close (self);
  else if (self->state == HEAD)
    refuse (self, 408, "the request's head did not come within 10 s");
  else if (self->state == BODY && self->body_paused)
    aip_timer_arm (&self->in_timer, BODY_STALL_TIMEOUT);
  else if (self->state == BODY)
    refuse (self, 408, "the request's body stalled for 30 s");
  update_wanted (self);
}

/**
 * aip_connection_resume_body:
 * @self: a connection whose function `body` returned FALSE
 */
void
aip_connection_resume_body (AipConnection *self)
{
  if (!is_paused (self))
    return;
  self->body_paused = FALSE;
  g_autoptr (GByteArray) pending = g_steal_pointer (&self->pending);
  if (pending != NULL)
    consume (self, (const char *) pending->data, pending->len);
  update_wanted (self);
}

/* --- life --- */

/**
 * aip_connection_new:
 * @owner: what it shares with its worker's others; outlives it
 * @fd: (transfer full): a connected non-blocking socket
 * @certificate: (nullable): speak TLS with it
 *
 * Returns: a connection, which frees itself after it was closed
 */
AipConnection *
aip_connection_new (AipConnectionOwner *owner, int fd, GTlsCertificate *certificate)
{
  AipConnection *self = g_new0 (AipConnection, 1);

  self->owner = owner;
  self->outbox.spare = &owner->spare;
  aip_transport_init (&self->transport, owner->loop, fd, certificate, &owner->handshakes, transport_cb, self);
  aip_timer_init (&self->in_timer, owner->loop, in_timer_cb, self);
  aip_timer_init (&self->out_timer, owner->loop, out_timer_cb, self);
  aip_idle_init (&self->flush, owner->loop, flush_cb, self);
  aip_idle_init (&self->dispose, owner->loop, dispose_cb, self);
  aip_timer_arm (&self->in_timer, certificate != NULL ? HEAD_TIMEOUT : IDLE_TIMEOUT);
  update_wanted (self);
  return self;
}

/**
 * aip_connection_set_funcs:
 * @self: a connection, from within the owner's function `request`
 * @funcs: static functions for this request
 * @user_data: for them
 */
void
aip_connection_set_funcs (AipConnection *self, const AipConnectionFuncs *funcs, void *user_data)
{
  self->funcs = funcs;
  self->funcs_data = user_data;
}

/**
 * aip_connection_steal:
 * @self: a connection whose request was not answered
 *
 * Takes the socket out of the connection, which is closed then.
 *
 * Returns: (transfer full) (nullable): the client's stream
 */
GIOStream *
aip_connection_steal (AipConnection *self)
{
  GIOStream *stream = aip_transport_steal (&self->transport);

  drop_funcs (self, FALSE);
  become_closed (self);
  return stream;
}

/**
 * aip_connection_is_idle:
 * @self: a connection
 *
 * Returns: whether no request is under way on it
 */
gboolean
aip_connection_is_idle (AipConnection *self)
{
  return self->state == IDLE || self->state == HEAD;
}
