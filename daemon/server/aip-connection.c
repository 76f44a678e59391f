/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-connection"

#include "server/aip-connection-private.h"

#include <string.h>

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

#define SECONDS(n) ((n) *G_TIME_SPAN_SECOND)
#define IDLE_TIMEOUT SECONDS (60)
#define WRITE_STALL_TIMEOUT SECONDS (60)
#define LINGER_TIMEOUT SECONDS (5)
#define LINGER_BYTES (1024 * 1024)
#define READS_PER_TURN 8

/* --- what to wait for --- */

static void
update_wanted (AipConnection *self)
{
  AipIo wanted = AIP_IO_IN;

  if (self->state == AIP_CONNECTION_CLOSED)
    return;
  /* Bytes nobody can take now stay in the kernel, but the client's leaving is noticed. */
  if (aip_connection_is_paused (self) ||
      (self->state == AIP_CONNECTION_LINGERING && self->lingered > LINGER_BYTES) ||
      (self->state == AIP_CONNECTION_ANSWERING && self->pending != NULL && self->pending->len > 0))
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
  self->state = AIP_CONNECTION_CLOSED;
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
  if (self->state == AIP_CONNECTION_CLOSED)
    return;
  aip_transport_close (&self->transport);
  become_closed (self);
}

static void
understand_no_more (AipConnection *self)
{
  self->state = AIP_CONNECTION_ANSWERING;
  self->keep_alive = FALSE;
  self->body_complete = FALSE;
}

/**
 * aip_connection_refuse:
 * @self: a connection whose request's body comes
 * @status: HTTP status
 * @message: what is wrong
 *
 * The client is owed an answer, if it has none yet, and nothing else is to be understood of what it sends.
 */
void
aip_connection_refuse (AipConnection *self, guint status, const char *message)
{
  understand_no_more (self);
  if (self->answer_begun)
    aip_connection_close (self);
  else
    self->funcs->refuse (self, status, message, self->funcs_data);
}

/**
 * aip_connection_refuse_head:
 * @self: a connection that waits for a request
 * @data: (array length=length): what came of its head
 * @length: of @data, in bytes
 * @status: HTTP status
 * @message: what is wrong
 *
 * The client is owed an answer, and nothing else is to be understood of what it sends.
 */
void
aip_connection_refuse_head (AipConnection *self,
                            const char *data,
                            gsize length,
                            guint status,
                            const char *message)
{
  g_autofree char *path = aip_head_dup_path (data, length);

  understand_no_more (self);
  self->owner->refuse (self, path, status, message, self->owner->user_data);
}

/* --- the way out --- */

static void
begin_lingering (AipConnection *self)
{
  /* Closing while the client still sends would reset the connection and may destroy the answer on its way. */
  self->state = AIP_CONNECTION_LINGERING;
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

  self->state = AIP_CONNECTION_IDLE;
  self->scanned = 0;
  self->empty_line = FALSE;
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
    aip_connection_consume (self, (const char *) pending->data, pending->len);
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
  if (self->state != AIP_CONNECTION_ANSWERING || !self->answer_ended || !aip_outbox_is_empty (&self->outbox))
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
  if (self->state == AIP_CONNECTION_BODY || self->state == AIP_CONNECTION_UPGRADED)
    self->state = AIP_CONNECTION_ANSWERING;
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
  g_return_if_fail (self->may_upgrade && self->state == AIP_CONNECTION_ANSWERING && !self->answer_begun);

  self->state = AIP_CONNECTION_UPGRADED;
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

/* Reads once. Returns FALSE when nothing more is to be had now. */
static gboolean
read_some (AipConnection *self)
{
  char *scratch = self->owner->scratch;
  gsize had = 0;
  gsize room = self->owner->scratch_size;

  if (self->pending != NULL && self->state != AIP_CONNECTION_ANSWERING)
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
  if (self->state == AIP_CONNECTION_LINGERING)
    self->lingered += n;
  else
    aip_connection_consume (self, scratch, had + n);
  return self->state != AIP_CONNECTION_CLOSED && (gsize) n == room;
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
    for (int i = 0; i < READS_PER_TURN && self->state != AIP_CONNECTION_CLOSED; i++)
      {
        if (!read_some (self) || self->state == AIP_CONNECTION_ANSWERING || self->body_paused)
          break;
      }
  if ((ready & AIP_IO_OUT) && self->state != AIP_CONNECTION_CLOSED)
    flush_cb (&self->flush, self);
  update_wanted (self);
}

static void
refuse_slow_head (AipConnection *self)
{
  const char *data = self->pending != NULL ? (const char *) self->pending->data : "";
  gsize length = self->pending != NULL ? self->pending->len : 0;

  aip_connection_refuse_head (self, data, length, 408, "the request's head did not come within 10 s");
}

static void
in_timer_cb (AipTimer *timer, void *user_data)
{
  AipConnection *self = user_data;

  if (self->state == AIP_CONNECTION_IDLE || self->state == AIP_CONNECTION_LINGERING)
    aip_connection_close (self);
  else if (self->state == AIP_CONNECTION_HEAD)
    refuse_slow_head (self);
  else if (self->state == AIP_CONNECTION_BODY && self->body_paused)
    aip_timer_arm (&self->in_timer, AIP_CONNECTION_BODY_STALL_TIMEOUT);
  else if (self->state == AIP_CONNECTION_BODY)
    aip_connection_refuse (self, 408, "the request's body stalled for 30 s");
  update_wanted (self);
}

/**
 * aip_connection_resume_body:
 * @self: a connection whose function `body` returned FALSE
 */
void
aip_connection_resume_body (AipConnection *self)
{
  if (!aip_connection_is_paused (self))
    return;
  self->body_paused = FALSE;
  g_autoptr (GByteArray) pending = g_steal_pointer (&self->pending);
  if (pending != NULL)
    aip_connection_consume (self, (const char *) pending->data, pending->len);
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
  aip_timer_arm (&self->in_timer, certificate != NULL ? AIP_CONNECTION_HEAD_TIMEOUT : IDLE_TIMEOUT);
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
  return self->state == AIP_CONNECTION_IDLE || self->state == AIP_CONNECTION_HEAD;
}
