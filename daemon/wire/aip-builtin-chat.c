/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-builtin"

#include "wire/aip-builtin-private.h"

static const char *const roles[] = { "developer", "system", "user", "assistant", "tool", "function", NULL };

static gboolean
append_part (AipBuiltinRequest *request, JsonNode *part, const char *param, GString *text)
{
  if (!JSON_NODE_HOLDS_OBJECT (part))
    return aip_builtin_request_fail (request, "invalid_type", param,
                                     "Invalid type in '%s': expected an array of objects.", param);

  JsonObject *object = json_node_get_object (part);
  const char *type = aip_builtin_node_get_string (json_object_get_member (object, "type"));

  if (type == NULL)
    return aip_builtin_request_fail (request, "missing_required_parameter", param,
                                     "A part in '%s' has no 'type': write \"text\" or another kind.", param);
  if (!g_str_equal (type, "text"))
    return TRUE;

  const char *value = aip_builtin_node_get_string (json_object_get_member (object, "text"));

  if (value == NULL)
    return aip_builtin_request_fail (request, "invalid_type", param,
                                     "A text part in '%s' has no string as its 'text'.", param);
  g_string_append (text, value);
  return TRUE;
}

/* The text of a message's content: a string, or the text parts of an array, or nothing. */
static gboolean
read_content (AipBuiltinRequest *request, JsonNode *content, const char *param, GString *text)
{
  const char *string = aip_builtin_node_get_string (content);

  if (content == NULL || JSON_NODE_HOLDS_NULL (content))
    return TRUE;
  if (string != NULL)
    {
      g_string_append (text, string);
      return TRUE;
    }
  if (!JSON_NODE_HOLDS_ARRAY (content))
    return aip_builtin_request_fail (request, "invalid_type", param,
                                     "Invalid type for '%s': expected a string or an array of parts.", param);

  JsonArray *parts = json_node_get_array (content);

  for (guint i = 0; i < json_array_get_length (parts); i++)
    {
      if (!append_part (request, json_array_get_element (parts, i), param, text))
        return FALSE;
    }
  return TRUE;
}

/* Returns: (transfer none) (nullable): the message's role */
static const char *
read_message (AipBuiltinRequest *request, JsonNode *node, guint index, GString *text)
{
  g_autofree char *param = g_strdup_printf ("messages[%u]", index);

  if (!JSON_NODE_HOLDS_OBJECT (node))
    {
      aip_builtin_request_fail (request, "invalid_type", param, "Invalid type for '%s': expected an object.",
                                param);
      return NULL;
    }

  JsonObject *message = json_node_get_object (node);
  const char *role = aip_builtin_node_get_string (json_object_get_member (message, "role"));
  g_autofree char *role_param = g_strconcat (param, ".role", NULL);
  g_autofree char *content_param = g_strconcat (param, ".content", NULL);

  if (role == NULL || !g_strv_contains (roles, role))
    {
      aip_builtin_request_fail (
          request, "invalid_value", role_param,
          "Invalid value for '%s': expected developer, system, user, assistant, tool or "
          "function.",
          role_param);
      return NULL;
    }
  if (!read_content (request, json_object_get_member (message, "content"), content_param, text))
    return NULL;
  return role;
}

/* What to echo: the last user's message, or the last one of all when no user speaks. */
static gboolean
read_messages (AipBuiltinRequest *request, AipBuiltinReply *reply, gboolean *after_tool)
{
  JsonNode *node = aip_builtin_request_get (request, "messages");
  gboolean user_spoke = FALSE;

  if (node == NULL)
    return aip_builtin_request_fail (request, "missing_required_parameter", "messages",
                                     "Missing required parameter: 'messages'.");
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return aip_builtin_request_fail (request, "invalid_type", "messages",
                                     "Invalid type for 'messages': expected an array of objects.");

  JsonArray *messages = json_node_get_array (node);

  if (json_array_get_length (messages) == 0)
    return aip_builtin_request_fail (request, "empty_array", "messages",
                                     "Invalid 'messages': expected at least one message.");
  for (guint i = 0; i < json_array_get_length (messages); i++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      const char *role = read_message (request, json_array_get_element (messages, i), i, text);

      if (role == NULL)
        return FALSE;

      g_autofree char *valid = g_utf8_make_valid (text->str, -1);
      gboolean is_user = g_str_equal (role, "user");

      reply->n_prompt += aip_builtin_count_tokens (valid);
      *after_tool = g_str_equal (role, "tool");
      if (is_user || !user_spoke)
        {
          g_free (reply->text);
          reply->text = g_steal_pointer (&valid);
        }
      user_spoke = user_spoke || is_user;
    }
  return TRUE;
}

static const char *
get_function_name (JsonNode *node)
{
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return NULL;

  JsonNode *function = json_object_get_member (json_node_get_object (node), "function");

  if (function == NULL || !JSON_NODE_HOLDS_OBJECT (function))
    return NULL;
  return aip_builtin_node_get_string (json_object_get_member (json_node_get_object (function), "name"));
}

/* Returns: (transfer none) (nullable): the name of the first function, or of the one that is @wanted */
static const char *
find_function (JsonArray *tools, const char *wanted)
{
  for (guint i = 0; i < json_array_get_length (tools); i++)
    {
      const char *name = get_function_name (json_array_get_element (tools, i));

      if (name != NULL && (wanted == NULL || g_str_equal (name, wanted)))
        return name;
    }
  return NULL;
}

/* The model calls a function only when it is told to: it has no mind to decide otherwise. */
static gboolean
read_tools (AipBuiltinRequest *request, AipBuiltinReply *reply)
{
  JsonNode *tools = aip_builtin_request_get (request, "tools");
  JsonNode *choice = aip_builtin_request_get (request, "tool_choice");
  const char *word = aip_builtin_node_get_string (choice);
  const char *wanted = get_function_name (choice);

  if (tools != NULL && !JSON_NODE_HOLDS_ARRAY (tools))
    return aip_builtin_request_fail (request, "invalid_type", "tools",
                                     "Invalid type for 'tools': expected an array of objects.");
  if (choice == NULL || g_strcmp0 (word, "none") == 0 || g_strcmp0 (word, "auto") == 0)
    return TRUE;
  if (wanted == NULL && g_strcmp0 (word, "required") != 0)
    return aip_builtin_request_fail (
        request, "invalid_value", "tool_choice",
        "Invalid value for 'tool_choice': expected \"none\", \"auto\", \"required\" "
        "or an object that names a function.");

  const char *name = tools != NULL ? find_function (json_node_get_array (tools), wanted) : NULL;

  if (name == NULL)
    return aip_builtin_request_fail (request, "invalid_value", "tool_choice",
                                     "Invalid value for 'tool_choice': 'tools' has no such function.");
  reply->tool = g_utf8_make_valid (name, -1);
  return TRUE;
}

/**
 * aip_builtin_read_chat:
 * @request: a request for chat/completions
 * @reply: (out): what to say; clear it also after a failure
 *
 * Makes the answer to a chat: the text of the last user's message; or a call without arguments when
 * `tool_choice` demands one. A tool's result is always answered with text, so that a client's loop ends.
 *
 * Returns: %FALSE when the request is wrong; its `fault` is set then
 */
gboolean
aip_builtin_read_chat (AipBuiltinRequest *request, AipBuiltinReply *reply)
{
  gint64 limit = G_MAXINT32;
  gint64 n = 1;
  gboolean after_tool = FALSE;

  reply->chat = TRUE;
  if (!aip_builtin_request_get_stream (request) ||
      !aip_builtin_request_get_integer (request, "max_tokens", 1, G_MAXINT32, &limit) ||
      !aip_builtin_request_get_integer (request, "max_completion_tokens", 1, G_MAXINT32, &limit) ||
      !aip_builtin_request_get_integer (request, "n", 1, 1, &n) ||
      !read_messages (request, reply, &after_tool) || !read_tools (request, reply))
    return FALSE;
  if (after_tool)
    g_clear_pointer (&reply->tool, g_free);
  reply->limit = (guint64) limit;
  return TRUE;
}
