/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-models-json"

#include "wire/aip-models-json.h"

#include <string.h>

#include "base/aip-error.h"
#include "base/aip-json-peek.h"
#include "wire/aip-json-tree.h"

#define MODELS_MAX 10000
#define ID_MAX 256

static void
append_text (GString *out, const char *text)
{
  aip_json_append_string (out, text != NULL ? text : "", -1);
}

/* RFC 3339; the epoch stands for an unknown time, as in Anthropic's own lists. */
static void
append_time (GString *out, gint64 seconds)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (seconds);

  if (time == NULL)
    time = g_date_time_new_from_unix_utc (0);

  g_autofree char *text = g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ");
  aip_json_append_string (out, text, -1);
}

static void
append_openai (GString *out, const AipModelInfo *model)
{
  g_string_append (out, "{\"id\":");
  append_text (out, model->id);
  g_string_append_printf (
      out, ",\"object\":\"model\",\"created\":%" G_GINT64_FORMAT ",\"owned_by\":", model->created);
  append_text (out, model->owner);
  g_string_append_c (out, '}');
}

static void
append_anthropic (GString *out, const AipModelInfo *model)
{
  g_string_append (out, "{\"type\":\"model\",\"id\":");
  append_text (out, model->id);
  g_string_append (out, ",\"display_name\":");
  append_text (out, model->id);
  g_string_append (out, ",\"created_at\":");
  append_time (out, model->created);
  g_string_append_c (out, '}');
}

static void
append_gemini (GString *out, const AipModelInfo *model)
{
  g_autofree char *name = g_strconcat ("models/", model->id, NULL);

  g_string_append (out, "{\"name\":");
  append_text (out, name);
  g_string_append (out, ",\"version\":\"1\",\"displayName\":");
  append_text (out, model->id);
  g_string_append (out, ",\"supportedGenerationMethods\":[\"generateContent\",\"embedContent\"]}");
}

static void
append_ollama (GString *out, const AipModelInfo *model)
{
  g_string_append (out, "{\"name\":");
  append_text (out, model->id);
  g_string_append (out, ",\"model\":");
  append_text (out, model->id);
  g_string_append (out, ",\"modified_at\":");
  append_time (out, model->created);
  g_string_append (out,
                   ",\"size\":0,\"digest\":\"\",\"details\":{\"parent_model\":\"\",\"format\":\"\","
                   "\"family\":\"\",\"families\":[],\"parameter_size\":\"\",\"quantization_level\":\"\"}}");
}

static void
append_model (GString *out, AipProtocol protocol, const AipModelInfo *model)
{
  switch (protocol)
    {
    case AIP_PROTOCOL_OPENAI:
      append_openai (out, model);
      return;
    case AIP_PROTOCOL_ANTHROPIC:
      append_anthropic (out, model);
      return;
    case AIP_PROTOCOL_GEMINI:
      append_gemini (out, model);
      return;
    case AIP_PROTOCOL_OLLAMA:
      append_ollama (out, model);
      return;
    case AIP_N_PROTOCOLS:
      break;
    }
  g_assert_not_reached ();
}

static void
append_id_or_null (GString *out, const AipModelInfo *model)
{
  if (model == NULL)
    g_string_append (out, "null");
  else
    append_text (out, model->id);
}

static void
append_tail (GString *out, AipProtocol protocol, const AipModelInfo *models, gsize n_models)
{
  g_string_append_c (out, ']');
  if (protocol == AIP_PROTOCOL_ANTHROPIC)
    {
      g_string_append (out, ",\"has_more\":false,\"first_id\":");
      append_id_or_null (out, n_models > 0 ? &models[0] : NULL);
      g_string_append (out, ",\"last_id\":");
      append_id_or_null (out, n_models > 0 ? &models[n_models - 1] : NULL);
    }
  g_string_append_c (out, '}');
}

/**
 * aip_models_format_list:
 * @protocol: what the client speaks
 * @models: (array length=n_models): the models, in the order to show them
 * @n_models: how many
 *
 * A whole list: OpenAI's and Anthropic's `GET /v1/models`, Gemini's `GET /v1beta/models`, Ollama's
 * `GET /api/tags`.
 *
 * Returns: (transfer full): JSON
 */
char *
aip_models_format_list (AipProtocol protocol, const AipModelInfo *models, gsize n_models)
{
  g_return_val_if_fail ((guint) protocol < AIP_N_PROTOCOLS, NULL);
  g_return_val_if_fail (models != NULL || n_models == 0, NULL);

  static const char *const heads[AIP_N_PROTOCOLS] = {
    [AIP_PROTOCOL_OPENAI] = "{\"object\":\"list\",\"data\":[",
    [AIP_PROTOCOL_ANTHROPIC] = "{\"data\":[",
    [AIP_PROTOCOL_GEMINI] = "{\"models\":[",
    [AIP_PROTOCOL_OLLAMA] = "{\"models\":[",
  };
  GString *out = g_string_sized_new (64 + n_models * 96);

  g_string_append (out, heads[protocol]);
  for (gsize i = 0; i < n_models; i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      append_model (out, protocol, &models[i]);
    }
  append_tail (out, protocol, models, n_models);
  return g_string_free (out, FALSE);
}

/**
 * aip_models_format_one:
 * @protocol: what the client speaks
 * @model: a model
 *
 * One model, as its list would show it.
 *
 * Returns: (transfer full): JSON
 */
char *
aip_models_format_one (AipProtocol protocol, const AipModelInfo *model)
{
  g_return_val_if_fail ((guint) protocol < AIP_N_PROTOCOLS, NULL);
  g_return_val_if_fail (model != NULL, NULL);

  GString *out = g_string_sized_new (128);

  append_model (out, protocol, model);
  return g_string_free (out, FALSE);
}

/* Ids end up in headers, logs and terminals. */
static gboolean
is_usable_id (const char *id)
{
  gsize length = strnlen (id, ID_MAX + 1);

  if (length == 0 || length > ID_MAX || !g_utf8_validate (id, (gssize) length, NULL))
    return FALSE;
  for (const char *p = id; *p != '\0'; p = g_utf8_next_char (p))
    {
      if (g_unichar_iscntrl (g_utf8_get_char (p)))
        return FALSE;
    }
  return TRUE;
}

static const char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

static const char *
get_entry_id (JsonNode *entry)
{
  if (!JSON_NODE_HOLDS_OBJECT (entry))
    return NULL;

  JsonObject *object = json_node_get_object (entry);
  const char *id = get_string (object, "id");

  if (id != NULL)
    return id;
  id = get_string (object, "name");
  if (id != NULL && g_str_has_prefix (id, "models/"))
    id += strlen ("models/");
  return id;
}

static char **
collect_ids (JsonArray *entries)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GStrvBuilder) ids = g_strv_builder_new ();
  guint n_entries = json_array_get_length (entries);

  for (guint i = 0; i < n_entries && g_hash_table_size (seen) < MODELS_MAX; i++)
    {
      const char *id = get_entry_id (json_array_get_element (entries, i));

      if (id != NULL && is_usable_id (id) && g_hash_table_add (seen, (char *) id))
        g_strv_builder_add (ids, id);
    }
  return g_strv_builder_end (ids);
}

static JsonArray *
get_entries (JsonNode *root)
{
  static const char *const names[] = { "data", "models" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      JsonNode *node = json_object_get_member (json_node_get_object (root), names[i]);

      if (node != NULL && JSON_NODE_HOLDS_ARRAY (node))
        return json_node_get_array (node);
    }
  return NULL;
}

/* Some providers answer with the bare array. */
static char *
wrap_array (const char *text, gsize length)
{
  gsize i = 0;

  while (i < length && g_ascii_isspace (text[i]))
    i++;
  if (i == length || text[i] != '[')
    return NULL;

  GString *wrapped = g_string_sized_new (length + 16);

  g_string_append (wrapped, "{\"data\":");
  g_string_append_len (wrapped, text, (gssize) length);
  g_string_append_c (wrapped, '}');
  return g_string_free (wrapped, FALSE);
}

/**
 * aip_models_parse_list:
 * @text: an upstream's answer
 * @length: its length in bytes
 * @error: return location for a #GError
 *
 * Reads the ids of an upstream's list of models: `data[].id` (OpenAI, Anthropic), `models[].name` (Ollama,
 * Gemini without its "models/"), or a bare array of either. Entries without a usable id (longer than 256
 * bytes, or with control characters) and repeated ones are left out; at most 10,000 are read.
 *
 * Errors: %AIP_ERROR_PROTOCOL: it is no such list
 *
 * Returns: (transfer full) (nullable): the ids in the upstream's order, perhaps none
 */
char **
aip_models_parse_list (const char *text, gsize length, GError **error)
{
  g_return_val_if_fail (text != NULL || length == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  g_autofree char *wrapped = wrap_array (text, length);
  g_autoptr (GError) local_error = NULL;
  g_autoptr (JsonNode) root =
      wrapped != NULL ? aip_json_tree_parse (wrapped, length + strlen ("{\"data\":}"), &local_error)
                      : aip_json_tree_parse (text, length, &local_error);

  if (root == NULL)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_PROTOCOL, "The list of models cannot be read: %s",
                   local_error->message);
      return NULL;
    }

  JsonArray *entries = get_entries (root);

  if (entries == NULL)
    {
      g_set_error_literal (error, AIP_ERROR, AIP_ERROR_PROTOCOL,
                           "The answer has no list of models: neither \"data\" nor \"models\" is an array.");
      return NULL;
    }
  return collect_ids (entries);
}
