/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-json"

#include "base/aip-json-peek.h"

#include <stdlib.h>
#include <string.h>

#include "base/aip-error.h"
#include "base/aip-json-text.h"

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
  const guchar *fault_pos;
  const char *fault; /* what is wrong there */
  guint depth;
  gboolean opened;                          /* nothing was read yet of the innermost container */
  guint64 objects[AIP_JSON_MAX_DEPTH / 64]; /* one bit per level: object or array */
  AipJsonMember *members;
  gsize n_members;
  AipJsonMember *wanted; /* the member whose value is being read, if somebody wants it */
  Name *names; /* of the top-level members; NULL: the document may be any value, its names do not count */
  guint n_names;
} Peek;

/* What reads takes the place where it begins, and gives the place behind what it read, or NULL after a
 * fault. So the place stays in a register: this is the hot loop of every request. */

static const guchar *
fail (Peek *self, const guchar *pos, const char *fault)
{
  self->fault_pos = pos;
  self->fault = fault;
  return NULL;
}

static inline const guchar *
skip_blanks (const Peek *self, const guchar *pos)
{
  while (pos < self->end && *pos <= ' ' && (*pos == ' ' || *pos == '\n' || *pos == '\r' || *pos == '\t'))
    pos++;

  return pos;
}

static inline gboolean
is_at (const Peek *self, const guchar *pos, char c)
{
  return pos < self->end && *pos == (guchar) c;
}

static inline gboolean
in_object (const Peek *self)
{
  guint level = self->depth - 1;

  return (self->objects[level / 64] >> (level % 64)) & 1;
}

static const guchar *
open_container (Peek *self, const guchar *pos, gboolean object)
{
  if (self->depth == AIP_JSON_MAX_DEPTH)
    return fail (self, pos,
                 "nested too deeply; at most " G_STRINGIFY (AIP_JSON_MAX_DEPTH) " levels are allowed");

  guint level = self->depth++;
  guint64 bit = G_GUINT64_CONSTANT (1) << (level % 64);

  if (object)
    self->objects[level / 64] |= bit;
  else
    self->objects[level / 64] &= ~bit;

  self->opened = TRUE;
  return pos + 1;
}

static inline void
end_value (Peek *self, const guchar *pos)
{
  self->opened = FALSE;
  if (self->depth != 1 || self->wanted == NULL)
    return;

  self->wanted->end = (gsize) (pos - self->text);
  self->wanted = NULL;
}

static const guchar *
close_container (Peek *self, const guchar *pos)
{
  self->depth--;
  end_value (self, pos + 1);
  return pos + 1;
}

static inline const guchar *
read_string (Peek *self, const guchar *pos, gboolean *escaped)
{
  const char *fault;
  const guchar *end = aip_json_text_skip_plain (pos + 1, self->end);

  if (is_at (self, end, '"'))
    return end + 1;

  end = aip_json_text_scan (end, self->end, escaped, &fault);
  return fault == NULL ? end : fail (self, end, fault);
}

static inline gboolean
is_digit (guchar c)
{
  return c >= '0' && c <= '9';
}

static inline const guchar *
skip_digits (const Peek *self, const guchar *pos)
{
  while (pos < self->end && is_digit (*pos))
    pos++;

  return pos;
}

/* The digits behind a point or an exponent: at least one. */
static const guchar *
read_digits (Peek *self, const guchar *pos)
{
  const guchar *end = skip_digits (self, pos);

  return end > pos ? end : fail (self, pos, "invalid number");
}

static const guchar *
read_number (Peek *self, const guchar *pos)
{
  if (is_at (self, pos, '-'))
    pos++;

  const guchar *start = pos;

  pos = read_digits (self, pos);
  if (pos == NULL)
    return NULL;

  if (*start == '0' && pos - start > 1)
    return fail (self, start + 1, "invalid number");

  if (is_at (self, pos, '.'))
    {
      pos = read_digits (self, pos + 1);
      if (pos == NULL)
        return NULL;
    }

  if (!is_at (self, pos, 'e') && !is_at (self, pos, 'E'))
    return pos;

  pos++;
  if (is_at (self, pos, '+') || is_at (self, pos, '-'))
    pos++;

  return read_digits (self, pos);
}

static inline const guchar *
read_literal (Peek *self, const guchar *pos, const char *literal, gsize length)
{
  if ((gsize) (self->end - pos) < length || memcmp (pos, literal, length) != 0)
    return fail (self, pos, "expected a value");

  return pos + length;
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
      return c == '-' || is_digit (c) ? AIP_JSON_NUMBER : AIP_JSON_ABSENT;
    }
}

static inline const guchar *
read_scalar (Peek *self, const guchar *pos)
{
  gboolean escaped = FALSE;

  switch (*pos)
    {
    case '"':
      return read_string (self, pos, &escaped);
    case 't':
      return read_literal (self, pos, "true", 4);
    case 'f':
      return read_literal (self, pos, "false", 5);
    case 'n':
      return read_literal (self, pos, "null", 4);
    default:
      return *pos == '-' || is_digit (*pos) ? read_number (self, pos) : fail (self, pos, "expected a value");
    }
}

static inline const guchar *
read_value (Peek *self, const guchar *pos)
{
  if (self->depth == 1 && self->wanted != NULL)
    {
      self->wanted->type = type_of (*pos);
      self->wanted->start = (gsize) (pos - self->text);
    }

  if (*pos == '{' || *pos == '[')
    return open_container (self, pos, *pos == '{');

  pos = read_scalar (self, pos);
  if (pos != NULL)
    end_value (self, pos);
  return pos;
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
    {
      fail (self, start, "too many members; at most " G_STRINGIFY (AIP_JSON_MAX_MEMBERS) " are allowed");
      return FALSE;
    }

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

/* Gives the place of the value. */
static inline const guchar *
read_name (Peek *self, const guchar *pos)
{
  const guchar *start = pos;
  gboolean escaped = FALSE;

  if (*start != '"')
    return fail (self, pos, "expected a member's name in double quotes");

  pos = read_string (self, pos, &escaped);
  if (pos == NULL)
    return NULL;

  if (self->depth == 1 && self->names != NULL && !note_name (self, start, pos - 1, escaped))
    return NULL;

  pos = skip_blanks (self, pos);
  if (!is_at (self, pos, ':'))
    return fail (self, pos, "expected ':' after the member's name");

  return skip_blanks (self, pos + 1);
}

static const guchar *
fail_at_end (Peek *self)
{
  return fail (self, self->end, "the text ends before the object does");
}

static inline const guchar *
read_item (Peek *self, const guchar *pos, gboolean object)
{
  if (object)
    pos = read_name (self, pos);
  if (pos == self->end)
    return fail_at_end (self);

  return pos != NULL ? read_value (self, pos) : NULL;
}

/* The next member or element with the comma before it, or the end of the container. */
static inline const guchar *
read_next (Peek *self, const guchar *pos)
{
  gboolean object = in_object (self);

  if (*pos == (object ? '}' : ']'))
    return close_container (self, pos);

  if (!self->opened)
    {
      if (*pos != ',')
        return fail (self, pos,
                     object ? "expected ',' or '}' after a member" : "expected ',' or ']' after an element");

      pos = skip_blanks (self, pos + 1);
      if (pos == self->end)
        return fail_at_end (self);
    }

  return read_item (self, pos, object);
}

static gboolean
read_document (Peek *self)
{
  const guchar *pos = skip_blanks (self, self->text);

  if (pos == self->end)
    fail (self, pos, "the document is empty; an object is expected");
  else if (*pos != '{' && self->names != NULL)
    fail (self, pos, "expected an object");
  else
    pos = read_value (self, pos);

  while (self->fault == NULL && self->depth > 0)
    {
      pos = skip_blanks (self, pos);
      pos = pos < self->end ? read_next (self, pos) : fail_at_end (self);
    }

  if (self->fault == NULL)
    {
      pos = skip_blanks (self, pos);
      if (pos < self->end)
        fail (self, pos, "unexpected bytes after the object");
    }

  return self->fault == NULL;
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
      {
        fail (self, self->text + MAX (self->names[i - 1].offset, self->names[i].offset),
              "the member's name is there twice");
        return FALSE;
      }

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
               (gsize) (self->fault_pos - self->text), self->fault);
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
  Peek self = { .text = start, .end = start + length };

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
