/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-builtin"

#include "wire/aip-builtin-private.h"

#include "wire/aip-json-tree.h"

/**
 * aip_builtin_request_fail:
 * @self: a request
 * @code: such as "invalid_type"
 * @param: (nullable): the member of the request that is wrong
 * @format: what is wrong and what to do
 *
 * Notes that the request is wrong: the answer is status 400.
 *
 * Returns: %FALSE, always, so that a reader can return it
 */
gboolean
aip_builtin_request_fail (AipBuiltinRequest *self,
                          const char *code,
                          const char *param,
                          const char *format,
                          ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_autofree char *message = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  g_clear_pointer (&self->fault, aip_builtin_answer_free);
  self->fault = aip_builtin_answer_new_failure (400, code, param, message);
  return FALSE;
}

static gboolean
read_model (AipBuiltinRequest *self)
{
  JsonNode *node = aip_builtin_request_get (self, "model");

  if (node == NULL)
    return aip_builtin_request_fail (self, "missing_required_parameter", "model",
                                     "Missing required parameter: 'model'. Try \"echo\".");
  self->model_name = aip_builtin_node_get_string (node);
  if (self->model_name == NULL)
    return aip_builtin_request_fail (self, "invalid_type", "model",
                                     "Invalid type for 'model': expected a string.");
  if (aip_builtin_model_parse (self->model_name, &self->model))
    return TRUE;

  g_autofree char *message =
      g_strdup_printf ("The built-in provider has no model '%.64s'. It has: echo, "
                       "echo-slow, echo-embedding, fail-NNN (a status from 400 to 599) "
                       "and cut-N (a number of tokens).",
                       self->model_name);
  self->fault = aip_builtin_answer_new_failure (404, "model_not_found", "model", message);
  return FALSE;
}

/**
 * aip_builtin_request_init:
 * @self: what to fill; clear it with aip_builtin_request_clear(), also after a failure
 * @body: (nullable): the request's body
 * @now_s: seconds since the epoch
 *
 * Reads what all requests have in common: a JSON object with a model of ours.
 *
 * Returns: %FALSE when the request is wrong; its `fault` is set then
 */
gboolean
aip_builtin_request_init (AipBuiltinRequest *self, GBytes *body, gint64 now_s)
{
  gsize length = 0;
  const char *text = body != NULL ? g_bytes_get_data (body, &length) : NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *digest = NULL;

  *self = (AipBuiltinRequest){ .created = now_s };
  if (text == NULL || length == 0)
    return aip_builtin_request_fail (self, NULL, NULL, "The request has no body; it must be a JSON object.");
  self->root = aip_json_tree_parse (text, length, &error);
  if (self->root == NULL)
    return aip_builtin_request_fail (self, NULL, NULL, "The body cannot be read: %s", error->message);
  self->object = json_node_get_object (self->root);
  digest = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) text, length);
  g_strlcpy (self->stamp, digest, sizeof self->stamp);
  return read_model (self);
}

/**
 * aip_builtin_request_clear:
 * @self: a request
 *
 * Frees what is inside.
 */
void
aip_builtin_request_clear (AipBuiltinRequest *self)
{
  g_clear_pointer (&self->fault, aip_builtin_answer_free);
  g_clear_pointer (&self->root, json_node_unref);
}

/**
 * aip_builtin_request_get:
 * @self: a request
 * @name: of a member
 *
 * Returns: (transfer none) (nullable): its value; null counts as absent, as with OpenAI
 */
JsonNode *
aip_builtin_request_get (AipBuiltinRequest *self, const char *name)
{
  JsonNode *node = json_object_get_member (self->object, name);

  return node != NULL && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

/**
 * aip_builtin_node_get_string:
 * @node: (nullable): a node
 *
 * Returns: (transfer none) (nullable): its text, when it is a string
 */
const char *
aip_builtin_node_get_string (JsonNode *node)
{
  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

/**
 * aip_builtin_request_get_integer:
 * @self: a request
 * @name: of a member
 * @least: the smallest value allowed
 * @most: the largest one
 * @value: (inout): where to put it; left alone when the member is absent
 *
 * Returns: %FALSE when the member is no such number
 */
gboolean
aip_builtin_request_get_integer (AipBuiltinRequest *self,
                                 const char *name,
                                 gint64 least,
                                 gint64 most,
                                 gint64 *value)
{
  JsonNode *node = aip_builtin_request_get (self, name);

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return aip_builtin_request_fail (self, "invalid_type", name,
                                     "Invalid type for '%s': expected an integer.", name);

  gint64 number = json_node_get_int (node);

  if (number < least || number > most)
    return aip_builtin_request_fail (
        self, "invalid_value", name,
        "Invalid value for '%s': expected %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT ".", name, least, most);
  *value = number;
  return TRUE;
}

static gboolean
read_boolean (AipBuiltinRequest *self, JsonNode *node, const char *param, gboolean *value)
{
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_BOOLEAN)
    return aip_builtin_request_fail (self, "invalid_type", param,
                                     "Invalid type for '%s': expected a boolean.", param);
  *value = json_node_get_boolean (node);
  return TRUE;
}

/**
 * aip_builtin_request_get_stream:
 * @self: a request
 *
 * Reads "stream" and "stream_options" into @self.
 *
 * Returns: %FALSE when one is wrong
 */
gboolean
aip_builtin_request_get_stream (AipBuiltinRequest *self)
{
  JsonNode *options = aip_builtin_request_get (self, "stream_options");

  if (!read_boolean (self, aip_builtin_request_get (self, "stream"), "stream", &self->stream))
    return FALSE;
  if (options == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_OBJECT (options))
    return aip_builtin_request_fail (self, "invalid_type", "stream_options",
                                     "Invalid type for 'stream_options': expected an object.");
  return read_boolean (self, json_object_get_member (json_node_get_object (options), "include_usage"),
                       "stream_options.include_usage", &self->include_usage);
}
