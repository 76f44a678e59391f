/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-conversation"

#include "wire/aip-conversation.h"

#include <string.h>

#include "base/aip-json-peek.h"

/* What all requests of one conversation have in common, in any protocol, and those of others do not: the name
 * that the client gives it, or else the text of its first user message. What stands before that (the system's
 * message, tools, parameters) is the same in many conversations, and what comes after it is not there at
 * first. */

/* Before the first of the user's own there are few others. */
#define MAX_MESSAGES 64

enum
{
  PROMPT_CACHE_KEY,
  USER,
  MESSAGES,
  CONTENTS,
  INPUT,
  PROMPT,
  N_MEMBERS,
};

/* @at: behind the opening quote; returns the offset behind the closing one */
static gsize
skip_string (const char *text, gsize at, gsize end)
{
  while (at < end)
    {
      const char *quote = memchr (text + at, '"', end - at);
      gsize n_escapes = 0;

      if (quote == NULL)
        return end;
      while (quote - n_escapes > text + at && quote[-1 - (gssize) n_escapes] == '\\')
        n_escapes++;
      at = (gsize) (quote - text) + 1;
      if (n_escapes % 2 == 0)
        return at;
    }
  return end;
}

/* @at: where an object or array begins; returns the offset behind its end */
static gsize
skip_nested (const char *text, gsize at, gsize end)
{
  guint depth = 0;

  while (at < end)
    {
      char c = text[at++];

      if (c == '"')
        at = skip_string (text, at, end);
      else if (c == '{' || c == '[')
        depth++;
      else if ((c == '}' || c == ']') && --depth == 0)
        return at;
    }
  return end;
}

/* The next object of an array; returns whether there is one. */
static gboolean
next_object (const char *text, gsize *at, gsize end, gsize *start)
{
  while (*at < end && text[*at] != '{')
    {
      if (text[*at] == '"')
        *at = skip_string (text, *at + 1, end);
      else if (text[*at] == '[')
        *at = skip_nested (text, *at, end);
      else
        (*at)++;
    }
  *start = *at;
  *at = skip_nested (text, *at, end);
  return *start < end;
}

static gboolean
is_user (const char *text, const AipJsonMember *role)
{
  static const char user[] = "\"user\"";

  /* Gemini's may leave it out. */
  return role->type == AIP_JSON_ABSENT || (role->end - role->start == sizeof user - 1 &&
                                           memcmp (text + role->start, user, sizeof user - 1) == 0);
}

static gboolean
take (const AipJsonMember *member, gsize offset, gsize *start, gsize *end)
{
  *start = offset + member->start;
  *end = offset + member->end;
  return TRUE;
}

/* The text of the first part, which has no marks for caches in it that come and go. */
static gboolean
take_first_part (const char *text, gsize at, gsize last, gsize *start, gsize *end)
{
  AipJsonMember words = { .name = "text" };
  gsize part;

  return next_object (text, &at, last, &part) && aip_json_peek (text + part, at - part, &words, 1, NULL) &&
         words.type == AIP_JSON_STRING && take (&words, part, start, end);
}

static gboolean
take_message (const char *text, gsize message, gsize message_end, gsize *start, gsize *end)
{
  AipJsonMember members[] = { { .name = "role" }, { .name = "content" }, { .name = "parts" } };
  const char *own = text + message;

  if (!aip_json_peek (own, message_end - message, members, G_N_ELEMENTS (members), NULL) ||
      !is_user (own, &members[0]))
    return FALSE;
  for (gsize i = 1; i < G_N_ELEMENTS (members); i++)
    {
      if (members[i].type == AIP_JSON_STRING)
        return take (&members[i], message, start, end);
      if (members[i].type == AIP_JSON_ARRAY &&
          take_first_part (text, message + members[i].start + 1, message + members[i].end - 1, start, end))
        return TRUE;
    }
  *start = message;
  *end = message_end;
  return TRUE;
}

static gboolean
find_first (const char *text, const AipJsonMember *list, gsize *start, gsize *end)
{
  gsize at = list->start + 1;
  gsize last = list->end - 1;
  gsize message;

  for (guint i = 0; i < MAX_MESSAGES && next_object (text, &at, last, &message); i++)
    if (take_message (text, message, at, start, end))
      return TRUE;
  return FALSE;
}

/**
 * aip_conversation_find:
 * @body: (not 0-terminated): a request's body, in any protocol
 * @length: of @body, in bytes
 * @start: (out): where in @body the piece begins that tells its conversation from others
 * @end: (out): where that ends
 *
 * Returns: whether there is such a piece
 */
gboolean
aip_conversation_find (const char *body, gsize length, gsize *start, gsize *end)
{
  AipJsonMember members[N_MEMBERS] = {
    [PROMPT_CACHE_KEY] = { .name = "prompt_cache_key" },
    [USER] = { .name = "user" },
    [MESSAGES] = { .name = "messages" },
    [CONTENTS] = { .name = "contents" },
    [INPUT] = { .name = "input" },
    [PROMPT] = { .name = "prompt" },
  };

  g_return_val_if_fail ((body != NULL || length == 0) && start != NULL && end != NULL, FALSE);

  if (!aip_json_peek (body, length, members, N_MEMBERS, NULL))
    return FALSE;
  for (guint i = 0; i < N_MEMBERS; i++)
    {
      if (members[i].type == AIP_JSON_STRING)
        return take (&members[i], 0, start, end);
      if (i >= MESSAGES && members[i].type == AIP_JSON_ARRAY && find_first (body, &members[i], start, end))
        return TRUE;
    }
  return FALSE;
}
