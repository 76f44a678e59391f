/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-outbox"

#include "server/aip-outbox.h"

#include <libsoup/soup.h>
#include <string.h>

#include "server/aip-number.h"

#define FIRST_SIZE 4000
#define LARGEST_SPARE (64 * 1024)
#define FULL (256 * 1024)

static GString *
bytes_of (AipOutbox *self)
{
  if (self->bytes == NULL && self->spare != NULL)
    self->bytes = g_steal_pointer (self->spare);
  if (self->bytes == NULL)
    self->bytes = g_string_sized_new (FIRST_SIZE);
  return self->bytes;
}

/* libsoup says "Unknown Error" to what it does not know. A reason may be empty (RFC 9112). */
static const char *
get_reason (guint status)
{
  static const struct
  {
    guint status;
    const char *reason;
  } others[] = {
    { 421, "Misdirected Request" },
    { 425, "Too Early" },
    { 426, "Upgrade Required" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 451, "Unavailable For Legal Reasons" },
    { 506, "Variant Also Negotiates" },
    { 508, "Loop Detected" },
    { 511, "Network Authentication Required" },
  };
  const char *reason = soup_status_get_phrase (status);

  if (!g_str_equal (reason, "Unknown Error"))
    return reason;
  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    if (others[i].status == status)
      return others[i].reason;
  return "";
}

/**
 * aip_outbox_head:
 * @self: an outbox
 * @status: HTTP status
 * @headers: whole lines of headers
 * @framing: how the body's end will be told
 * @length: of the body in bytes, where @framing tells it
 *
 * Begins an answer. aip_outbox_connection () has to follow.
 */
void
aip_outbox_head (AipOutbox *self,
                 guint status,
                 const GString *headers,
                 AipOutboxFraming framing,
                 gint64 length)
{
  GString *out = bytes_of (self);

  self->framing = framing;
  self->left = framing == AIP_OUTBOX_LENGTH ? length : 0;
  g_string_append (out, "HTTP/1.1 ");
  aip_number_append (out, status, 10);
  g_string_append_c (out, ' ');
  g_string_append (out, get_reason (status));
  g_string_append_len (out, "\r\n", 2);
  g_string_append_len (out, headers->str, headers->len);
  if (framing == AIP_OUTBOX_LENGTH || framing == AIP_OUTBOX_LENGTH_ONLY)
    {
      g_string_append (out, "Content-Length: ");
      aip_number_append (out, length, 10);
      g_string_append_len (out, "\r\n", 2);
    }
  else if (framing == AIP_OUTBOX_CHUNKED)
    g_string_append (out, "Transfer-Encoding: chunked\r\n");
}

/**
 * aip_outbox_connection:
 * @self: an outbox with an answer's head
 * @keep_alive: the connection stays
 * @old: the client speaks HTTP/1.0, where staying has to be said
 *
 * Says what becomes of the connection and ends the head.
 */
void
aip_outbox_connection (AipOutbox *self, gboolean keep_alive, gboolean old)
{
  if (!keep_alive)
    g_string_append (self->bytes, "Connection: close\r\n\r\n");
  else if (old)
    g_string_append (self->bytes, "Connection: keep-alive\r\n\r\n");
  else
    g_string_append_len (self->bytes, "\r\n", 2);
}

/**
 * aip_outbox_upgrade:
 * @self: an outbox
 * @protocol: what is spoken behind this head
 * @headers: whole lines of headers
 *
 * Leaves HTTP; all that follows is sent as it is.
 */
void
aip_outbox_upgrade (AipOutbox *self, const char *protocol, const GString *headers)
{
  aip_outbox_head (self, 101, headers, AIP_OUTBOX_UNTIL_CLOSE, -1);
  g_string_append_printf (self->bytes, "Connection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol);
}

/**
 * aip_outbox_continue:
 * @self: an outbox
 *
 * Tells a client that waits for it to send its body.
 */
void
aip_outbox_continue (AipOutbox *self)
{
  g_string_append (bytes_of (self), "HTTP/1.1 100 Continue\r\n\r\n");
}

/**
 * aip_outbox_body:
 * @self: an outbox with an answer's head
 * @data: a piece of the body
 * @length: of @data, in bytes
 */
void
aip_outbox_body (AipOutbox *self, const char *data, gsize length)
{
  GString *out = bytes_of (self);

  if (self->framing == AIP_OUTBOX_NO_BODY || self->framing == AIP_OUTBOX_LENGTH_ONLY || length == 0)
    return;
  if (self->framing == AIP_OUTBOX_LENGTH)
    {
      length = MIN (length, self->left);
      self->left -= length;
    }
  if (self->framing == AIP_OUTBOX_CHUNKED)
    {
      aip_number_append (out, length, 16);
      g_string_append_len (out, "\r\n", 2);
    }
  g_string_append_len (out, data, length);
  if (self->framing == AIP_OUTBOX_CHUNKED)
    g_string_append_len (out, "\r\n", 2);
}

/**
 * aip_outbox_end:
 * @self: an outbox with an answer
 *
 * Returns: whether the client can tell that the answer is whole without the connection's end
 */
gboolean
aip_outbox_end (AipOutbox *self)
{
  if (self->framing == AIP_OUTBOX_CHUNKED)
    g_string_append (bytes_of (self), "0\r\n\r\n");
  return self->framing != AIP_OUTBOX_UNTIL_CLOSE && self->left == 0;
}

/**
 * aip_outbox_send:
 * @self: an outbox
 * @transport: where to
 *
 * Sends what has gathered: one system call, unless the socket takes it in parts.
 */
AipOutboxResult
aip_outbox_send (AipOutbox *self, AipTransport *transport)
{
  self->blocked = FALSE;
  while (!aip_outbox_is_empty (self))
    {
      gssize n =
          aip_transport_write (transport, self->bytes->str + self->sent, self->bytes->len - self->sent);

      if (n == AIP_TRANSPORT_FAILED)
        return AIP_OUTBOX_FAILED;
      if (n == AIP_TRANSPORT_AGAIN)
        {
          gboolean moved = self->sent > 0;

          self->blocked = TRUE;
          /* A client that never quite keeps up must not make this grow for ever. */
          g_string_erase (self->bytes, 0, self->sent);
          self->sent = 0;
          return moved ? AIP_OUTBOX_PARTLY : AIP_OUTBOX_BLOCKED;
        }
      self->sent += n;
    }
  if (self->bytes != NULL)
    g_string_truncate (self->bytes, 0);
  self->sent = 0;
  return AIP_OUTBOX_SENT;
}

/**
 * aip_outbox_is_empty:
 * @self: an outbox
 *
 * Returns: whether all was sent
 */
gboolean
aip_outbox_is_empty (const AipOutbox *self)
{
  return self->bytes == NULL || self->sent == self->bytes->len;
}

/**
 * aip_outbox_is_full:
 * @self: an outbox
 *
 * Returns: whether so much waits for the client that its source should rest
 */
gboolean
aip_outbox_is_full (const AipOutbox *self)
{
  return self->bytes != NULL && self->bytes->len - self->sent >= FULL;
}

/**
 * aip_outbox_is_blocked:
 * @self: an outbox
 *
 * Returns: whether the socket took no more when it was last tried
 */
gboolean
aip_outbox_is_blocked (const AipOutbox *self)
{
  return self->blocked;
}

/**
 * aip_outbox_clear:
 * @self: an outbox
 *
 * Drops what was not sent and gives its memory back: an idle connection keeps none.
 */
void
aip_outbox_clear (AipOutbox *self)
{
  GString *bytes = g_steal_pointer (&self->bytes);

  *self = (AipOutbox){ .spare = self->spare };
  if (bytes == NULL)
    return;
  if (self->spare != NULL && *self->spare == NULL && bytes->allocated_len <= LARGEST_SPARE)
    *self->spare = g_string_truncate (bytes, 0);
  else
    g_string_free (bytes, TRUE);
}
