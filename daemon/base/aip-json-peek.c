/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-json"

#include "base/aip-json-peek.h"

#include <stdlib.h>
#include <string.h>

#include "base/aip-error.h"
#include "base/aip-json-text.h"

typedef enum
{
  STATE_VALUE,
  STATE_FIRST_VALUE, /* behind '[' */
  STATE_NAME,
  STATE_FIRST_NAME, /* behind '{' */
  STATE_AFTER_VALUE,
} State;

typedef struct
{
  const char *text;
  gsize length;
  gsize offset;
  char *decoded; /* owns text, where the document escapes it */
} Name;

typedef struct
{
  const guchar *text;
  const guchar *end;
  const guchar *pos;
  const char *fault; /* what is wrong at pos */
  State state;
  guint depth;
  guint64 objects[AIP_JSON_MAX_DEPTH / 64]; /* one bit per level: object or array */
  AipJsonMember *members;
  gsize n_members;
  AipJsonMember *wanted; /* the member whose value is being read, if somebody wants it */
  Name *names; /* of the top-level members; NULL: the document may be any value, its names do not count */
  guint n_names;
} Peek;

static gboolean
fail (Peek *self, const char *fault)
{
  self->fault = fault;
  return FALSE;
}

static gboolean
fail_at (Peek *self, const guchar *pos, const char *fault)
{
  self->pos = pos;
  return fail (self, fault);
}

static inline void
skip_blanks (Peek *self)
{
  const guchar *pos = self->pos;

  while (pos < self->end && (*pos == ' ' || *pos == '\n' || *pos == '\r' || *pos == '\t'))
    pos++;

  self->pos = pos;
}

static inline gboolean
in_object (const Peek *self)
{
  guint level = self->depth - 1;

  return (self->objects[level / 64] >> (level % 64)) & 1;
}

static gboolean
open_container (Peek *self, gboolean object)
{
  if (self->depth == AIP_JSON_MAX_DEPTH)
    return fail (self, "nested too deeply; at most " G_STRINGIFY (AIP_JSON_MAX_DEPTH) " levels are allowed");

  guint level = self->depth++;
  guint64 bit = G_GUINT64_CONSTANT (1) << (level % 64);

  if (object)
    self->objects[level / 64] |= bit;
  else
    self->objects[level / 64] &= ~bit;

  self->pos++;
  self->state = object ? STATE_FIRST_NAME : STATE_FIRST_VALUE;
  return TRUE;
}

static inline void
end_value (Peek *self)
{
  self->state = STATE_AFTER_VALUE;
  if (self->depth != 1 || self->wanted == NULL)
    return;

  self->wanted->end = (gsize) (self->pos - self->text);
  self->wanted = NULL;
}

static void
close_container (Peek *self)
{
  self->pos++;
  self->depth--;
  end_value (self);
}

static gboolean
read_string (Peek *self, gboolean *escaped)
{
  self->pos = aip_json_text_scan (self->pos + 1, self->end, escaped, &self->fault);
  return self->fault == NULL;
}

static gboolean
skip_digits (Peek *self)
{
  const guchar *start = self->pos;

  while (self->pos < self->end && g_ascii_isdigit (*self->pos))
    self->pos++;

  return self->pos > start;
}

static gboolean
is_at (const Peek *self, char c)
{
  return self->pos < self->end && *self->pos == (guchar) c;
}

static gboolean
read_number (Peek *self)
{
  static const char fault[] = "invalid number";

  if (is_at (self, '-'))
    self->pos++;

  gboolean zero = is_at (self, '0');
  const guchar *start = self->pos;

  if (!skip_digits (self))
    return fail (self, fault);

  if (zero && self->pos - start > 1)
    return fail_at (self, start + 1, fault);

  if (is_at (self, '.'))
    {
      self->pos++;
      if (!skip_digits (self))
        return fail (self, fault);
    }

  if (!is_at (self, 'e') && !is_at (self, 'E'))
    return TRUE;

  self->pos++;
  if (is_at (self, '+') || is_at (self, '-'))
    self->pos++;

  return skip_digits (self) || fail (self, fault);
}

static gboolean
read_literal (Peek *self, const char *literal)
{
  gsize length = strlen (literal);

  if ((gsize) (self->end - self->pos) < length || memcmp (self->pos, literal, length) != 0)
    return fail (self, "expected a value");

  self->pos += length;
  return TRUE;
}

static AipJsonType
type_of (guchar c)
{
  switch (c)
    {
    case '"':
      return AIP_JSON_STRING;
    case '{':
      return AIP_JSON_OBJECT;
    case '[':
      return AIP_JSON_ARRAY;
    case 't':
      return AIP_JSON_TRUE;
    case 'f':
      return AIP_JSON_FALSE;
    case 'n':
      return AIP_JSON_NULL;
    default:
      return c == '-' || g_ascii_isdigit (c) ? AIP_JSON_NUMBER : AIP_JSON_ABSENT;
    }
}

static gboolean
read_scalar (Peek *self, AipJsonType type)
{
  gboolean escaped = FALSE;

  switch (type)
    {
    case AIP_JSON_STRING:
      return read_string (self, &escaped);
    case AIP_JSON_NUMBER:
      return read_number (self);
    case AIP_JSON_TRUE:
      return read_literal (self, "true");
    case AIP_JSON_FALSE:
      return read_literal (self, "false");
    case AIP_JSON_NULL:
      return read_literal (self, "null");
    default:
      return fail (self, "expected a value");
    }
}

static gboolean
read_value (Peek *self)
{
  AipJsonType type = type_of (*self->pos);

  if (self->depth == 1 && self->wanted != NULL)
    {
      self->wanted->type = type;
      self->wanted->start = (gsize) (self->pos - self->text);
    }

  if (type == AIP_JSON_OBJECT || type == AIP_JSON_ARRAY)
    return open_container (self, type == AIP_JSON_OBJECT);

  if (!read_scalar (self, type))
    return FALSE;

  end_value (self);
  return TRUE;
}

static AipJsonMember *
find_wanted (Peek *self, const Name *name)
{
  for (gsize i = 0; i < self->n_members; i++)
    {
      const char *wanted = self->members[i].name;

      if (strlen (wanted) == name->length && memcmp (wanted, name->text, name->length) == 0)
        return &self->members[i];
    }

  return NULL;
}

/* @start and @end: the quotes around the name */
static gboolean
note_name (Peek *self, const guchar *start, const guchar *end, gboolean escaped)
{
  if (self->n_names == AIP_JSON_MAX_MEMBERS)
    return fail_at (self, start,
                    "too many members; at most " G_STRINGIFY (AIP_JSON_MAX_MEMBERS) " are allowed");

  Name *name = &self->names[self->n_names++];

  name->text = (const char *) start + 1;
  name->length = (gsize) (end - start - 1);
  name->offset = (gsize) (start - self->text);
  name->decoded = escaped ? aip_json_text_decode (name->text, name->length, &name->length) : NULL;
  if (escaped)
    name->text = name->decoded;

  self->wanted = find_wanted (self, name);
  return TRUE;
}

static gboolean
read_name (Peek *self)
{
  const guchar *start = self->pos;
  gboolean escaped = FALSE;

  if (*start != '"')
    return fail (self, "expected a member's name in double quotes");

  if (!read_string (self, &escaped))
    return FALSE;

  if (self->depth == 1 && self->names != NULL && !note_name (self, start, self->pos - 1, escaped))
    return FALSE;

  skip_blanks (self);
  if (!is_at (self, ':'))
    return fail (self, "expected ':' after the member's name");

  self->pos++;
  self->state = STATE_VALUE;
  return TRUE;
}

static gboolean
read_separator (Peek *self)
{
  gboolean object = in_object (self);

  if (*self->pos == ',')
    {
      self->pos++;
      self->state = object ? STATE_NAME : STATE_VALUE;
      return TRUE;
    }

  if (*self->pos != (object ? '}' : ']'))
    return fail (self,
                 object ? "expected ',' or '}' after a member" : "expected ',' or ']' after an element");

  close_container (self);
  return TRUE;
}

static gboolean
read_next (Peek *self)
{
  switch (self->state)
    {
    case STATE_VALUE:
      return read_value (self);

    case STATE_FIRST_VALUE:
      if (*self->pos != ']')
        return read_value (self);
      break;

    case STATE_NAME:
      return read_name (self);

    case STATE_FIRST_NAME:
      if (*self->pos != '}')
        return read_name (self);
      break;

    case STATE_AFTER_VALUE:
      return read_separator (self);
    }

  close_container (self);
  return TRUE;
}

static gboolean
read_document (Peek *self)
{
  skip_blanks (self);
  if (self->pos == self->end)
    return fail (self, "the document is empty; an object is expected");

  if (*self->pos != '{' && self->names != NULL)
    return fail (self, "expected an object");

  self->state = STATE_VALUE;
  if (!read_value (self))
    return FALSE;
  while (self->depth > 0)
    {
      skip_blanks (self);
      if (self->pos == self->end)
        return fail (self, "the text ends before the object does");

      if (!read_next (self))
        return FALSE;
    }

  skip_blanks (self);
  return self->pos == self->end || fail (self, "unexpected bytes after the object");
}

static int
compare_names (const void *a, const void *b)
{
  const Name *x = a;
  const Name *y = b;

  if (x->length != y->length)
    return x->length < y->length ? -1 : 1;

  return memcmp (x->text, y->text, x->length);
}

/* Sorting needs neither memory nor a seed, and no choice of names makes it slow. */
static gboolean
check_names (Peek *self)
{
  qsort (self->names, self->n_names, sizeof (Name), compare_names);

  for (guint i = 1; i < self->n_names; i++)
    if (compare_names (&self->names[i - 1], &self->names[i]) == 0)
      return fail_at (self, self->text + MAX (self->names[i - 1].offset, self->names[i].offset),
                      "the member's name is there twice");

  return TRUE;
}

static void
forget_members (AipJsonMember *members, gsize n_members)
{
  for (gsize i = 0; i < n_members; i++)
    {
      members[i].type = AIP_JSON_ABSENT;
      members[i].start = members[i].end = 0;
    }
}

static gboolean
set_error (const Peek *self, GError **error)
{
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "invalid JSON at byte %" G_GSIZE_FORMAT ": %s",
               (gsize) (self->pos - self->text), self->fault);
  return FALSE;
}

/**
 * aip_json_peek:
 * @text: (nullable): a JSON document of any origin; need not end with NUL
 * @length: its length in bytes
 * @members: (inout) (array length=n_members): the top-level members wanted, each name once; the other
 *   fields are filled in
 * @n_members: how many there are
 * @error: where to put an error
 *
 * Checks a whole document and finds members of its top-level object, without building a tree and,
 * as long as no name is escaped and there are few of them, without allocating. It is as strict as RFC 8259
 * allows: one object and nothing behind it, valid UTF-8, no NUL, no lone surrogates even as escapes, no name
 * twice at the top level (compared without escapes), at most %AIP_JSON_MAX_DEPTH levels and
 * %AIP_JSON_MAX_MEMBERS top-level members. Members found are valid only after success.
 *
 * Returns: %TRUE if the document is valid; else %FALSE with AIP_ERROR_INVALID_ARGUMENT, whose message names
 *   the fault and the offset of its byte, counted from 0
 */
gboolean
aip_json_peek (const char *text, gsize length, AipJsonMember *members, gsize n_members, GError **error)
{
  g_return_val_if_fail (text != NULL || length == 0, FALSE);
  g_return_val_if_fail (members != NULL || n_members == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  static const guchar nothing[1];
  const guchar *start = text != NULL ? (const guchar *) text : nothing;
  Name names[AIP_JSON_MAX_MEMBERS];
  Peek self = {
    .text = start,
    .end = start + length,
    .pos = start,
    .members = members,
    .n_members = n_members,
    .names = names,
  };

  forget_members (members, n_members);

  gboolean valid = read_document (&self) && check_names (&self);

  for (guint i = 0; i < self.n_names; i++)
    g_free (names[i].decoded);

  if (valid)
    return TRUE;

  forget_members (members, n_members);
  return set_error (&self, error);
}

/**
 * aip_json_check:
 * @text: (nullable): a JSON document of any origin; need not end with NUL
 * @length: its length in bytes
 * @error: where to put an error
 *
 * Checks a whole document like aip_json_peek (), but it may be any value, and its names may stand there
 * twice.
 *
 * Returns: %TRUE if the document is valid; else %FALSE with AIP_ERROR_INVALID_ARGUMENT
 */
gboolean
aip_json_check (const char *text, gsize length, GError **error)
{
  static const guchar nothing[1];
  const guchar *start = text != NULL ? (const guchar *) text : nothing;
  Peek self = { .text = start, .end = start + length, .pos = start };

  g_return_val_if_fail (text != NULL || length == 0, FALSE);

  if (read_document (&self))
    return TRUE;
  return set_error (&self, error);
}

/**
 * aip_json_member_dup_string:
 * @text: the document that aip_json_peek () accepted
 * @member: a member found in it
 *
 * Returns: (transfer full) (nullable): the member's value without escapes, or %NULL if it is not a string or
 * has a NUL in it
 */
char *
aip_json_member_dup_string (const char *text, const AipJsonMember *member)
{
  g_return_val_if_fail (member != NULL, NULL);

  if (member->type != AIP_JSON_STRING)
    return NULL;

  gsize length = 0;
  g_autofree char *value =
      aip_json_text_decode (text + member->start + 1, member->end - member->start - 2, &length);

  return strlen (value) == length ? g_steal_pointer (&value) : NULL;
}

/**
 * aip_json_replace_string:
 * @document: the document that aip_json_peek () accepted
 * @member: a member found in it, whose value is a string
 * @value: the new value, UTF-8
 *
 * Puts another string in the place of a member's value. All other bytes stay as they are.
 *
 * Returns: (transfer full): the new document
 */
GBytes *
aip_json_replace_string (GBytes *document, const AipJsonMember *member, const char *value)
{
  g_return_val_if_fail (document != NULL, NULL);
  g_return_val_if_fail (member != NULL && member->type == AIP_JSON_STRING, NULL);
  g_return_val_if_fail (value != NULL, NULL);

  gsize length = 0;
  const char *text = g_bytes_get_data (document, &length);

  g_return_val_if_fail (member->start < member->end && member->end <= length, NULL);

  g_autoptr (GString) string = g_string_new (NULL);
  aip_json_append_string (string, value, -1);

  gsize new_length = length - (member->end - member->start) + string->len;
  char *copy = g_malloc (new_length);

  memcpy (copy, text, member->start);
  memcpy (copy + member->start, string->str, string->len);
  memcpy (copy + member->start + string->len, text + member->end, length - member->end);
  return g_bytes_new_take (copy, new_length);
}
