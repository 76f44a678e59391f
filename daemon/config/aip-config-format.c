/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-format.h"

#include <string.h>

#include "config/aip-config-draft.h"
#include "config/aip-config-line.h"
#include "config/aip-config-schema.h"

typedef struct
{
  const AipConfig *config;
  gboolean defaults; /* show them too */
  GString *text;
} Format;

/* As it stands in a file. */
static char *
format_value (const AipSetting *setting, const void *field)
{
  g_auto (GStrv) items = NULL;
  g_autofree char *plain = NULL;

  if (setting->type->format_items == NULL)
    {
      plain = setting->type->format (field);
      return aip_config_escape (plain, FALSE);
    }
  items = setting->type->format_items (field);
  for (guint i = 0; items[i] != NULL; i++)
    {
      char *escaped = aip_config_escape (items[i], TRUE);

      g_free (items[i]);
      items[i] = escaped;
    }
  return g_strjoinv (";", items);
}

/* What the provider's dialect implies is filled in where the setting is left out. */
static gboolean
is_implied (const AipSettingGroup *kind, const AipSetting *setting, const void *section)
{
  const AipProviderConfig *provider = section;

  return strcmp (kind->name, "provider") == 0 && strcmp (setting->key, "base-url") == 0 &&
         g_strcmp0 (provider->base_url, aip_config_find_default_url (provider->dialect)) == 0;
}

static gboolean
is_default (const Format *self,
            const AipSettingGroup *kind,
            const AipSetting *setting,
            const void *section,
            const char *value)
{
  void *blank;
  g_autofree char *initial = NULL;

  if (setting->required)
    return setting->is_spared != NULL && *value == '\0';
  if (is_implied (kind, setting, section))
    return TRUE;

  /* A type may look at what stands around its field. */
  blank = g_malloc0 (kind->size > 0 ? kind->size : sizeof (AipConfig));
  aip_setting_apply_default (setting, self->config, G_STRUCT_MEMBER_P (blank, setting->offset));
  initial = format_value (setting, G_STRUCT_MEMBER_P (blank, setting->offset));
  if (setting->type->clear != NULL)
    setting->type->clear (G_STRUCT_MEMBER_P (blank, setting->offset));
  g_free (blank);
  return g_str_equal (initial, value);
}

/* The lines of a group, but for the setting @left_out. */
static char *
format_section (const Format *self, const AipSettingGroup *kind, const void *section, const char *left_out)
{
  GString *lines = g_string_new (NULL);

  for (const AipSetting *setting = kind->settings; setting->key != NULL; setting++)
    {
      g_autofree char *value = format_value (setting, G_STRUCT_MEMBER_P (section, setting->offset));

      if (g_strcmp0 (setting->key, left_out) != 0 &&
          (self->defaults || !is_default (self, kind, setting, section, value)))
        g_string_append_printf (lines, "%s=%s\n", setting->key, value);
    }
  return g_string_free (lines, FALSE);
}

static void
append_group (Format *self, const char *kind, const char *name, const char *lines)
{
  g_string_append_printf (self->text, "%s[%s%s%s]\n%s", self->text->len == 0 ? "" : "\n", kind,
                          name == NULL ? "" : " ", name == NULL ? "" : name, lines);
}

static void
append_single (Format *self, const AipSettingGroup *kind)
{
  g_autofree char *lines = format_section (self, kind, G_STRUCT_MEMBER_P (self->config, kind->offset), NULL);

  if (*lines != '\0')
    append_group (self, kind->name, NULL, lines);
}

/* Which of the two forms a rule for one provider has, its object on the bus is named after. */
static char *
make_mapping_name (const AipMappingConfig *mapping)
{
  return mapping->at_provider ? g_strconcat (mapping->alias, "@", mapping->provider, NULL) : NULL;
}

static void
append_named (Format *self, const AipSettingGroup *kind)
{
  const GPtrArray *elements = G_STRUCT_MEMBER (GPtrArray *, self->config, kind->offset);

  for (guint i = 0; i < elements->len; i++)
    {
      const void *element = g_ptr_array_index (elements, i);
      g_autofree char *name = strcmp (kind->name, "mapping") == 0 ? make_mapping_name (element) : NULL;
      g_autofree char *lines = format_section (self, kind, element, name == NULL ? NULL : "provider");

      /* Every struct of a named group begins with its name. */
      append_group (self, kind->name, name == NULL ? *(char *const *) element : name, lines);
    }
}

/**
 * aip_config_format:
 * @config: a snapshot
 * @defaults: whether to show also what is as it would be if nobody had set it
 *
 * Writes a configuration in the form of the file, groups and settings in the schema's order. What may be a
 * secret (values of headers, and whatever looks like a key) is "(hidden)"; the rest, read again, gives the
 * same configuration.
 *
 * Returns: (transfer full): the text
 */
char *
aip_config_format (const AipConfig *config, gboolean defaults)
{
  Format self = { .config = config, .defaults = defaults };

  g_return_val_if_fail (config != NULL, NULL);

  self.text = g_string_new (NULL);
  for (const AipSettingGroup *kind = aip_setting_groups; kind->name != NULL; kind++)
    if (kind->size > 0)
      append_named (&self, kind);
    else
      append_single (&self, kind);
  return g_string_free (self.text, FALSE);
}
