/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-draft.h"

#include <string.h>

#include "config/aip-config-schema.h"
#include "config/aip-config-suggest.h"

#define PREFIX "AIPROXY_"

/* "circuit-breaker" to "CIRCUIT_BREAKER". */
static char *
make_variable_part (const char *name)
{
  char *part = g_ascii_strup (name, -1);

  return g_strcanon (part, G_CSET_A_2_Z G_CSET_DIGITS, '_');
}

/**
 * aip_config_make_variable:
 * @kind: a kind of group
 * @name: (nullable): the group's name, where it has one
 * @key: name of a setting
 *
 * Returns: (transfer full): the variable that sets it
 */
char *
aip_config_make_variable (const char *kind, const char *name, const char *key)
{
  g_autofree char *kind_part = make_variable_part (kind);
  g_autofree char *name_part = name == NULL ? NULL : make_variable_part (name);
  g_autofree char *key_part = make_variable_part (key);

  if (name_part == NULL)
    return g_strdup_printf (PREFIX "%s_%s", kind_part, key_part);
  return g_strdup_printf (PREFIX "%s_%s_%s", kind_part, name_part, key_part);
}

typedef struct
{
  const AipSetting *setting;
  char *group;
  gboolean ambiguous; /* another group's name looks the same in a variable */
} Target;

static void
target_free (void *data)
{
  Target *target = data;

  g_free (target->group);
  g_free (target);
}

static void
add_targets (GHashTable *targets, const AipSettingGroup *kind, const char *name)
{
  for (const AipSetting *setting = kind->settings; setting->key != NULL; setting++)
    {
      char *variable = aip_config_make_variable (kind->name, name, setting->key);
      Target *target = g_hash_table_lookup (targets, variable);

      if (target != NULL)
        {
          target->ambiguous = TRUE;
          g_free (variable);
          continue;
        }
      target = g_new0 (Target, 1);
      target->setting = setting;
      target->group = name == NULL ? g_strdup (kind->name) : g_strconcat (kind->name, " ", name, NULL);
      g_hash_table_insert (targets, variable, target);
    }
}

/* Every variable that means something with the groups there are. */
static GHashTable *
list_targets (AipConfigDraft *draft)
{
  GHashTable *targets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, target_free);

  for (const AipSettingGroup *kind = aip_setting_groups; kind->name != NULL; kind++)
    {
      g_autoptr (GPtrArray) names = aip_config_draft_list_groups (draft, kind->name);

      if (kind->size == 0)
        add_targets (targets, kind, NULL);
      for (guint i = 0; g_ptr_array_index (names, i) != NULL; i++)
        add_targets (targets, kind, g_ptr_array_index (names, i));
    }
  return targets;
}

static int
compare_names (const void *a, const void *b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static void
report_unknown (AipConfigDraft *draft, GHashTable *targets, const char *variable)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer name;
  const char *near;

  g_hash_table_iter_init (&iter, targets);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_ptr_array_add (names, name);
  /* So that of two names equally near always the same one is offered. */
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);

  near = aip_config_suggest (variable, (const char *const *) names->pdata);
  if (near != NULL)
    aip_config_draft_report_at (draft, FALSE, "environment", 0, NULL, variable,
                                "stands for no setting and is not used; did you mean %s?", near);
  else
    aip_config_draft_report_at (draft, FALSE, "environment", 0, NULL, variable,
                                "stands for no setting and is not used; variables are called " PREFIX
                                "GROUP_SETTING, or " PREFIX
                                "PROVIDER_NAME_SETTING for a group that a file has");
}

static void
read_variable (AipConfigDraft *draft,
               AipConfigSource *source,
               GHashTable *targets,
               const char *variable,
               const char *value)
{
  const Target *target = g_hash_table_lookup (targets, variable);

  if (target == NULL)
    {
      report_unknown (draft, targets, variable);
      return;
    }
  if (target->ambiguous)
    aip_config_draft_report_at (draft, TRUE, "environment", 0, target->group, target->setting->key,
                                "is set by %s, which fits several groups; set it in a file", variable);
  else if (!g_utf8_validate (value, -1, NULL))
    aip_config_draft_report_at (draft, TRUE, "environment", 0, target->group, target->setting->key,
                                "is not UTF-8 text; correct the variable %s", variable);
  else
    g_key_file_set_value (source->values, target->group, target->setting->key, value);
}

/**
 * aip_config_read_environment:
 * @draft: a draft, files read
 * @environment: (array zero-terminated=1): "NAME=value"
 *
 * Adds the AIPROXY_GROUP_SETTING variables as the strongest source. Their values are written as in a
 * file. In the names of providers, keys and so on, which the files give, everything but letters and
 * digits is "_".
 */
void
aip_config_read_environment (AipConfigDraft *draft, const char *const *environment)
{
  g_autoptr (GHashTable) targets = NULL;
  AipConfigSource *source = aip_config_draft_add_source (draft, AIP_CONFIG_SOURCE_VARIABLES, "environment");

  for (; *environment != NULL; environment++)
    {
      const char *equals = strchr (*environment, '=');
      g_autofree char *variable = NULL;

      if (equals == NULL || !g_str_has_prefix (*environment, PREFIX))
        continue;
      /* Many, where there are many keys; most environments need none. */
      if (targets == NULL)
        targets = list_targets (draft);
      variable = g_strndup (*environment, equals - *environment);
      read_variable (draft, source, targets, variable, equals + 1);
    }
}
