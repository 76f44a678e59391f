/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-first-content"

#include "wire/aip-first-content.h"

#include <string.h>

#include "base/aip-json-peek.h"

typedef struct
{
  const char *text; /* not 0-terminated */
  gsize length;
} Span;

/* What opens an answer, in Anthropic's messages and OpenAI's responses. */
static const char *const openings[] = {
  "message_start",
  "ping",
  "content_block_start",
  "response.created",
  "response.queued",
  "response.in_progress",
  "response.output_item.added",
  "response.content_part.added",
};

static gboolean
is_word (Span span, const char *word)
{
  return span.length == strlen (word) && memcmp (span.text, word, span.length) == 0;
}

static Span
take_line (Span *rest)
{
  gsize length = 0;
  Span line;

  while (length < rest->length && rest->text[length] != '\n' && rest->text[length] != '\r')
    length++;
  line = (Span){ rest->text, length };
  if (length + 1 < rest->length && rest->text[length] == '\r' && rest->text[length + 1] == '\n')
    length++;
  length = MIN (length + 1, rest->length);
  rest->text += length;
  rest->length -= length;
  return line;
}

static gboolean
take_field (Span line, const char *name, Span *value)
{
  gsize length = strlen (name);

  if (line.length <= length || memcmp (line.text, name, length) != 0 || line.text[length] != ':')
    return FALSE;
  length += line.length > length + 1 && line.text[length + 1] == ' ' ? 2 : 1;
  *value = (Span){ line.text + length, line.length - length };
  return TRUE;
}

static Span
span_of (Span object, const AipJsonMember *member)
{
  return (Span){ object.text + member->start, member->end - member->start };
}

/* Whether nothing is in it but the role and empty values. */
static gboolean
is_empty_delta (Span delta)
{
  const char *at = delta.text + 1;
  const char *end = delta.text + delta.length;

  while (at < end)
    {
      const char *name = memchr (at, '"', end - at);
      const char *name_end = name != NULL ? memchr (name + 1, '"', end - name - 1) : NULL;
      gboolean role = name_end != NULL && is_word ((Span){ name + 1, name_end - name - 1 }, "role");

      if (name == NULL)
        return TRUE;
      if (name_end == NULL)
        return FALSE;
      at = name_end + 1;
      while (at < end && strchr (": \t\r\n", *at) != NULL)
        at++;
      if (end - at >= 4 && memcmp (at, "null", 4) == 0)
        at += 4;
      else if (end - at >= 2 && memcmp (at, "\"\"", 2) == 0)
        at += 2;
      else if (role && *at == '"' && memchr (at + 1, '"', end - at - 1) != NULL)
        at = (const char *) memchr (at + 1, '"', end - at - 1) + 1;
      else
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_set (Span object, const char *name, Span *value)
{
  AipJsonMember member = { .name = name };

  if (!aip_json_peek (object.text, object.length, &member, 1, NULL) || member.type == AIP_JSON_ABSENT ||
      member.type == AIP_JSON_NULL)
    return FALSE;
  *value = span_of (object, &member);
  return TRUE;
}

/* OpenAI's first chunk has the role alone; Azure's has no choice, but what it found in the prompt. */
static gboolean
is_empty_chunk (Span choices, gboolean has_usage)
{
  Span first = { choices.text + 1, choices.length - 2 };
  Span delta, finish;

  while (first.length > 0 && strchr (" \t\r\n", *first.text) != NULL)
    {
      first.text++;
      first.length--;
    }
  if (first.length == 0)
    return !has_usage;
  /* More than one choice is no JSON object, and counts as content. */
  return is_set (first, "delta", &delta) && *delta.text == '{' && is_empty_delta (delta) &&
         !is_set (first, "finish_reason", &finish);
}

static gboolean
is_opening (Span type)
{
  for (gsize i = 0; i < G_N_ELEMENTS (openings); i++)
    if (type.length == strlen (openings[i]) + 2 &&
        memcmp (type.text + 1, openings[i], strlen (openings[i])) == 0)
      return TRUE;
  return FALSE;
}

static AipFirstContent
judge_data (Span data)
{
  AipJsonMember members[] = {
    { .name = "type" },  { .name = "error" },      { .name = "choices" },
    { .name = "usage" }, { .name = "error_code" },
  };

  if (!aip_json_peek (data.text, data.length, members, G_N_ELEMENTS (members), NULL))
    return AIP_FIRST_CONTENT_TEXT;
  if (members[1].type == AIP_JSON_OBJECT || members[1].type == AIP_JSON_STRING)
    return AIP_FIRST_CONTENT_ERROR;
  /* Baidu's; 0 is none. */
  if (members[4].type == AIP_JSON_NUMBER && !is_word (span_of (data, &members[4]), "0"))
    return AIP_FIRST_CONTENT_ERROR;
  if (members[0].type == AIP_JSON_STRING)
    {
      Span type = span_of (data, &members[0]);

      if (is_word (type, "\"error\"") || is_word (type, "\"response.failed\""))
        return AIP_FIRST_CONTENT_ERROR;
      return is_opening (type) ? AIP_FIRST_CONTENT_NONE : AIP_FIRST_CONTENT_TEXT;
    }
  if (members[2].type == AIP_JSON_ARRAY &&
      is_empty_chunk (span_of (data, &members[2]), members[3].type == AIP_JSON_OBJECT))
    return AIP_FIRST_CONTENT_NONE;
  return AIP_FIRST_CONTENT_TEXT;
}

/**
 * aip_first_content_find:
 * @events: whole events
 * @length: of @events, in bytes
 * @error: (out): with %AIP_FIRST_CONTENT_ERROR, the data of the event that tells, within @events
 * @error_length: (out): of @error, in bytes
 *
 * Looks for the first event that is more than a sign of life. What is not known counts as content.
 *
 * Returns: what it found; %AIP_FIRST_CONTENT_NONE: none of them matters
 */
AipFirstContent
aip_first_content_find (const char *events, gsize length, const char **error, gsize *error_length)
{
  Span rest = { events, length };
  gboolean named_error = FALSE;

  g_return_val_if_fail (events != NULL || length == 0, AIP_FIRST_CONTENT_TEXT);

  while (rest.length > 0)
    {
      Span line = take_line (&rest);
      Span value;
      AipFirstContent found;

      if (line.length == 0)
        named_error = FALSE;
      else if (take_field (line, "event", &value))
        named_error = is_word (value, "error");
      if (!take_field (line, "data", &value) || value.length == 0)
        continue;
      found = named_error ? AIP_FIRST_CONTENT_ERROR : judge_data (value);
      if (found == AIP_FIRST_CONTENT_NONE)
        continue;
      *error = value.text;
      *error_length = value.length;
      return found;
    }
  return AIP_FIRST_CONTENT_NONE;
}
