/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-builtin"

#include "wire/aip-builtin-private.h"

#include "base/aip-json-peek.h"

#define EVENTS_MAX 32768 /* of a stream: a longer text leaves several tokens at a time */
#define SLOW_DELAY 50    /* milliseconds per token */
#define SLOW_MAX 60000

/* One answer while it is written: what is the same in each of its parts. */
typedef struct
{
  const AipBuiltinReply *reply;
  const AipBuiltinRequest *request;
  char *head;  /* up to the choices */
  char *usage; /* the object */
  gsize length;
  guint64 n_tokens;
  const char *finish_reason;
} Writer;

static const char *
get_object_type (const Writer *self)
{
  if (!self->reply->chat)
    return "text_completion";
  return self->request->stream ? "chat.completion.chunk" : "chat.completion";
}

static char *
make_head (const Writer *self)
{
  GString *head = g_string_new (NULL);

  g_string_printf (head, "{\"id\":\"%s-%s\",\"object\":\"%s\",\"created\":%" G_GINT64_FORMAT ",\"model\":",
                   self->reply->chat ? "chatcmpl" : "cmpl", self->request->stamp, get_object_type (self),
                   self->request->created);
  aip_json_append_string (head, self->request->model_name, -1);
  g_string_append (head, ",\"system_fingerprint\":\"fp_builtin\"");
  return g_string_free (head, FALSE);
}

static char *
make_usage (const Writer *self)
{
  return g_strdup_printf ("{\"prompt_tokens\":%" G_GUINT64_FORMAT ",\"completion_tokens\":%" G_GUINT64_FORMAT
                          ",\"total_tokens\":%" G_GUINT64_FORMAT "}",
                          self->reply->n_prompt, self->n_tokens, self->reply->n_prompt + self->n_tokens);
}

/* How much of the text is said, and why it ends there. */
static void
measure (Writer *self)
{
  const char *end = self->reply->text;

  if (self->reply->tool != NULL)
    {
      self->n_tokens = 1;
      self->finish_reason = "tool_calls";
      return;
    }
  while (*end != '\0' && self->n_tokens < self->reply->limit)
    {
      end = aip_builtin_token_end (end);
      self->n_tokens++;
    }
  self->length = end - self->reply->text;
  self->finish_reason = *end != '\0' ? "length" : "stop";
}

static void
append_call (GString *out, const Writer *self, const char *index, const char *arguments)
{
  g_string_append_printf (out, "[{%s\"id\":\"call_%s\",\"type\":\"function\",\"function\":{\"name\":", index,
                          self->request->stamp);
  aip_json_append_string (out, self->reply->tool, -1);
  g_string_append_printf (out, ",\"arguments\":\"%s\"}}]", arguments);
}

static GString *
format_whole (const Writer *self)
{
  GString *out = g_string_sized_new (self->length + 512);

  g_string_append (out, self->head);
  g_string_append (out, ",\"choices\":[{\"index\":0,");
  if (self->reply->tool != NULL)
    {
      g_string_append (
          out, "\"message\":{\"role\":\"assistant\",\"content\":null,\"refusal\":null,\"tool_calls\":");
      append_call (out, self, "", "{}");
      g_string_append_c (out, '}');
    }
  else if (self->reply->chat)
    {
      g_string_append (out, "\"message\":{\"role\":\"assistant\",\"content\":");
      aip_json_append_string (out, self->reply->text, (gssize) self->length);
      g_string_append (out, ",\"refusal\":null}");
    }
  else
    {
      g_string_append (out, "\"text\":");
      aip_json_append_string (out, self->reply->text, (gssize) self->length);
    }
  g_string_append_printf (out, ",\"logprobs\":null,\"finish_reason\":\"%s\"}],\"usage\":%s}",
                          self->finish_reason, self->usage);
  return out;
}

static GString *
begin_event (const Writer *self)
{
  GString *out = g_string_sized_new (320);

  g_string_append (out, "data: ");
  g_string_append (out, self->head);
  return out;
}

/* OpenAI writes "usage":null into each event when usage was asked for. */
static void
end_event (const Writer *self, AipBuiltinAnswer *answer, GString *event)
{
  if (self->request->include_usage)
    g_string_append (event, ",\"usage\":null");
  g_string_append (event, "}\n\n");
  aip_builtin_answer_add (answer, event);
}

static void
end_choice (const Writer *self, AipBuiltinAnswer *answer, GString *event, const char *finish_reason)
{
  g_string_append (event, ",\"logprobs\":null,\"finish_reason\":");
  if (finish_reason != NULL)
    aip_json_append_string (event, finish_reason, -1);
  else
    g_string_append (event, "null");
  g_string_append (event, "}]");
  end_event (self, answer, event);
}

static void
add_text (const Writer *self, AipBuiltinAnswer *answer, const char *text, gsize length)
{
  GString *event = begin_event (self);

  g_string_append (event, ",\"choices\":[{\"index\":0,");
  g_string_append (event, self->reply->chat ? "\"delta\":{\"content\":" : "\"text\":");
  aip_json_append_string (event, text, (gssize) length);
  if (self->reply->chat)
    g_string_append_c (event, '}');
  end_choice (self, answer, event, NULL);
}

/* A chat's first event names the role, and the function if one is called. */
static void
add_start (const Writer *self, AipBuiltinAnswer *answer)
{
  if (!self->reply->chat)
    return;

  GString *event = begin_event (self);

  g_string_append (event, ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":");
  g_string_append (event, self->reply->tool != NULL ? "null" : "\"\"");
  g_string_append (event, ",\"refusal\":null");
  if (self->reply->tool != NULL)
    {
      g_string_append (event, ",\"tool_calls\":");
      append_call (event, self, "\"index\":0,", "");
    }
  g_string_append_c (event, '}');
  end_choice (self, answer, event, NULL);
}

static void
add_arguments (const Writer *self, AipBuiltinAnswer *answer)
{
  GString *event = begin_event (self);

  g_string_append (event, ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
                          "\"function\":{\"arguments\":\"{}\"}}]}");
  end_choice (self, answer, event, NULL);
}

static void
add_tokens (const Writer *self, AipBuiltinAnswer *answer, guint64 most)
{
  guint64 n = MIN (self->n_tokens, most);
  guint64 step = (self->n_tokens + EVENTS_MAX - 1) / EVENTS_MAX;
  const char *start = self->reply->text;

  for (guint64 i = 0; i < n;)
    {
      const char *end = start;

      for (guint64 j = 0; j < step && i < n; j++, i++)
        end = aip_builtin_token_end (end);
      add_text (self, answer, start, end - start);
      start = end;
    }
}

static void
add_end (const Writer *self, AipBuiltinAnswer *answer)
{
  GString *event = begin_event (self);

  g_string_append (event, ",\"choices\":[{\"index\":0,");
  g_string_append (event, self->reply->chat ? "\"delta\":{}" : "\"text\":\"\"");
  end_choice (self, answer, event, self->finish_reason);
  if (self->request->include_usage)
    {
      event = begin_event (self);
      g_string_append_printf (event, ",\"choices\":[],\"usage\":%s}\n\n", self->usage);
      aip_builtin_answer_add (answer, event);
    }
  aip_builtin_answer_add (answer, g_string_new ("data: [DONE]\n\n"));
}

static AipBuiltinAnswer *
format_stream (const Writer *self)
{
  const AipBuiltinModel *model = &self->request->model;
  AipBuiltinAnswer *answer = aip_builtin_answer_new (200, "text/event-stream");

  answer->cut = model->kind == AIP_BUILTIN_CUT;
  answer->delay = model->kind == AIP_BUILTIN_SLOW ? SLOW_DELAY : 0;
  add_start (self, answer);
  if (self->reply->tool == NULL)
    add_tokens (self, answer, answer->cut ? model->number : G_MAXUINT64);
  else if (!answer->cut || model->number > 0)
    add_arguments (self, answer);
  if (!answer->cut)
    add_end (self, answer);
  return answer;
}

static AipBuiltinAnswer *
format_json (const Writer *self)
{
  const AipBuiltinModel *model = &self->request->model;
  AipBuiltinAnswer *answer = aip_builtin_answer_new_json (format_whole (self));

  if (model->kind == AIP_BUILTIN_CUT)
    aip_builtin_answer_halve (answer);
  if (model->kind == AIP_BUILTIN_SLOW)
    answer->delay = (guint) MIN ((self->n_tokens + 1) * SLOW_DELAY, SLOW_MAX);
  return answer;
}

/**
 * aip_builtin_reply_format:
 * @self: what to say
 * @request: who asked, and how
 *
 * Gives a reply the shape of OpenAI's API: one object, or a stream of events (OpenAI API reference, "The
 * chat completion object" and "The chat completion chunk object"). The slow model takes the same time for
 * both.
 *
 * Returns: (transfer full): the answer
 */
AipBuiltinAnswer *
aip_builtin_reply_format (const AipBuiltinReply *self, const AipBuiltinRequest *request)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (request != NULL, NULL);

  Writer writer = { .reply = self, .request = request };

  measure (&writer);
  writer.head = make_head (&writer);
  writer.usage = make_usage (&writer);

  AipBuiltinAnswer *answer = request->stream ? format_stream (&writer) : format_json (&writer);

  g_free (writer.head);
  g_free (writer.usage);
  return answer;
}

/**
 * aip_builtin_reply_clear:
 * @self: a reply
 *
 * Frees what is inside.
 */
void
aip_builtin_reply_clear (AipBuiltinReply *self)
{
  g_clear_pointer (&self->text, g_free);
  g_clear_pointer (&self->tool, g_free);
}
