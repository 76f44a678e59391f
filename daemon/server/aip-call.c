/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-call"

#include "server/aip-call.h"

#include <string.h>

#include "base/aip-error.h"
#include "server/aip-query.h"

#define MAX_MODEL_LENGTH 256

/* Beyond what any provider takes. */
#define MAX_OUTPUT (1000 * 1000 * 1000)
#define MAX_ANSWERS 1024

static gboolean
is_model_name (const char *name)
{
  gsize length = strlen (name);

  for (gsize i = 0; i < length; i++)
    if ((guchar) name[i] < 0x20 || name[i] == 0x7f)
      return FALSE;
  return length > 0 && length <= MAX_MODEL_LENGTH;
}

static gboolean
take_model (AipCall *self, const char *text, const AipRoute *route, GError **error)
{
  if (self->model_member.type == AIP_JSON_ABSENT || self->model_member.type == AIP_JSON_NULL)
    {
      if (!route->needs_model)
        return TRUE;
      g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                   "model: it is missing; name one of those that GET /v1/models lists");
      return FALSE;
    }
  self->model = aip_json_member_dup_string (text, &self->model_member);
  if (self->model != NULL && is_model_name (self->model))
    return TRUE;
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
               "model: it has to be a string of 1 to %d printable characters", MAX_MODEL_LENGTH);
  return FALSE;
}

static gboolean
take_stream (AipCall *self, const AipRoute *route, GError **error)
{
  switch (self->stream_member.type)
    {
    case AIP_JSON_TRUE:
      self->stream = TRUE;
      return TRUE;
    case AIP_JSON_ABSENT:
    case AIP_JSON_FALSE:
    case AIP_JSON_NULL:
      self->stream = route->implies_stream;
      return TRUE;
    default:
      g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "stream: it has to be true or false");
      return FALSE;
    }
}

/* Endpoints that we know nothing of may want another JSON value than an object. */
static gboolean
is_object (const char *text, gsize length)
{
  gsize blanks = 0;

  while (blanks < length && strchr (" \t\r\n", text[blanks]) != NULL)
    blanks++;
  return blanks < length && text[blanks] == '{';
}

/**
 * aip_call_parse:
 * @self: zeroed memory of the caller's
 * @body: the request's body; referenced
 * @route: where it was sent
 * @error: return location for an AIP_ERROR_INVALID_ARGUMENT; a message that begins with "NAME: " is about
 * that member
 *
 * Returns: whether it is JSON that can be sent on its way
 */
gboolean
aip_call_parse (AipCall *self, GBytes *body, const AipRoute *route, GError **error)
{
  gsize length;
  const char *text = g_bytes_get_data (body, &length);
  AipJsonMember members[] = { { .name = "model" }, { .name = "stream" } };

  self->body = g_bytes_ref (body);
  if (!route->json && !is_object (text, length))
    return length == 0 || aip_json_check (text, length, error);
  if (!aip_json_peek (text, length, members, G_N_ELEMENTS (members), error))
    return FALSE;
  self->model_member = members[0];
  self->stream_member = members[1];
  return take_model (self, text, route, error) && take_stream (self, route, error);
}

/**
 * aip_call_parse_query:
 * @self: zeroed memory of the caller's
 * @query: (nullable): of a request that names its model there, or names none
 * @error: return location for an AIP_ERROR_INVALID_ARGUMENT, as with aip_call_parse ()
 *
 * Returns: whether every server finds the same model in it
 */
gboolean
aip_call_parse_query (AipCall *self, const char *query, GError **error)
{
  guint n_models;

  self->model = aip_query_dup_value (query, "model", &n_models);
  if (n_models == 0 || (n_models == 1 && self->model != NULL && is_model_name (self->model)))
    return TRUE;
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
               "model: in the query it has to be there once, with 1 to %d printable characters",
               MAX_MODEL_LENGTH);
  return FALSE;
}

/**
 * aip_call_has_second_model:
 * @self: a call that was parsed
 *
 * Returns: whether its body has a member that differs from "model" in case alone, which some servers (those
 *   written in Go) take for the same
 */
gboolean
aip_call_has_second_model (const AipCall *self)
{
  static const char name[] = "model";
  AipJsonMember members[(1 << (sizeof name - 1)) - 1];
  char names[G_N_ELEMENTS (members)][sizeof name];
  gsize length;
  const char *text;

  g_return_val_if_fail (self != NULL && self->body != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    {
      for (guint letter = 0; letter < sizeof name; letter++)
        names[i][letter] = ((i + 1) >> letter & 1) != 0 ? g_ascii_toupper (name[letter]) : name[letter];
      members[i] = (AipJsonMember){ .name = names[i] };
    }
  text = g_bytes_get_data (self->body, &length);
  if (!aip_json_peek (text, length, members, G_N_ELEMENTS (members), NULL))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (members[i].type != AIP_JSON_ABSENT)
      return TRUE;
  return FALSE;
}

/* Some providers take 1e3 for 1000, and all that is too much for the most there is. What is no number is
 * theirs to refuse. */
static guint64
to_count (const char *text, const AipJsonMember *member, guint64 max)
{
  g_autofree char *digits = NULL;
  double count;

  if (member->type != AIP_JSON_NUMBER)
    return 0;
  digits = g_strndup (text + member->start, member->end - member->start);
  count = g_ascii_strtod (digits, NULL);
  return count >= 1 ? (guint64) MIN (count, (double) max) : 0;
}

/**
 * aip_call_find_max_output:
 * @self: a call that was parsed
 *
 * Goes by OpenAI's and Anthropic's names for it, of which a request should have one: "max_completion_tokens"
 * (or "max_tokens") of chats, for each of the "n" answers asked for, "max_output_tokens" of responses,
 * "max_tokens" of messages.
 *
 * Returns: how many tokens the answer may have at most; 0: the call does not tell
 */
guint64
aip_call_find_max_output (const AipCall *self)
{
  AipJsonMember members[] = { { .name = "max_completion_tokens" },
                              { .name = "max_output_tokens" },
                              { .name = "max_tokens" },
                              { .name = "n" } };
  const guint n_limits = G_N_ELEMENTS (members) - 1;
  guint64 most = 0;
  gsize length;
  const char *text;

  g_return_val_if_fail (self != NULL, 0);

  text = self->body != NULL ? g_bytes_get_data (self->body, &length) : NULL;
  if (text == NULL || !aip_json_peek (text, length, members, G_N_ELEMENTS (members), NULL))
    return 0;
  for (guint i = 0; i < n_limits; i++)
    most = MAX (most, to_count (text, &members[i], MAX_OUTPUT));
  return most * MAX (to_count (text, &members[n_limits], MAX_ANSWERS), 1);
}

static GBytes *
splice (GBytes *body, gsize start, gsize end, const char *text)
{
  gsize length;
  const char *data = g_bytes_get_data (body, &length);
  GString *out = g_string_sized_new (length + strlen (text));

  g_string_append_len (out, data, start);
  g_string_append (out, text);
  g_string_append_len (out, data + end, length - end);
  return g_string_free_to_bytes (out);
}

/* Sets `stream` to true in place, so that all else stays as the client wrote it. */
static GBytes *
imply_stream (const AipCall *self, GBytes *body)
{
  const char *text = g_bytes_get_data (body, NULL);
  AipJsonMember member = self->stream_member;
  gsize open;

  if (member.type == AIP_JSON_TRUE)
    return g_bytes_ref (body);
  if (member.type != AIP_JSON_ABSENT)
    return splice (body, member.start, member.end, "true");
  /* An object with a model in it has a first member, so the comma is right. */
  open = strcspn (text, "{") + 1;
  return splice (body, open, open, "\"stream\":true,");
}

/**
 * aip_call_render:
 * @self: a parsed call
 * @route: where it was sent
 * @model: (nullable): the upstream's name for the model; NULL: it names none
 *
 * Returns: (transfer full): the body for the upstream: the client's bytes, but for the values that have to
 * differ
 */
GBytes *
aip_call_render (const AipCall *self, const AipRoute *route, const char *model)
{
  g_autoptr (GBytes) body = g_bytes_ref (self->body);

  /* From the back to the front, so that the offsets of what comes first stay right. */
  if (route->implies_stream && self->stream_member.start > self->model_member.start)
    {
      g_autoptr (GBytes) plain = g_steal_pointer (&body);
      body = imply_stream (self, plain);
    }
  if (self->model != NULL && model != NULL && !g_str_equal (model, self->model))
    {
      g_autoptr (GBytes) plain = g_steal_pointer (&body);
      body = aip_json_replace_string (plain, &self->model_member, model);
    }
  if (route->implies_stream && self->stream_member.start <= self->model_member.start)
    {
      g_autoptr (GBytes) plain = g_steal_pointer (&body);
      body = imply_stream (self, plain);
    }
  return g_steal_pointer (&body);
}

/**
 * aip_call_clear:
 * @self: a call, zeroed or parsed
 */
void
aip_call_clear (AipCall *self)
{
  g_clear_pointer (&self->body, g_bytes_unref);
  g_clear_pointer (&self->model, g_free);
}
