/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-json-tree"

#include "wire/aip-json-tree.h"

#include "base/aip-error.h"
#include "base/aip-json-peek.h"

/**
 * aip_json_tree_parse:
 * @text: a JSON object
 * @length: its length in bytes
 * @error: return location for a #GError
 *
 * Builds a tree of a document that may be hostile. json-glib 1.6 recurses without a limit and accepts more
 * than JSON, so that the strict check of aip_json_peek() comes first.
 *
 * Errors: those of aip_json_peek(); %AIP_ERROR_INVALID_ARGUMENT
 *
 * Returns: (transfer full) (nullable): a node that holds an object
 */
JsonNode *
aip_json_tree_parse (const char *text, gsize length, GError **error)
{
  g_return_val_if_fail (text != NULL || length == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (length > G_MAXSSIZE)
    {
      g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "The document is too long.");
      return NULL;
    }
  if (!aip_json_peek (text, length, NULL, 0, error))
    return NULL;

  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) local_error = NULL;

  if (!json_parser_load_from_data (parser, text, (gssize) length, &local_error))
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                   "The document is no JSON that can be read: %s", local_error->message);
      return NULL;
    }

  g_autoptr (JsonNode) root = json_parser_steal_root (parser);

  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "The document is no JSON object.");
      return NULL;
    }
  return g_steal_pointer (&root);
}

/**
 * aip_json_tree_get_string:
 * @object: an object
 * @name: of a member
 *
 * Returns: (transfer none) (nullable): the member's value; %NULL where there is none, or none that is a
 * string
 */
const char *
aip_json_tree_get_string (JsonObject *object, const char *name)
{
  JsonNode *node;

  g_return_val_if_fail (object != NULL && name != NULL, NULL);

  node = json_object_get_member (object, name);
  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
             ? json_node_get_string (node)
             : NULL;
}
