/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-names.h"

#include <string.h>

#include "config/aip-config-suggest.h"

/* What is no plain word is not repeated: it may be a secret ("dGVzdA==" looks like a setting), or
 * steer a terminal. */
static const char *
filter_name (const char *name, gsize longest)
{
  gsize length = strspn (name, G_CSET_A_2_Z G_CSET_a_2_z "-_ ");

  return name[length] == '\0' && length <= longest ? name : NULL;
}

static char *
suggest_group (const char *group)
{
  g_autofree char *word = g_strndup (group, strcspn (group, " "));
  g_autofree char *hint = NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (const AipSettingGroup *kind = aip_setting_groups; kind->name != NULL; kind++)
    g_ptr_array_add (names, (char *) kind->name);
  g_ptr_array_add (names, NULL);

  hint = aip_config_suggest_or_list (*word == '\0' ? group : word, (const char *const *) names->pdata);
  return g_strdup_printf ("there is no such group; %s", hint);
}

/**
 * aip_config_check_group_name:
 * @group: a group as in a file, without brackets
 * @shown: (out) (transfer full) (nullable): what a message may call it; NULL: nothing
 * @fault: (out) (transfer full) (nullable): what is wrong with it; what would be right
 *
 * Finds the kind of a group, and checks whether it has a name where it should.
 *
 * Returns: (transfer none) (nullable): the kind; NULL: @fault is set
 */
const AipSettingGroup *
aip_config_check_group_name (const char *group, char **shown, char **fault)
{
  const AipSettingGroup *kind;
  const char *name;

  g_return_val_if_fail (group != NULL, NULL);
  g_return_val_if_fail (shown != NULL, NULL);
  g_return_val_if_fail (fault != NULL, NULL);

  kind = aip_setting_group_find (group, &name);
  *fault = NULL;
  if (kind == NULL)
    *fault = suggest_group (group);
  else if (kind->size == 0 && name != NULL)
    *fault = g_strdup_printf ("has no name; write [%s]", kind->name);
  else if (kind->size > 0 && (name == NULL || !aip_setting_group_is_name (kind, name)))
    *fault = g_strdup_printf ("needs a name; write [%s NAME] with letters, digits, \"-\", \"_\", \".\"%s",
                              kind->name, kind->loose_names ? ", \"/\", \":\" and \"@\"" : "");

  if (*fault == NULL)
    *shown = g_strdup (group);
  else
    *shown = g_strdup (kind == NULL ? filter_name (group, 64) : kind->name);
  return *fault == NULL ? kind : NULL;
}

/**
 * aip_config_check_setting_name:
 * @kind: a kind of group
 * @key: name of a setting
 * @shown: (out) (transfer none) (nullable): what a message may call it, @key or NULL
 * @fault: (out) (transfer full) (nullable): what is wrong with it; what would be right
 *
 * Returns: (transfer none) (nullable): the setting's row; NULL: @fault is set
 */
const AipSetting *
aip_config_check_setting_name (const AipSettingGroup *kind, const char *key, const char **shown, char **fault)
{
  const AipSetting *found;
  g_autoptr (GPtrArray) names = NULL;
  g_autofree char *hint = NULL;

  g_return_val_if_fail (kind != NULL, NULL);
  g_return_val_if_fail (key != NULL, NULL);
  g_return_val_if_fail (shown != NULL, NULL);
  g_return_val_if_fail (fault != NULL, NULL);

  found = aip_setting_group_find_setting (kind, key);
  *shown = found == NULL ? filter_name (key, 32) : key;
  *fault = NULL;
  if (found != NULL)
    return found;

  names = g_ptr_array_new ();
  for (const AipSetting *setting = kind->settings; setting->key != NULL; setting++)
    g_ptr_array_add (names, (char *) setting->key);
  g_ptr_array_add (names, NULL);
  hint = aip_config_suggest_or_list (key, (const char *const *) names->pdata);
  *fault = g_strdup_printf ("there is no such setting; %s", hint);
  return NULL;
}
