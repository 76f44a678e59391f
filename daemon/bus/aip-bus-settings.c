/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-bus-settings.h"

#include "base/aip-error.h"

static char *
dup_double (double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  return g_strdup (g_ascii_dtostr (buffer, sizeof buffer, value));
}

/* What stands in the file for a value of the bus. */
static char *
dup_text (const char *key, GVariant *value, GError **error)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return g_variant_dup_string (value, NULL);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    return g_strdup (g_variant_get_boolean (value) ? "true" : "false");
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_INT32))
    return g_strdup_printf ("%d", g_variant_get_int32 (value));
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32))
    return g_strdup_printf ("%u", g_variant_get_uint32 (value));
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_INT64))
    return g_strdup_printf ("%" G_GINT64_FORMAT, g_variant_get_int64 (value));
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    return g_strdup_printf ("%" G_GUINT64_FORMAT, g_variant_get_uint64 (value));
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_DOUBLE))
    return dup_double (g_variant_get_double (value));
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
               "%s: a setting is of type s, as, b, i, u, x, t or d, not %s", key,
               g_variant_get_type_string (value));
  return NULL;
}

static gboolean
add_setting (const char *group, const char *key, GVariant *value, AipConfigEdit *edit, GError **error)
{
  g_autofree char *text = NULL;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    {
      g_autofree const char **items = g_variant_get_strv (value, NULL);

      if (items[0] != NULL)
        aip_config_edit_set_list (edit, group, key, items);
      else
        aip_config_edit_unset (edit, group, key);
      return TRUE;
    }
  text = dup_text (key, value, error);
  if (text == NULL)
    return FALSE;
  if (*text == '\0')
    aip_config_edit_unset (edit, group, key);
  else
    aip_config_edit_set (edit, group, key, text);
  return TRUE;
}

/**
 * aip_bus_settings_add_to_edit:
 * @settings: a{sv}: names as in the config file
 * @group: the group that they belong to
 * @refused: (nullable): a setting that may not come this way
 * @edit: gets them; an empty one is taken out of the file
 * @error: return location for AIP_ERROR_INVALID_ARGUMENT
 *
 * Whether the names and values are right is for the config to say when the edit is applied.
 *
 * Returns: whether all could be added
 */
gboolean
aip_bus_settings_add_to_edit (GVariant *settings,
                              const char *group,
                              const char *refused,
                              AipConfigEdit *edit,
                              GError **error)
{
  GVariantIter iter;
  const char *key;
  GVariant *boxed;

  g_return_val_if_fail (settings != NULL && group != NULL && edit != NULL, FALSE);

  g_variant_iter_init (&iter, settings);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &boxed))
    {
      g_autoptr (GVariant) value = boxed;

      if (g_strcmp0 (key, refused) == 0)
        {
          g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                       "%s: is made by the daemon and cannot be set", key);
          return FALSE;
        }
      if (!add_setting (group, key, value, edit, error))
        return FALSE;
    }
  return TRUE;
}

/**
 * aip_bus_options_check:
 * @options: a{sv}
 * @known: (nullable) (array zero-terminated=1): "name:type" of those that the method takes
 * @error: return location for AIP_ERROR_INVALID_ARGUMENT
 *
 * Returns: whether all are known and of their type
 */
gboolean
aip_bus_options_check (GVariant *options, const char *const *known, GError **error)
{
  GVariantIter iter;
  const char *name;
  GVariant *boxed;

  g_return_val_if_fail (options != NULL, FALSE);

  g_variant_iter_init (&iter, options);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &boxed))
    {
      g_autoptr (GVariant) value = boxed;
      g_autofree char *both = g_strconcat (name, ":", g_variant_get_type_string (value), NULL);

      if (known != NULL && g_strv_contains (known, both))
        continue;
      g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                   "the method has no option %s of type %s; see its description", name,
                   g_variant_get_type_string (value));
      return FALSE;
    }
  return TRUE;
}

/**
 * aip_bus_options_get_boolean:
 * @options: checked ones
 * @name: the option
 * @initial: what holds where it is missing
 *
 * Returns: the option
 */
gboolean
aip_bus_options_get_boolean (GVariant *options, const char *name, gboolean initial)
{
  gboolean value = initial;

  g_variant_lookup (options, name, "b", &value);
  return value;
}

/**
 * aip_bus_options_get_string:
 * @options: checked ones
 * @name: the option
 *
 * Returns: (transfer none) (nullable): the option
 */
const char *
aip_bus_options_get_string (GVariant *options, const char *name)
{
  const char *value = NULL;

  g_variant_lookup (options, name, "&s", &value);
  return value;
}
