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

static gboolean
has_setting_at (const AipSettingGroup *plain, gsize offset)
{
  for (const AipSetting *setting = plain->settings; setting->key != NULL; setting++)
    if (plain->offset + setting->offset == offset)
      return TRUE;
  return FALSE;
}

/* Whether a group of @kind takes its defaults from the settings of @plain, a group without a name. */
static gboolean
inherits (const AipSettingGroup *kind, const AipSettingGroup *plain)
{
  for (const AipSetting *setting = kind->settings; setting->key != NULL; setting++)
    if (setting->inherit != 0 && has_setting_at (plain, setting->inherit))
      return TRUE;
  return FALSE;
}

static gboolean
inherits_touched (const AipSettingGroup *kind, GHashTable *touched)
{
  GHashTableIter iter;
  void *group = NULL;

  g_hash_table_iter_init (&iter, touched);
  while (g_hash_table_iter_next (&iter, &group, NULL))
    {
      const AipSettingGroup *plain = aip_setting_group_find (group, NULL);

      if (plain->size == 0 && inherits (kind, plain))
        return TRUE;
    }
  return FALSE;
}

/* Whether what has to be set in a group of @kind is not what it was in @base. */
static gboolean
requires_otherwise (const AipSettingGroup *kind, const AipConfig *config, const AipConfig *base)
{
  for (const AipSetting *setting = kind->settings; setting->key != NULL; setting++)
    if (setting->is_spared != NULL && setting->is_spared (config) != setting->is_spared (base))
      return TRUE;
  return FALSE;
}

static void
share_named_sections (AipConfig *config, const AipSettingGroup *kind, const GPtrArray *base)
{
  GPtrArray *elements = G_STRUCT_MEMBER (GPtrArray *, config, kind->offset);

  for (guint i = 0; i < base->len; i++)
    g_ptr_array_add (elements, aip_config_section_ref (g_ptr_array_index (base, i)));
}

/* The place of a named group. Where the name may have been cut in two, as a mapping's is that is for one
 * provider, the draft has to be asked for it: its groups are in the same order. */
static guint
find_section (const AipConfigDraft *draft,
              const AipSettingGroup *kind,
              const GPtrArray *elements,
              const char *name)
{
  g_autoptr (GPtrArray) names = kind->loose_names ? aip_config_draft_list_groups (draft, kind->name) : NULL;
  guint i = 0;

  g_assert (names == NULL || names->len == elements->len + 1);
  while (!g_str_equal (names != NULL ? names->pdata[i] : *(char **) elements->pdata[i], name))
    {
      i++;
      g_assert (i < elements->len);
    }
  return i;
}

static void
reread_touched (AipConfigDraft *draft, AipConfig *config, GHashTable *touched)
{
  GHashTableIter iter;
  void *group = NULL;

  g_hash_table_iter_init (&iter, touched);
  while (g_hash_table_iter_next (&iter, &group, NULL))
    {
      const char *name = NULL;
      const AipSettingGroup *kind = aip_setting_group_find (group, &name);

      if (kind->size == 0)
        continue;

      GPtrArray *elements = G_STRUCT_MEMBER (GPtrArray *, config, kind->offset);
      void **place = &elements->pdata[find_section (draft, kind, elements, name)];
      void *old = *place;

      *place = read_named_section (draft, config, kind, name, group);
      aip_config_section_unref (kind, old);
    }
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
    if (kind->size == 0)
      read_section (draft, config, kind, kind->name, G_STRUCT_MEMBER_P (config, kind->offset));
    else if (inherits_touched (kind, touched) || requires_otherwise (kind, config, base))
      read_named_sections (draft, config, kind);
    else
      share_named_sections (config, kind, G_STRUCT_MEMBER (GPtrArray *, base, kind->offset));
  reread_touched (draft, config, touched);

  config->server.listen_is_default = aip_config_draft_find (draft, "server", "listen") == NULL;
  return config;
}
