/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-answer-head"

#include "upstream/aip-answer-head.h"

#include <string.h>

#include "base/aip-ascii.h"

#define MAX_HEAD (256 * 1024)
#define MAX_LINES 512
#define MAX_CONNECTION_NAMES 32

/**
 * aip_answer_head_init:
 * @self: uninitialised memory
 */
void
aip_answer_head_init (AipAnswerHead *self)
{
  *self = (AipAnswerHead){ 0 };
  self->text = g_string_sized_new (1024);
  self->views = g_array_sized_new (FALSE, FALSE, sizeof (AipHeaderView), 32);
}

/**
 * aip_answer_head_reset:
 * @self: a head; it is empty afterwards and keeps its memory
 */
void
aip_answer_head_reset (AipAnswerHead *self)
{
  g_string_truncate (self->text, 0);
  g_array_set_size (self->views, 0);
  self->n_lines = 0;
  self->n_connection_names = 0;
  self->status = 0;
  self->framed = FALSE;
  self->begun = FALSE;
  self->bad = NULL;
}

/**
 * aip_answer_head_clear:
 * @self: a head; frees what it holds
 */
void
aip_answer_head_clear (AipAnswerHead *self)
{
  g_string_free (self->text, TRUE);
  g_array_unref (self->views);
}

/*
 * Whether the body's end is announced decides whether a connection that closes is a fault, and two
 * announcements that differ are how answers get smuggled. RFC 9112 6.3.
 */
static const char *
check_framing (AipAnswerHead *self, const AipHeaderView *length, const AipHeaderView *view)
{
  if (aip_ascii_equal (view->name, view->name_length, "transfer-encoding"))
    {
      if (!aip_ascii_equal (view->value, view->value_length, "chunked"))
        return "its transfer encoding is not one that was asked for";
      self->framed = TRUE;
    }
  else if (aip_ascii_equal (view->name, view->name_length, "content-length"))
    {
      if (length != NULL && (length->value_length != view->value_length ||
                             memcmp (length->value, view->value, view->value_length) != 0))
        return "it has two lengths";
      self->framed = TRUE;
    }
  return NULL;
}

/* Whoever passes the head on looks each header up in it. */
static const char *
check_connection (AipAnswerHead *self, const AipHeaderView *view)
{
  const char *end = view->value + view->value_length;

  if (!aip_ascii_equal (view->name, view->name_length, "connection"))
    return NULL;
  self->n_connection_names++;
  for (const char *p = view->value; (p = memchr (p, ',', end - p)) != NULL; p++)
    self->n_connection_names++;
  return self->n_connection_names > MAX_CONNECTION_NAMES ? "its Connection names more than 32 headers" : NULL;
}

static const char *
parse_line (AipHeaderView *view, const char *line, gsize length)
{
  const char *colon = memchr (line, ':', length);
  const char *end = line + length;

  if (colon == NULL)
    return "a header line has no colon";
  *view = (AipHeaderView){ .name = line, .name_length = colon - line, .value = colon + 1 };

  /* RFC 9112 5.1: a gateway removes white space before the colon of an answer. */
  while (view->name_length > 0 && (colon[-1] == ' ' || colon[-1] == '\t'))
    view->name_length--, colon--;
  if (!aip_ascii_is_token (view->name, view->name_length))
    return "a header's name is malformed";

  while (view->value < end && (*view->value == ' ' || *view->value == '\t'))
    view->value++;
  while (end > view->value && (end[-1] == ' ' || end[-1] == '\t'))
    end--;
  view->value_length = end - view->value;
  return NULL;
}

static const char *
parse_headers (AipAnswerHead *self)
{
  const char *end = self->text->str + self->text->len;
  int length_index = -1;

  for (const char *line = self->text->str; line < end;)
    {
      const char *next = memchr (line, '\n', end - line);
      AipHeaderView view;
      const char *bad = parse_line (&view, line, next - line);

      if (bad == NULL)
        bad = check_framing (
            self, length_index < 0 ? NULL : &g_array_index (self->views, AipHeaderView, length_index), &view);
      if (bad == NULL)
        bad = check_connection (self, &view);
      if (bad != NULL)
        return bad;
      if (aip_ascii_equal (view.name, view.name_length, "content-length"))
        length_index = self->views->len;
      g_array_append_val (self->views, view);
      line = next + 1;
    }
  return NULL;
}

/* "HTTP/1.1 200 OK", "HTTP/2 200" */
static const char *
parse_status (AipAnswerHead *self, const char *line, gsize length)
{
  const char *space = memchr (line, ' ', length);
  gsize rest = space == NULL ? 0 : length - (space - line);

  if (rest < 4 || !g_ascii_isdigit (space[1]) || !g_ascii_isdigit (space[2]) || !g_ascii_isdigit (space[3]) ||
      (rest > 4 && space[4] != ' '))
    return "its status line is malformed";

  self->status = (space[1] - '0') * 100 + (space[2] - '0') * 10 + (space[3] - '0');
  if (self->status < 100 || self->status > 599)
    return "its status is out of range";
  if (self->status == 101 && !self->may_switch)
    return "it switches to another protocol";
  return NULL;
}

static AipAnswerHeadState
finish_head (AipAnswerHead *self)
{
  if (self->status < 200 && self->status != 101)
    {
      aip_answer_head_reset (self);
      self->begun = TRUE;
      return AIP_ANSWER_HEAD_MORE;
    }
  self->bad = parse_headers (self);
  if (self->status == 204 || self->status == 304)
    self->framed = TRUE;
  return self->bad == NULL ? AIP_ANSWER_HEAD_DONE : AIP_ANSWER_HEAD_BAD;
}

/**
 * aip_answer_head_add_line:
 * @self: a head that is not done yet
 * @line: the next line, as libcurl gives it: with its end; the empty line ends the head
 * @length: bytes in it
 *
 * Heads of provisional answers (1xx) are passed over. The head as a whole may have 256 KiB and 512 lines,
 * and its Connection may name 32 headers. Folded lines, NUL and lone CR are refused (RFC 9112 2.2, 5.2).
 *
 * Returns: whether that was all
 */
AipAnswerHeadState
aip_answer_head_add_line (AipAnswerHead *self, const char *line, gsize length)
{
  self->begun = TRUE;
  if (length > 0 && line[length - 1] == '\n')
    length--;
  if (length > 0 && line[length - 1] == '\r')
    length--;

  if (aip_ascii_has_control (line, length) &&
      (memchr (line, '\0', length) != NULL || memchr (line, '\r', length) != NULL ||
       memchr (line, '\n', length) != NULL))
    self->bad = "its head holds control characters";
  else if (self->text->len + length > MAX_HEAD)
    self->bad = "its head is larger than 256 KiB";
  else if (self->status == 0)
    self->bad = parse_status (self, line, length);
  else if (length == 0)
    return finish_head (self);
  else if (line[0] == ' ' || line[0] == '\t')
    self->bad = "a header line is folded";
  else if (++self->n_lines > MAX_LINES)
    self->bad = "its head has more than 512 lines";
  else
    {
      g_string_append_len (self->text, line, length);
      g_string_append_c (self->text, '\n');
    }
  return self->bad == NULL ? AIP_ANSWER_HEAD_MORE : AIP_ANSWER_HEAD_BAD;
}
