/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-builtin"

#include "wire/aip-builtin.h"

#include <string.h>

#include "wire/aip-builtin-private.h"
#include "wire/aip-models-json.h"

#define OWNER "aiproxy"
#define EMBEDDING_DELAY 50 /* milliseconds that the slow model takes */

typedef AipBuiltinAnswer *(*Handler) (AipBuiltinRequest *request);

static const char *const model_globs[] = { "echo", "echo-slow", "echo-embedding", "fail-*", "cut-*", NULL };
static const char *const model_examples[] = { "echo", "echo-slow", "echo-embedding", "fail-503", "cut-5" };

/**
 * aip_builtin_models:
 *
 * Returns: (transfer none): globs that match the models inside the daemon, ending with NULL
 */
const char *const *
aip_builtin_models (void)
{
  return model_globs;
}

/* A plain decimal number of at most six digits: one number has one name. */
static gboolean
parse_number (const char *text, guint least, guint most, guint *number)
{
  guint64 value;

  if (strlen (text) > 6 || (text[0] == '0' && text[1] != '\0') ||
      !g_ascii_string_to_unsigned (text, 10, least, most, &value, NULL))
    return FALSE;
  *number = (guint) value;
  return TRUE;
}

/**
 * aip_builtin_model_parse:
 * @name: a model's name
 * @model: (out): what it does
 *
 * Returns: %FALSE when there is no such model
 */
gboolean
aip_builtin_model_parse (const char *name, AipBuiltinModel *model)
{
  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (model != NULL, FALSE);

  static const struct
  {
    const char *name;
    AipBuiltinKind kind;
  } plain[] = {
    { "echo", AIP_BUILTIN_ECHO },
    { "echo-slow", AIP_BUILTIN_SLOW },
    { "echo-embedding", AIP_BUILTIN_EMBEDDING },
  };

  *model = (AipBuiltinModel){ 0 };
  for (gsize i = 0; i < G_N_ELEMENTS (plain); i++)
    {
      if (g_str_equal (plain[i].name, name))
        {
          model->kind = plain[i].kind;
          return TRUE;
        }
    }
  if (g_str_has_prefix (name, "fail-"))
    {
      model->kind = AIP_BUILTIN_FAIL;
      return parse_number (name + strlen ("fail-"), 400, 599, &model->number);
    }
  model->kind = AIP_BUILTIN_CUT;
  return g_str_has_prefix (name, "cut-") && parse_number (name + strlen ("cut-"), 0, 999999, &model->number);
}

static AipBuiltinAnswer *
answer_models (void)
{
  AipModelInfo models[G_N_ELEMENTS (model_examples)];

  for (gsize i = 0; i < G_N_ELEMENTS (models); i++)
    models[i] = (AipModelInfo){ .id = model_examples[i], .owner = OWNER };

  g_autofree char *text = aip_models_format_list (AIP_PROTOCOL_OPENAI, models, G_N_ELEMENTS (models));
  return aip_builtin_answer_new_json (g_string_new (text));
}

static AipBuiltinAnswer *
answer_model (const char *id)
{
  const AipModelInfo info = { .id = id, .owner = OWNER };
  AipBuiltinModel model;

  if (!aip_builtin_model_parse (id, &model))
    return aip_builtin_answer_new_failure (
        404, "model_not_found", "model",
        "The built-in provider has no such model. Ask for the list of models.");
  g_autofree char *text = aip_models_format_one (AIP_PROTOCOL_OPENAI, &info);
  return aip_builtin_answer_new_json (g_string_new (text));
}

static AipBuiltinAnswer *
answer_text (AipBuiltinRequest *request,
             gboolean (*read) (AipBuiltinRequest *, AipBuiltinReply *),
             gboolean stream)
{
  g_auto (AipBuiltinReply) reply = { 0 };

  if (request->model.kind == AIP_BUILTIN_EMBEDDING)
    {
      aip_builtin_request_fail (
          request, "invalid_value", "model",
          "The model 'echo-embedding' gives embeddings only. Ask it at /v1/embeddings, or "
          "use \"echo\" here.");
      return NULL;
    }
  if (!read (request, &reply))
    return NULL;
  request->stream = request->stream || stream;
  return aip_builtin_reply_format (&reply, request);
}

static AipBuiltinAnswer *
answer_chat (AipBuiltinRequest *request)
{
  return answer_text (request, aip_builtin_read_chat, FALSE);
}

static AipBuiltinAnswer *
answer_chat_stream (AipBuiltinRequest *request)
{
  return answer_text (request, aip_builtin_read_chat, TRUE);
}

static AipBuiltinAnswer *
answer_completion (AipBuiltinRequest *request)
{
  return answer_text (request, aip_builtin_read_completion, FALSE);
}

static AipBuiltinAnswer *
answer_embeddings (AipBuiltinRequest *request)
{
  AipBuiltinAnswer *answer = aip_builtin_answer_embeddings (request);

  if (answer != NULL && request->model.kind == AIP_BUILTIN_CUT)
    aip_builtin_answer_halve (answer);
  if (answer != NULL && request->model.kind == AIP_BUILTIN_SLOW)
    answer->delay = EMBEDDING_DELAY;
  return answer;
}

static AipBuiltinAnswer *
answer_post (Handler handler, GBytes *body, gint64 now_s)
{
  g_auto (AipBuiltinRequest) request = { 0 };
  AipBuiltinAnswer *answer = NULL;

  if (aip_builtin_request_init (&request, body, now_s))
    {
      if (request.model.kind == AIP_BUILTIN_FAIL)
        {
          g_autofree char *message = g_strdup_printf ("The model '%s' fails on purpose.", request.model_name);

          return aip_builtin_answer_new_failure (request.model.number, NULL, NULL, message);
        }
      answer = handler (&request);
    }
  return answer != NULL ? answer : g_steal_pointer (&request.fault);
}

static Handler
find_handler (const char *endpoint)
{
  static const struct
  {
    const char *endpoint;
    Handler handler;
  } handlers[] = {
    { "chat/completions", answer_chat },
    { "chat/completions/stream", answer_chat_stream },
    { "completions", answer_completion },
    { "embeddings", answer_embeddings },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (handlers); i++)
    {
      if (g_str_equal (handlers[i].endpoint, endpoint))
        return handlers[i].handler;
    }
  return NULL;
}

static AipBuiltinAnswer *
answer_wrong_method (const char *method, const char *right)
{
  g_autofree char *message = g_strdup_printf ("The method %.16s is not allowed here; use %s.", method, right);

  return aip_builtin_answer_new_failure (405, "method_not_allowed", NULL, message);
}

/**
 * aip_builtin_answer:
 * @method: of HTTP
 * @endpoint: such as "chat/completions", without a leading slash
 * @body: (nullable): the request's body; any bytes are accepted
 * @now_s: seconds since the epoch
 *
 * What the model inside the daemon answers. It depends on nothing but the arguments. All of it has the shape
 * of OpenAI's API, errors too: "chat/completions", "completions", "embeddings", "models", "models/ID".
 * The model `echo` answers with the last user's message; `echo-slow` does so slowly; `fail-NNN` answers with
 * that status; `cut-N` breaks off after N tokens, or in the middle of a body that is no stream.
 *
 * Returns: (transfer full): the answer
 */
AipBuiltinAnswer *
aip_builtin_answer (const char *method, const char *endpoint, GBytes *body, gint64 now_s)
{
  g_return_val_if_fail (method != NULL, NULL);
  g_return_val_if_fail (endpoint != NULL, NULL);

  gboolean get = g_str_equal (method, "GET") || g_str_equal (method, "HEAD");
  Handler handler = find_handler (endpoint);

  if (handler != NULL)
    return g_str_equal (method, "POST") ? answer_post (handler, body, now_s)
                                        : answer_wrong_method (method, "POST");
  if (g_str_equal (endpoint, "models"))
    return get ? answer_models () : answer_wrong_method (method, "GET");
  if (g_str_has_prefix (endpoint, "models/"))
    return get ? answer_model (endpoint + strlen ("models/")) : answer_wrong_method (method, "GET");
  return aip_builtin_answer_new_failure (
      404, "unknown_url", NULL,
      "The built-in provider has no such endpoint. It has chat/completions, "
      "completions, embeddings and models.");
}
