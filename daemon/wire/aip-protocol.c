/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-protocol"

#include "wire/aip-protocol.h"

#include "base/aip-json-peek.h"

/* How each protocol names an error of one HTTP status. */
typedef struct
{
  guint status;
  const char *openai;
  const char *anthropic;
  const char *gemini;
} StatusNames;

static const StatusNames status_names[] = {
  { 400, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT" },
  { 401, "authentication_error", "authentication_error", "UNAUTHENTICATED" },
  { 402, "insufficient_quota", "billing_error", "FAILED_PRECONDITION" },
  { 403, "permission_error", "permission_error", "PERMISSION_DENIED" },
  { 404, "not_found_error", "not_found_error", "NOT_FOUND" },
  { 408, "timeout_error", "timeout_error", "DEADLINE_EXCEEDED" },
  { 409, "conflict_error", "invalid_request_error", "ABORTED" },
  { 413, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT" },
  { 429, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED" },
  { 431, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT" },
  { 499, "invalid_request_error", "invalid_request_error", "CANCELLED" },
  { 500, "server_error", "api_error", "INTERNAL" },
  { 501, "server_error", "api_error", "UNIMPLEMENTED" },
  { 502, "server_error", "api_error", "UNAVAILABLE" },
  { 503, "server_error", "overloaded_error", "UNAVAILABLE" },
  { 504, "timeout_error", "timeout_error", "DEADLINE_EXCEEDED" },
  { 529, "server_error", "overloaded_error", "UNAVAILABLE" },
};

static const StatusNames other_client_names = { 0, "invalid_request_error", "invalid_request_error",
                                                "FAILED_PRECONDITION" };
static const StatusNames other_server_names = { 0, "server_error", "api_error", "INTERNAL" };

static const StatusNames *
find_status_names (guint status)
{
  for (gsize i = 0; i < G_N_ELEMENTS (status_names); i++)
    {
      if (status_names[i].status == status)
        return &status_names[i];
    }
  return status >= 500 ? &other_server_names : &other_client_names;
}

/* Anthropic's SDKs know a closed set of types; one from another protocol must not leak into it. */
static gboolean
is_anthropic_type (const char *type)
{
  for (gsize i = 0; i < G_N_ELEMENTS (status_names); i++)
    {
      if (g_str_equal (status_names[i].anthropic, type))
        return TRUE;
    }
  return FALSE;
}

/* Gemini's `status` is one of google.rpc.Code's names. */
static gboolean
is_gemini_status (const char *type)
{
  for (gsize i = 0; i < G_N_ELEMENTS (status_names); i++)
    {
      if (g_str_equal (status_names[i].gemini, type))
        return TRUE;
    }
  return FALSE;
}

static void
append_text (GString *out, const char *name, const char *value)
{
  aip_json_append_string (out, name, -1);
  g_string_append_c (out, ':');
  if (value != NULL)
    aip_json_append_string (out, value, -1);
  else
    g_string_append (out, "null");
}

static void
append_openai (GString *out, const AipFailure *failure, const char *message)
{
  const char *type = failure->type != NULL ? failure->type : find_status_names (failure->status)->openai;

  g_string_append (out, "{\"error\":{");
  append_text (out, "message", message);
  g_string_append_c (out, ',');
  append_text (out, "type", type);
  g_string_append_c (out, ',');
  append_text (out, "param", failure->param);
  g_string_append_c (out, ',');
  append_text (out, "code", failure->code);
  g_string_append (out, "}}");
}

static void
append_anthropic (GString *out, const AipFailure *failure, const char *message)
{
  const char *type = find_status_names (failure->status)->anthropic;

  if (failure->type != NULL && is_anthropic_type (failure->type))
    type = failure->type;
  g_string_append (out, "{\"type\":\"error\",\"error\":{");
  append_text (out, "type", type);
  g_string_append_c (out, ',');
  append_text (out, "message", message);
  g_string_append (out, "}}");
}

static void
append_gemini (GString *out, const AipFailure *failure, const char *message)
{
  const char *status = find_status_names (failure->status)->gemini;

  if (failure->type != NULL && is_gemini_status (failure->type))
    status = failure->type;
  g_string_append_printf (out, "{\"error\":{\"code\":%u,", failure->status);
  append_text (out, "message", message);
  g_string_append_c (out, ',');
  append_text (out, "status", status);
  g_string_append (out, "}}");
}

static void
append_ollama (GString *out, const AipFailure *failure, const char *message)
{
  g_string_append_c (out, '{');
  append_text (out, "error", message);
  g_string_append_c (out, '}');
}

static void
append_error (GString *out, AipProtocol protocol, const AipFailure *failure)
{
  const char *message = failure->message != NULL ? failure->message : "The request failed.";

  switch (protocol)
    {
    case AIP_PROTOCOL_OPENAI:
      append_openai (out, failure, message);
      return;
    case AIP_PROTOCOL_ANTHROPIC:
      append_anthropic (out, failure, message);
      return;
    case AIP_PROTOCOL_GEMINI:
      append_gemini (out, failure, message);
      return;
    case AIP_PROTOCOL_OLLAMA:
      append_ollama (out, failure, message);
      return;
    case AIP_N_PROTOCOLS:
      break;
    }
  g_assert_not_reached ();
}

/**
 * aip_protocol_format_error:
 * @protocol: what the client speaks
 * @failure: what went wrong; any bytes are accepted in its texts
 *
 * The body of an error answer, in the shape that the protocol's own servers use:
 * OpenAI's API reference ("error" object with message, type, param, code), Anthropic's
 * docs.claude.com/en/api/errors, Google's google.rpc.Status in JSON, docs.ollama.com/api/errors.
 * A type that the protocol does not know is replaced by the usual one of the status.
 *
 * Returns: (transfer full): JSON, valid UTF-8, without a line break
 */
char *
aip_protocol_format_error (AipProtocol protocol, const AipFailure *failure)
{
  g_return_val_if_fail ((guint) protocol < AIP_N_PROTOCOLS, NULL);
  g_return_val_if_fail (failure != NULL, NULL);

  GString *out = g_string_sized_new (256);

  append_error (out, protocol, failure);
  return g_string_free (out, FALSE);
}

/**
 * aip_protocol_format_stream_error:
 * @protocol: what the client speaks
 * @failure: what went wrong; any bytes are accepted in its texts
 *
 * The last thing to say in a stream that cannot be finished: a server-sent event (Anthropic: one
 * named "error"), or one line of JSON for Ollama. No end mark follows it.
 *
 * Returns: (transfer full): the event, with the line ends that close it
 */
char *
aip_protocol_format_stream_error (AipProtocol protocol, const AipFailure *failure)
{
  g_return_val_if_fail ((guint) protocol < AIP_N_PROTOCOLS, NULL);
  g_return_val_if_fail (failure != NULL, NULL);

  GString *out = g_string_sized_new (256);

  if (protocol == AIP_PROTOCOL_ANTHROPIC)
    g_string_append (out, "event: error\n");
  if (protocol != AIP_PROTOCOL_OLLAMA)
    g_string_append (out, "data: ");
  append_error (out, protocol, failure);
  g_string_append (out, protocol == AIP_PROTOCOL_OLLAMA ? "\n" : "\n\n");
  return g_string_free (out, FALSE);
}
