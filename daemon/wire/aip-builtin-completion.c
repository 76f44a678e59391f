/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-builtin"

#include "wire/aip-builtin-private.h"

/* A string, or an array that holds one. */
static const char *
get_prompt (JsonNode *node)
{
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return aip_builtin_node_get_string (node);

  JsonArray *prompts = json_node_get_array (node);

  if (json_array_get_length (prompts) != 1)
    return NULL;
  return aip_builtin_node_get_string (json_array_get_element (prompts, 0));
}

/**
 * aip_builtin_read_completion:
 * @request: a request for completions
 * @reply: (out): what to say; clear it also after a failure
 *
 * Makes the answer to a plain prompt: the prompt.
 *
 * Returns: %FALSE when the request is wrong; its `fault` is set then
 */
gboolean
aip_builtin_read_completion (AipBuiltinRequest *request, AipBuiltinReply *reply)
{
  JsonNode *node = aip_builtin_request_get (request, "prompt");
  gint64 limit = G_MAXINT32;
  gint64 n = 1;

  if (!aip_builtin_request_get_stream (request) ||
      !aip_builtin_request_get_integer (request, "max_tokens", 1, G_MAXINT32, &limit) ||
      !aip_builtin_request_get_integer (request, "n", 1, 1, &n))
    return FALSE;
  if (node == NULL)
    return aip_builtin_request_fail (request, "missing_required_parameter", "prompt",
                                     "Missing required parameter: 'prompt'.");

  const char *prompt = get_prompt (node);

  if (prompt == NULL)
    return aip_builtin_request_fail (request, "invalid_type", "prompt",
                                     "Invalid type for 'prompt': the built-in model takes one string.");
  reply->text = g_utf8_make_valid (prompt, -1);
  reply->n_prompt = aip_builtin_count_tokens (reply->text);
  reply->limit = (guint64) limit;
  return TRUE;
}
