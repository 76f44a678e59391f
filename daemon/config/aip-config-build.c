/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-draft.h"

#include <string.h>

#include "base/aip-error.h"
#include "config/aip-config-line.h"
#include "config/aip-config-schema.h"

/* Blanks around entries mean nothing, nor does an empty one, as behind a last ";". */
static void
tidy_items (char **items)
{
  guint kept = 0;

  for (guint i = 0; items[i] != NULL; i++)
    {
      g_strstrip (items[i]);
      if (*items[i] == '\0')
        g_free (items[i]);
      else
        items[kept++] = items[i];
    }
  items[kept] = NULL;
}

static gboolean
parse_value (const AipSetting *setting, GKeyFile *values, const char *group, void *field, GError **error)
{
  gboolean list = setting->type->parse_items != NULL;
  g_autofree char *raw = g_key_file_get_value (values, group, setting->key, NULL);
  g_auto (GStrv) items = NULL;
  g_autofree char *text = NULL;

  if (aip_config_has_wrong_escape (raw, list))
    {
      g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
                           "has a \"\\\" that means nothing; write \\\\ for a \"\\\"");
      return FALSE;
    }
  if (list)
    {
      items = g_key_file_get_string_list (values, group, setting->key, NULL, NULL);
      tidy_items (items);
      return setting->type->parse_items (setting, items, field, error);
    }
  text = g_key_file_get_string (values, group, setting->key, NULL);
  return setting->type->parse (setting, g_strstrip (text), field, error);
}

/**
 * aip_setting_apply_default:
 * @self: a setting
 * @config: what it may inherit from
 * @field: (out): where its value belongs
 *
 * Sets a field to its default. A required string without a value is empty rather than NULL; of a digest there
 * is no empty one.
 */
void
aip_setting_apply_default (const AipSetting *self, const AipConfig *config, void *field)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) items = NULL;
  const char *initial = self->initial == NULL ? "" : self->initial;

  if (self->inherit != 0)
    *(guint64 *) field = G_STRUCT_MEMBER (guint64, config, self->inherit);
  else if (self->type->parse_items != NULL)
    {
      items = g_strsplit (initial, ";", -1);
      tidy_items (items);
      self->type->parse_items (self, items, field, &error);
    }
  else if (!self->required || self->type->clear != NULL)
    self->type->parse (self, initial, field, &error);
  g_assert_no_error (error);
}

static void
read_setting (AipConfigDraft *draft,
              AipConfig *config,
              const char *group,
              const AipSetting *setting,
              void *field)
{
  AipConfigSource *source = aip_config_draft_find (draft, group, setting->key);
  g_autoptr (GError) error = NULL;

  if (source != NULL && parse_value (setting, source->values, group, field, &error))
    return;

  if (source != NULL)
    aip_config_draft_report (draft, TRUE, group, setting->key, "%s", error->message);
  else if (setting->required && (setting->is_spared == NULL || !setting->is_spared (config)))
    aip_config_draft_report (draft, TRUE, group, setting->key, "is missing; write the %s", setting->doc);
  aip_setting_apply_default (setting, config, field);
}

static void
read_section (AipConfigDraft *draft,
              AipConfig *config,
              const AipSettingGroup *kind,
              const char *group,
              void *section)
{
  for (const AipSetting *setting = kind->settings; setting->key != NULL; setting++)
    read_setting (draft, config, group, setting, G_STRUCT_MEMBER_P (section, setting->offset));
}

static void *
read_named_section (AipConfigDraft *draft,
                    AipConfig *config,
                    const AipSettingGroup *kind,
                    const char *name,
                    const char *group)
{
  void *section = aip_config_section_new (kind, name);

  read_section (draft, config, kind, group, section);
  return section;
}

static void
read_named_sections (AipConfigDraft *draft, AipConfig *config, const AipSettingGroup *kind)
{
  g_autoptr (GPtrArray) names = aip_config_draft_list_groups (draft, kind->name);
  GPtrArray *elements = G_STRUCT_MEMBER (GPtrArray *, config, kind->offset);

  for (guint i = 0; g_ptr_array_index (names, i) != NULL; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autofree char *group = g_strconcat (kind->name, " ", name, NULL);

      g_ptr_array_add (elements, read_named_section (draft, config, kind, name, group));
    }
}

/**
 * aip_config_build:
 * @draft: what was read
 *
 * Makes a snapshot of the strongest value of each setting, else its default. Values that are wrong are
 * reported and replaced by the default, so that whoever checks further finds every field filled.
 *
 * Returns: (transfer full): the snapshot
 */
AipConfig *
aip_config_build (AipConfigDraft *draft)
{
  AipConfig *config = aip_config_new_unset ();

  for (const AipSettingGroup *kind = aip_setting_groups; kind->name != NULL; kind++)
    if (kind->size > 0)
      read_named_sections (draft, config, kind);
    else
      read_section (draft, config, kind, kind->name, G_STRUCT_MEMBER_P (config, kind->offset));

  config->server.listen_is_default = aip_config_draft_find (draft, "server", "listen") == NULL;
  return config;
}

/* What inherits may change with what it inherits from; and the checks write to providers alone. */
static gboolean
inherits (const AipSettingGroup *kind)
{
  for (const AipSetting *setting = kind->settings; setting->key != NULL; setting++)
    if (setting->inherit != 0)
      return TRUE;
  return FALSE;
}

static gboolean
is_touched (const AipSettingGroup *kind, GHashTable *touched)
{
  GHashTableIter iter;
  void *group;

  g_hash_table_iter_init (&iter, touched);
  while (g_hash_table_iter_next (&iter, &group, NULL))
    if (aip_setting_group_find (group, NULL) == kind)
      return TRUE;
  return FALSE;
}

/* The groups are those of @base, in the same order. Where a name may have been cut in two, as a mapping's is
 * that is for one provider, the draft has to be asked for it. */
static void
reread_named_sections (AipConfigDraft *draft,
                       AipConfig *config,
                       const AipSettingGroup *kind,
                       const GPtrArray *base,
                       GHashTable *touched)
{
  g_autoptr (GPtrArray) names = kind->loose_names ? aip_config_draft_list_groups (draft, kind->name) : NULL;
  GPtrArray *elements = G_STRUCT_MEMBER (GPtrArray *, config, kind->offset);
  gboolean all = inherits (kind);

  g_assert (names == NULL || names->len == base->len + 1);
  for (guint i = 0; i < base->len; i++)
    {
      void *section = g_ptr_array_index (base, i);
      const char *name = names != NULL ? g_ptr_array_index (names, i) : *(char **) section;
      g_autofree char *group = g_strconcat (kind->name, " ", name, NULL);

      g_ptr_array_add (elements, all || g_hash_table_contains (touched, group)
                                     ? read_named_section (draft, config, kind, name, group)
                                     : aip_config_section_ref (section));
    }
}

static void
share_named_sections (AipConfig *config, const AipSettingGroup *kind, const GPtrArray *base)
{
  GPtrArray *elements = G_STRUCT_MEMBER (GPtrArray *, config, kind->offset);

  for (guint i = 0; i < base->len; i++)
    g_ptr_array_add (elements, aip_config_section_ref (g_ptr_array_index (base, i)));
}

/**
 * aip_config_rebuild:
 * @draft: what @base was built of, with other settings in some of the same groups
 * @base: a snapshot that was checked
 * @touched: (element-type utf8): set of the full names of those groups
 *
 * Makes the snapshot that aip_config_build () would make, sharing with @base what is the same.
 *
 * Returns: (transfer full): the snapshot
 */
AipConfig *
aip_config_rebuild (AipConfigDraft *draft, const AipConfig *base, GHashTable *touched)
{
  AipConfig *config = aip_config_new_unset ();

  for (const AipSettingGroup *kind = aip_setting_groups; kind->name != NULL; kind++)
    {
      const GPtrArray *sections = kind->size == 0 ? NULL : G_STRUCT_MEMBER (GPtrArray *, base, kind->offset);

      if (sections == NULL)
        read_section (draft, config, kind, kind->name, G_STRUCT_MEMBER_P (config, kind->offset));
      else if (inherits (kind) || is_touched (kind, touched))
        reread_named_sections (draft, config, kind, sections, touched);
      else
        share_named_sections (config, kind, sections);
    }
  config->server.listen_is_default = aip_config_draft_find (draft, "server", "listen") == NULL;
  return config;
}
