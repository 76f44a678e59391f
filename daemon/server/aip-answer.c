/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-answer"

#include "server/aip-answer.h"

#include <string.h>

#include "base/aip-error.h"
#include "base/aip-json-peek.h"
#include "wire/aip-event-stream.h"
#include "wire/aip-first-content.h"

/* Longer ones are passed on as they come: they may be megabytes of vectors or pictures. */
#define MAX_HELD_JSON (1024 * 1024)
/* An event that is longer is passed on in pieces; so is a stream that has no content for so long. */
#define MAX_HELD_EVENT (64 * 1024)
#define MAX_HELD_ERROR (64 * 1024)

/**
 * aip_answer_begin:
 * @self: zeroed memory of the caller's, or a cleared answer
 * @connection: where it goes
 * @kind: how much has to be seen of it first
 * @status: HTTP status
 * @head: (transfer full): lines of headers
 * @length: of the body in bytes, as announced; -1: unknown
 */
void
aip_answer_begin (AipAnswer *self,
                  AipConnection *connection,
                  AipAnswerKind kind,
                  guint status,
                  GString *head,
                  gint64 length)
{
  *self = (AipAnswer){
    .connection = connection,
    .kind = kind,
    .status = status,
    .head = head,
    .length = length,
  };
}

static void
send_head (AipAnswer *self, gint64 length)
{
  self->begun = TRUE;
  aip_connection_send_head (self->connection, self->status, self->head, length);
  g_string_free (g_steal_pointer (&self->head), TRUE);
}

static void
hold (AipAnswer *self, const char *data, gsize length)
{
  if (length == 0)
    return;
  if (self->held == NULL)
    self->held = g_byte_array_sized_new (length);
  g_byte_array_append (self->held, (const guint8 *) data, length);
}

static void
pass (AipAnswer *self, const char *data, gsize length)
{
  if (length == 0)
    return;
  if (!self->begun)
    send_head (self, self->kind == AIP_ANSWER_EVENTS ? -1 : self->length);
  aip_connection_send_body (self->connection, data, length);
}

static void
pass_held (AipAnswer *self)
{
  g_autoptr (GByteArray) held = g_steal_pointer (&self->held);

  if (held != NULL)
    pass (self, (const char *) held->data, held->len);
}

static void
drop_from_held (AipAnswer *self, gsize length)
{
  g_byte_array_remove_range (self->held, 0, (guint) length);
  if (self->held->len == 0)
    g_clear_pointer (&self->held, g_byte_array_unref);
}

/* Looks at what has become whole. Returns whether the client may see it now. */
static gboolean
is_worth_it (AipAnswer *self, gsize whole)
{
  const char *error;
  gsize length;
  AipFirstContent found = aip_first_content_find ((const char *) self->held->data + self->looked,
                                                  whole - self->looked, &error, &length);

  self->looked = whole;
  self->in_question = found == AIP_FIRST_CONTENT_ERROR;
  return found == AIP_FIRST_CONTENT_TEXT;
}

static void
pass_events (AipAnswer *self, const char *data, gsize length)
{
  gsize whole;
  gsize seen;

  if (self->held == NULL)
    {
      whole = aip_event_stream_whole_length (data, length, 0);
      pass (self, data, whole);
      hold (self, data + whole, length - whole);
      return;
    }
  seen = self->held->len;
  hold (self, data, length);
  whole = aip_event_stream_whole_length ((const char *) self->held->data, self->held->len, seen);
  self->inside = self->inside && whole == 0;
  if (whole == 0 && self->held->len > MAX_HELD_EVENT)
    {
      whole = self->held->len;
      self->inside = TRUE;
    }
  if (whole == 0)
    return;
  pass (self, (const char *) self->held->data, whole);
  drop_from_held (self, whole);
}

static void
add_events (AipAnswer *self, const char *data, gsize length)
{
  gsize seen = self->held != NULL ? self->held->len : 0;
  gsize whole;

  if (self->begun)
    {
      pass_events (self, data, length);
      return;
    }
  hold (self, data, length);
  if (self->held == NULL || self->in_question)
    return;
  whole = aip_event_stream_whole_length ((const char *) self->held->data, self->held->len, seen);
  if ((whole > self->looked && is_worth_it (self, whole)) ||
      (self->held->len > MAX_HELD_EVENT && !self->in_question))
    aip_answer_release (self);
}

/**
 * aip_answer_add:
 * @self: an answer
 * @data: a piece of its body
 * @length: of @data, in bytes
 *
 * Returns: FALSE when it was not taken, since the client does not keep up
 */
gboolean
aip_answer_add (AipAnswer *self, const char *data, gsize length)
{
  if (self->begun && !aip_connection_has_room (self->connection))
    return FALSE;
  switch (self->kind)
    {
    case AIP_ANSWER_EVENTS:
      add_events (self, data, length);
      break;
    case AIP_ANSWER_JSON:
      hold (self, data, length);
      if (self->begun || self->held->len > MAX_HELD_JSON)
        pass_held (self);
      break;
    case AIP_ANSWER_BYTES:
      pass (self, data, length);
      break;
    case AIP_ANSWER_ERROR:
      if (self->begun)
        pass (self, data, length);
      else
        hold (self, data, length);
      self->in_question = !self->begun && self->held != NULL && self->held->len > MAX_HELD_ERROR;
      break;
    }
  return TRUE;
}

/**
 * aip_answer_release:
 * @self: an answer
 *
 * Passes on what is held back, whatever it is, and from now on all that comes; of events, whole ones.
 */
void
aip_answer_release (AipAnswer *self)
{
  g_autoptr (GByteArray) held = g_steal_pointer (&self->held);

  self->in_question = FALSE;
  if (held == NULL)
    return;
  if (self->kind != AIP_ANSWER_EVENTS)
    {
      pass (self, (const char *) held->data, held->len);
      return;
    }
  pass_events (self, (const char *) held->data, held->len);
  /* More than one event may have to wait for its end. */
  if (!self->begun && self->held != NULL && self->held->len > MAX_HELD_EVENT)
    {
      pass_held (self);
      self->inside = TRUE;
    }
}

/**
 * aip_answer_check:
 * @self: an answer all of whose body was added
 * @error: return location for an AIP_ERROR_PROTOCOL
 *
 * Returns: FALSE when the answer is none, and the client has not seen anything of it
 */
gboolean
aip_answer_check (const AipAnswer *self, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (self->kind == AIP_ANSWER_EVENTS && !self->begun && !self->in_question)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_PROTOCOL, "it answered with a stream that holds no content");
      return FALSE;
    }
  if (self->kind != AIP_ANSWER_JSON || self->begun)
    return TRUE;
  if (self->held == NULL)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_PROTOCOL, "it answered with an empty body");
      return FALSE;
    }
  if (aip_json_check ((const char *) self->held->data, self->held->len, &local))
    return TRUE;
  g_set_error (error, AIP_ERROR, AIP_ERROR_PROTOCOL, "it answered with something that is not JSON: %s",
               local->message);
  return FALSE;
}

/**
 * aip_answer_end:
 * @self: an answer all of whose body was added
 *
 * Ends the client's answer too.
 */
void
aip_answer_end (AipAnswer *self)
{
  if (!self->begun && self->held != NULL)
    self->length = self->held->len;
  if (!self->begun)
    send_head (self, self->length);
  pass_held (self);
  aip_connection_end (self->connection, TRUE);
}

/**
 * aip_answer_break:
 * @self: an answer of which the client has seen something
 * @event: what to tell a client that reads events; the beginning of one that is held back is dropped
 *
 * Ends the client's answer so that it does not look whole.
 */
void
aip_answer_break (AipAnswer *self, const char *event)
{
  gboolean tells = self->kind == AIP_ANSWER_EVENTS;

  g_clear_pointer (&self->held, g_byte_array_unref);
  if (tells && self->inside)
    aip_connection_send_body (self->connection, "\n\n", 2);
  if (tells)
    aip_connection_send_body (self->connection, event, strlen (event));
  aip_connection_end (self->connection, tells);
}

/**
 * aip_answer_has_begun:
 * @self: an answer, or zeroed memory
 *
 * Returns: whether the client has seen something of it
 */
gboolean
aip_answer_has_begun (const AipAnswer *self)
{
  return self->begun;
}

/**
 * aip_answer_is_in_question:
 * @self: an answer
 *
 * Returns: whether it is an error of which enough was seen, so that it has to be let go or released
 */
gboolean
aip_answer_is_in_question (const AipAnswer *self)
{
  return self->in_question;
}

/**
 * aip_answer_get_error:
 * @self: an answer that is held back
 * @length: (out): in bytes
 *
 * Returns: (transfer none) (nullable): what there is of the error: the body, or the data of the event that
 * tells
 */
const char *
aip_answer_get_error (const AipAnswer *self, gsize *length)
{
  const char *data = NULL;

  *length = 0;
  if (self->held == NULL)
    return NULL;
  if (self->kind == AIP_ANSWER_EVENTS &&
      aip_first_content_find ((const char *) self->held->data, self->looked, &data, length) ==
          AIP_FIRST_CONTENT_ERROR)
    return data;
  *length = self->held->len;
  return (const char *) self->held->data;
}

/**
 * aip_answer_hide:
 * @self: an answer
 * @text: (array length=length): what the client may not see
 * @length: in bytes
 *
 * Writes asterisks over each occurrence of it in what is held back.
 */
void
aip_answer_hide (AipAnswer *self, const char *text, gsize length)
{
  guint8 *start = self->held != NULL ? self->held->data : NULL;
  guint8 *end = start != NULL ? start + self->held->len : NULL;

  while (start != NULL && length > 0 && (start = memmem (start, end - start, text, length)) != NULL)
    {
      memset (start, '*', length);
      start += length;
    }
}

/**
 * aip_answer_clear:
 * @self: an answer, or zeroed memory
 *
 * Forgets what is held back.
 */
void
aip_answer_clear (AipAnswer *self)
{
  if (self->head != NULL)
    g_string_free (g_steal_pointer (&self->head), TRUE);
  g_clear_pointer (&self->held, g_byte_array_unref);
}
