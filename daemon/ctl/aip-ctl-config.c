/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-config"

#include <stdio.h>
#include <string.h>

#include "base/aip-error.h"
#include "ctl/aip-ctl-commands.h"
#include "ctl/aip-ctl-offline.h"
#include "ctl/aip-ctl-settings.h"

/* {group: {key: value}}, all values as they would stand in the file. */
static GVariant *
build_groups (const char *text, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_auto (GStrv) groups = NULL;
  GVariantBuilder builder;

  if (!g_key_file_load_from_data (file, text, (gsize) -1, G_KEY_FILE_NONE, error))
    return NULL;
  groups = g_key_file_get_groups (file, NULL);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{sa{ss}}"));
  for (char **group = groups; *group != NULL; group++)
    {
      g_auto (GStrv) keys = g_key_file_get_keys (file, *group, NULL, NULL);

      g_variant_builder_open (&builder, G_VARIANT_TYPE ("{sa{ss}}"));
      g_variant_builder_add (&builder, "s", *group);
      g_variant_builder_open (&builder, G_VARIANT_TYPE ("a{ss}"));
      for (char **key = keys; key != NULL && *key != NULL; key++)
        {
          g_autofree char *value = g_key_file_get_value (file, *group, *key, NULL);

          g_variant_builder_add (&builder, "{ss}", *key, value);
        }
      g_variant_builder_close (&builder);
      g_variant_builder_close (&builder);
    }
  return g_variant_builder_end (&builder);
}

/**
 * aip_ctl_config_show:
 *
 * `config show`: the configuration in force.
 */
AipCtlExit
aip_ctl_config_show (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  g_autofree char *text = NULL;
  GVariantDict options;
  GVariant *groups;

  if (remote == NULL)
    return AIP_CTL_FAILED;
  g_variant_dict_init (&options, NULL);
  if (aip_ctl_args_has (args, "defaults"))
    g_variant_dict_insert (&options, "defaults", "b", TRUE);
  if (!aip_bus_manager_call_get_config_sync (aip_remote_get_manager (remote), g_variant_dict_end (&options),
                                             &text, NULL, error))
    return AIP_CTL_FAILED;
  if (!ctl->json)
    {
      g_autofree char *trimmed = g_strchomp (g_strdup (text));

      if (trimmed[0] != '\0')
        aip_ctl_say (ctl, "%s", trimmed);
      return AIP_CTL_DONE;
    }
  groups = build_groups (text, error);
  if (groups == NULL)
    return AIP_CTL_FAILED;
  aip_ctl_print_json (ctl, groups);
  return AIP_CTL_DONE;
}

/* The files keep a daemon from starting, perhaps: its program tells without one. */
static char **
check_offline (AipCtl *ctl, gboolean *valid)
{
  int code = 0;
  char **problems = aip_ctl_offline_run (ctl, "--check", &code);

  *valid = problems != NULL && code == 0;
  return problems;
}

/**
 * aip_ctl_config_check:
 *
 * `config check`: whether the files as they are now can be used, also where no daemon runs.
 */
AipCtlExit
aip_ctl_config_check (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  g_autoptr (GError) failure = NULL;
  AipRemote *remote = aip_ctl_connect (ctl, &failure);
  g_auto (GStrv) problems = NULL;
  gboolean valid = FALSE;

  if (remote == NULL && aip_ctl_offline_is_needed (failure))
    problems = check_offline (ctl, &valid);
  else if (remote != NULL)
    (void) aip_bus_manager_call_check_config_sync (aip_remote_get_manager (remote), aip_ctl_no_options (),
                                                   &problems, &valid, NULL, &failure);
  if (problems == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return AIP_CTL_FAILED;
    }
  if (ctl->json)
    aip_ctl_print_json (ctl, g_variant_new_parsed ("{'valid': <%b>, 'problems': <%^as>}", valid, problems));
  for (char **problem = problems; *problem != NULL; problem++)
    aip_ctl_say (ctl, "%s", *problem);
  if (problems[0] == NULL)
    aip_ctl_say (ctl, "the config files are good");
  return valid ? AIP_CTL_DONE : AIP_CTL_FAILED;
}

/**
 * aip_ctl_config_path:
 *
 * `config path`: the file that changes are written to, or all that are read.
 */
AipCtlExit
aip_ctl_config_path (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  const char *const *files;
  guint n_files, first;

  if (remote == NULL)
    return AIP_CTL_FAILED;
  files = aip_bus_manager_get_config_files (aip_remote_get_manager (remote));
  n_files = files != NULL ? g_strv_length ((char **) files) : 0;
  if (n_files == 0)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_NOT_FOUND, "the daemon reads no config file");
      return AIP_CTL_FAILED;
    }
  first = aip_ctl_args_has (args, "all") ? 0 : n_files - 1;
  if (ctl->json)
    aip_ctl_print_json (
        ctl, g_variant_new_parsed ("{'written': <%s>, 'read': <%^as>}", files[n_files - 1], files));
  for (guint i = first; i < n_files; i++)
    aip_ctl_say (ctl, "%s", files[i]);
  return AIP_CTL_DONE;
}

/* What has commands of its own is not changed as a group. */
static gboolean
check_group (const char *group, GError **error)
{
  static const char *const kinds[] = { "provider", "key", "mapping", "client" };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      gsize length = strlen (kinds[i]);

      if (!g_str_has_prefix (group, kinds[i]) || (group[length] != ' ' && group[length] != '\0'))
        continue;
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "[%s] is changed with: aiproxyctl %s set %s KEY=VALUE", group, kinds[i],
                   group[length] == ' ' ? group + length + 1 : "NAME");
      return FALSE;
    }
  return TRUE;
}

/**
 * aip_ctl_config_set:
 *
 * `config set`: changes settings of a group that has no name of its own.
 */
AipCtlExit
aip_ctl_config_set (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *group = aip_ctl_args_nth (args, 0);
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  g_auto (GStrv) restart = NULL;
  AipRemote *remote;

  if (!check_group (group, error) || !aip_ctl_settings_take (&settings, aip_ctl_args_from (args, 1), error))
    return AIP_CTL_USAGE;
  remote = aip_ctl_connect (ctl, error);
  if (remote == NULL || !aip_bus_manager_call_set_config_sync (aip_remote_get_manager (remote), group,
                                                               g_variant_dict_end (&settings),
                                                               aip_ctl_no_options (), &restart, NULL, error))
    return AIP_CTL_FAILED;
  if (ctl->json)
    aip_ctl_print_json (
        ctl,
        g_variant_new_parsed ("{'result': <'changed'>, 'group': <%s>, 'restart': <%^as>}", group, restart));
  aip_ctl_say (ctl, "[%s] changed", group);
  for (char **setting = restart; *setting != NULL; setting++)
    aip_ctl_say (ctl, "%s counts from the daemon's next start on", *setting);
  return AIP_CTL_DONE;
}
