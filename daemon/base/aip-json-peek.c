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
  const guchar *guard; /* the last byte that anybody reads outside strings; see guard_text () */
  guchar *copy;        /* owns text, where the document itself has no guard */
  const guchar *fault_pos;
  const char *fault; /* what is wrong there */
  guint depth;
  gboolean escaped; /* a string since the last FALSE had an escape in it */
  AipJsonMember *members;
  gsize n_members;
  Name *names; /* of the top-level members; NULL: the document may be any value, its names do not count */
  guint n_names;
} Peek;

/* What reads takes the place where it begins and gives the place behind what it read, so that the place
 * stays in a register: this is the hot loop of every request. After a fault the place is the guard, where
 * nobody finds anything more to read, and only the first fault counts. */
typedef const guchar *(*ReadFunc) (Peek *self, const guchar *pos);

static inline gboolean
is_blank (guchar c)
{
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Outside strings, only read_items () goes beyond a closing bracket and nobody beyond a NUL. So if the text
 * ends with either, nobody need ask before each byte whether there is one. A document that does not end with
 * its bracket is invalid or tiny, so that it costs little to copy it. */
static void
guard_text (Peek *self, const guchar *text, gsize length)
{
  gsize n = length;

  while (n > 0 && is_blank (text[n - 1]))
    n--;

  if (n == 0 || (text[n - 1] != '}' && text[n - 1] != ']'))
    {
      self->copy = g_malloc (length + 1);
      if (length > 0)
        memcpy (self->copy, text, length);
      self->copy[length] = '\0';
      text = self->copy;
      n = length + 1;
    }

  self->text = text;
  self->end = text + length;
  self->guard = text + n - 1;
}

static G_NO_INLINE const guchar *
fail (Peek *self, const guchar *pos, const char *fault)
{
  if (self->fault == NULL)
    {
      self->fault_pos = pos;
      self->fault = fault;
    }

  return self->guard;
}

static const guchar *
fail_at_end (Peek *self)
{
  return fail (self, self->end, "the text ends before the object does");
}

static const guchar *
fail_unless_end (Peek *self, const guchar *pos, const char *fault)
{
  return pos < self->end ? fail (self, pos, fault) : fail_at_end (self);
}

static G_NO_INLINE const guchar *
skip_many_blanks (const guchar *pos)
{
  while (is_blank (*pos))
    pos++;

  return pos;
}

/* Before a comma, a colon and a closing bracket: most often there are none. */
static inline const guchar *
skip_rare_blanks (const guchar *pos)
{
  return *pos <= ' ' ? skip_many_blanks (pos) : pos;
}

/* Before a name and a value: most often there is one blank or none. */
static inline const guchar *
skip_blanks (const guchar *pos)
{
  return skip_rare_blanks (*pos == ' ' ? pos + 1 : pos);
}

static G_NO_INLINE const guchar *
read_long_string (Peek *self, const guchar *pos)
{
  const char *fault;
  const guchar *end = aip_json_text_scan (pos, self->end, &self->escaped, &fault);

  return fault == NULL ? end : fail (self, end, fault);
}

/* Most often it is short and plain. */
static inline const guchar *
read_string (Peek *self, const guchar *pos)
{
  pos++;
  if (self->end - pos >= AIP_JSON_BLOCK)
    {
      guint64 special = aip_json_text_find_special (pos);

      if (special != 0)
        pos += aip_json_text_first_special (special);
      if (*pos == '"')
        return pos + 1;
    }

  return read_long_string (self, pos);
}

static inline gboolean
is_digit (guchar c)
{
  return c >= '0' && c <= '9';
}

/* At least one. */
static inline const guchar *
read_digits (Peek *self, const guchar *pos)
{
  if (!is_digit (*pos))
    return fail (self, pos, "invalid number");

  do
    pos++;
  while (is_digit (*pos));

  return pos;
}

static inline const guchar *
read_exponent (Peek *self, const guchar *pos)
{
  pos++;
  if (*pos == '+' || *pos == '-')
    pos++;

  return read_digits (self, pos);
}

static inline const guchar *
read_number (Peek *self, const guchar *pos)
{
  if (*pos == '-')
    pos++;

  const guchar *start = pos;

  pos = read_digits (self, pos);
  if (*start == '0' && pos - start > 1)
    return fail (self, start + 1, "invalid number");

  if (*pos == '.')
    pos = read_digits (self, pos + 1);

  return *pos == 'e' || *pos == 'E' ? read_exponent (self, pos) : pos;
}

static inline const guchar *
read_literal (Peek *self, const guchar *pos, const char *literal, gsize length)
{
  if ((gsize) (self->end - pos) < length || memcmp (pos, literal, length) != 0)
    return fail (self, pos, "expected a value");

  return pos + length;
}

/* By the first byte of a value. */
static const guint8 types[256] = {
  ['"'] = AIP_JSON_STRING, ['{'] = AIP_JSON_OBJECT, ['['] = AIP_JSON_ARRAY,  ['t'] = AIP_JSON_TRUE,
  ['f'] = AIP_JSON_FALSE,  ['n'] = AIP_JSON_NULL,   ['-'] = AIP_JSON_NUMBER, ['0' ... '9'] = AIP_JSON_NUMBER,
};

static const guchar *read_container (Peek *self, const guchar *pos);

static inline G_ALWAYS_INLINE const guchar *
read_value (Peek *self, const guchar *pos)
{
  switch ((AipJsonType) types[*pos])
    {
    case AIP_JSON_STRING:
      return read_string (self, pos);
    case AIP_JSON_NUMBER:
      return read_number (self, pos);
    case AIP_JSON_TRUE:
      return read_literal (self, pos, "true", 4);
    case AIP_JSON_FALSE:
      return read_literal (self, pos, "false", 5);
    case AIP_JSON_NULL:
      return read_literal (self, pos, "null", 4);
    case AIP_JSON_OBJECT:
    case AIP_JSON_ARRAY:
      return read_container (self, pos);
    default:
      return fail_unless_end (self, pos, "expected a value");
    }
}

/* Gives the place behind the closing quote. */
static inline G_ALWAYS_INLINE const guchar *
read_name (Peek *self, const guchar *pos)
{
  if (*pos == '"')
    return read_string (self, pos);

  return fail_unless_end (self, pos, "expected a member's name in double quotes");
}

/* Gives the place of the value. */
static inline G_ALWAYS_INLINE const guchar *
read_colon (Peek *self, const guchar *pos)
{
  pos = skip_rare_blanks (pos);
  if (*pos != ':')
    return fail (self, pos, "expected ':' after the member's name");

  return skip_blanks (pos + 1);
}

static inline G_ALWAYS_INLINE const guchar *
read_member (Peek *self, const guchar *pos)
{
  return read_value (self, read_colon (self, read_name (self, pos)));
}

/* @pos: the opening bracket
 * @fault: what is wrong where neither a comma nor the closing bracket follows an item */
static inline G_ALWAYS_INLINE const guchar *
read_items (Peek *self, const guchar *pos, ReadFunc read_item, char closing, const char *fault)
{
  pos = skip_blanks (pos + 1);
  if (*pos != (guchar) closing)
    {
      pos = skip_rare_blanks (read_item (self, pos));
      while (*pos == ',')
        pos = skip_rare_blanks (read_item (self, skip_blanks (pos + 1)));
    }

  if (*pos != (guchar) closing)
    return fail_unless_end (self, pos, fault);
  if (pos == self->guard && self->depth > 1)
    return fail_at_end (self);

  return pos + 1;
}

static const guchar *
read_object (Peek *self, const guchar *pos)
{
  return read_items (self, pos, read_member, '}', "expected ',' or '}' after a member");
}

static const guchar *
read_array (Peek *self, const guchar *pos)
{
  return read_items (self, pos, read_value, ']', "expected ',' or ']' after an element");
}

/* Containers in containers make the functions above call each other, at most AIP_JSON_MAX_DEPTH times. */
static const guchar *
read_container (Peek *self, const guchar *pos)
{
  if (self->depth == AIP_JSON_MAX_DEPTH)
    return fail (self, pos,
                 "nested too deeply; at most " G_STRINGIFY (AIP_JSON_MAX_DEPTH) " levels are allowed");

  self->depth++;
  pos = *pos == '{' ? read_object (self, pos) : read_array (self, pos);
  self->depth--;
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
static Name *
note_name (Peek *self, const guchar *start, const guchar *end)
{
  Name *name = &self->names[self->n_names++];

  name->text = (const char *) start + 1;
  name->length = (gsize) (end - start - 1);
  name->offset = (gsize) (start - self->text);
  name->decoded = self->escaped ? aip_json_text_decode (name->text, name->length, &name->length) : NULL;
  if (self->escaped)
    name->text = name->decoded;

  return name;
}

static const guchar *
read_top_member (Peek *self, const guchar *pos)
{
  self->escaped = FALSE;

  const guchar *name_end = read_name (self, pos);

  if (self->fault != NULL)
    return name_end;

  if (self->n_names == AIP_JSON_MAX_MEMBERS)
    return fail (self, pos, "too many members; at most " G_STRINGIFY (AIP_JSON_MAX_MEMBERS) " are allowed");

  AipJsonMember *wanted = find_wanted (self, note_name (self, pos, name_end - 1));
  const guchar *value = read_colon (self, name_end);
  const guchar *end = read_value (self, value);

  if (wanted != NULL && self->fault == NULL)
    {
      wanted->type = (AipJsonType) types[*value];
      wanted->start = (gsize) (value - self->text);
      wanted->end = (gsize) (end - self->text);
    }

  return end;
}

static const guchar *
read_top_object (Peek *self, const guchar *pos)
{
  self->depth = 1;
  return read_items (self, pos, read_top_member, '}', "expected ',' or '}' after a member");
}

static gboolean
read_document (Peek *self)
{
  const guchar *pos = skip_blanks (self->text);

  if (pos == self->end)
    fail (self, pos, "the document is empty; an object is expected");
  else if (self->names == NULL)
    pos = read_value (self, pos);
  else if (*pos == '{')
    pos = read_top_object (self, pos);
  else
    fail (self, pos, "expected an object");

  if (self->fault == NULL && pos <= self->guard)
    {
      pos = skip_blanks (pos);
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

static void
set_error (const Peek *self, GError **error)
{
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "invalid JSON at byte %" G_GSIZE_FORMAT ": %s",
               (gsize) (self->fault_pos - self->text), self->fault);
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
 * as long as it ends with a bracket and no name is escaped, without allocating. It is as strict as RFC 8259
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

  Name names[AIP_JSON_MAX_MEMBERS];
  Peek self = {
    .members = members,
    .n_members = n_members,
    .names = names,
  };

  guard_text (&self, (const guchar *) text, length);

  forget_members (members, n_members);

  gboolean valid = read_document (&self) && check_names (&self);

  for (guint i = 0; i < self.n_names; i++)
    g_free (names[i].decoded);

  if (!valid)
    {
      forget_members (members, n_members);
      set_error (&self, error);
    }

  g_free (self.copy);
  return valid;
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
  g_return_val_if_fail (text != NULL || length == 0, FALSE);

  Peek self = { 0 };

  guard_text (&self, (const guchar *) text, length);

  gboolean valid = read_document (&self);

  if (!valid)
    set_error (&self, error);

  g_free (self.copy);
  return valid;
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
