/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-json"

#include "ctl/aip-ctl-json.h"

#include <json-glib/json-glib.h>

#include "ctl/aip-ctl-print.h"

static char *
format_node (JsonNode *node, gboolean pretty)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();

  json_generator_set_root (generator, node);
  json_generator_set_pretty (generator, pretty);
  json_generator_set_indent (generator, 2);
  return json_generator_to_data (generator, NULL);
}

static JsonNode *build (GVariant *value);

static JsonNode *
take_object (JsonObject *object)
{
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, object);
  return node;
}

static JsonNode *
build_dictionary (GVariant *dictionary)
{
  g_autoptr (GPtrArray) names = aip_ctl_print_sort_names (dictionary);
  JsonObject *object = json_object_new ();

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autoptr (GVariant) value = g_variant_lookup_value (dictionary, name, NULL);

      json_object_set_member (object, name, build (value));
    }
  return take_object (object);
}

static JsonNode *
build (GVariant *value)
{
  JsonNode *node;
  JsonArray *array;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
    return build_dictionary (value);
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE ("aa{sv}")))
    return json_gvariant_serialize (value);

  node = json_node_new (JSON_NODE_ARRAY);
  array = json_array_new ();
  for (gsize i = 0; i < g_variant_n_children (value); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      json_array_add_element (array, build_dictionary (child));
    }
  json_node_take_array (node, array);
  return node;
}

/**
 * aip_ctl_json_format:
 * @value: what to write: a{sv} becomes an object, its members in the order of the alphabet
 * @pretty: in several lines, for people too; else in one
 *
 * Returns: (transfer full): one JSON document without a line break at its end
 */
char *
aip_ctl_json_format (GVariant *value, gboolean pretty)
{
  g_autoptr (JsonNode) node = NULL;

  g_return_val_if_fail (value != NULL, NULL);

  node = build (value);
  return format_node (node, pretty);
}

/**
 * aip_ctl_json_name_property:
 * @property: the name of a D-Bus property: "BaseUrl"
 *
 * Returns: (transfer full): the same in the way of the settings: "base-url"
 */
char *
aip_ctl_json_name_property (const char *property)
{
  GString *name;

  g_return_val_if_fail (property != NULL, NULL);

  name = g_string_new (NULL);
  for (const char *p = property; *p != '\0'; p++)
    {
      if (g_ascii_isupper (*p) && p != property)
        g_string_append_c (name, '-');
      g_string_append_c (name, g_ascii_tolower (*p));
    }
  return g_string_free (name, FALSE);
}

static JsonNode *
build_properties (GVariant *properties)
{
  g_autoptr (GPtrArray) names = aip_ctl_print_sort_names (properties);
  JsonObject *object = json_object_new ();

  for (guint i = 0; i < names->len; i++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (properties, g_ptr_array_index (names, i), NULL);
      g_autofree char *member = aip_ctl_json_name_property (g_ptr_array_index (names, i));

      json_object_set_member (object, member, json_gvariant_serialize (value));
    }
  return take_object (object);
}

/**
 * aip_ctl_json_format_properties:
 * @properties: (a{sv}): those of an object on the bus
 * @pretty: in several lines
 *
 * Returns: (transfer full): a JSON object, its members named in the way of the settings
 */
char *
aip_ctl_json_format_properties (GVariant *properties, gboolean pretty)
{
  g_autoptr (JsonNode) node = NULL;

  g_return_val_if_fail (properties != NULL, NULL);

  node = build_properties (properties);
  return format_node (node, pretty);
}

/**
 * aip_ctl_json_format_objects:
 * @objects: (element-type GVariant): properties (a{sv}) of several objects
 *
 * Returns: (transfer full): a JSON array of objects
 */
char *
aip_ctl_json_format_objects (const GPtrArray *objects)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_ARRAY);
  JsonArray *array = json_array_new ();

  g_return_val_if_fail (objects != NULL, NULL);

  for (guint i = 0; i < objects->len; i++)
    json_array_add_element (array, build_properties (g_ptr_array_index (objects, i)));
  json_node_take_array (node, array);
  return format_node (node, TRUE);
}
