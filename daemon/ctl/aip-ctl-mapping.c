/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-mapping"

#include <string.h>

#include "ctl/aip-ctl-commands.h"
#include "ctl/aip-ctl-object.h"
#include "ctl/aip-ctl-settings.h"

/**
 * aip_ctl_mapping_list:
 *
 * `mapping list`.
 */
AipCtlExit
aip_ctl_mapping_list (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  static const AipCtlColumn columns[] = {
    { "ALIAS", "Alias" },
    { "TARGETS", "Targets" },
    { "PROVIDER", "Provider" },
    { "STRATEGY", "Strategy" },
    { NULL },
  };

  return aip_ctl_object_list (ctl, AIP_REMOTE_MAPPING, columns,
                              "no mappings; add one with: aiproxyctl mapping add ALIAS TARGET", error);
}

/**
 * aip_ctl_mapping_show:
 *
 * `mapping show`.
 */
AipCtlExit
aip_ctl_mapping_show (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return aip_ctl_object_show (ctl, AIP_REMOTE_MAPPING, aip_ctl_args_nth (args, 0), error);
}

/* A rule for one provider alone has the provider in its name, so that there can be one for each. */
static char *
name_rule (const char *alias, const char *provider)
{
  const char *at = strrchr (alias, '@');

  if (provider == NULL || (at != NULL && g_str_equal (at + 1, provider)))
    return g_strdup (alias);
  return g_strconcat (alias, "@", provider, NULL);
}

/**
 * aip_ctl_mapping_add:
 *
 * `mapping add`.
 */
AipCtlExit
aip_ctl_mapping_add (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  static const char *const options[] = { "strategy", NULL };
  g_autofree char *name = name_rule (aip_ctl_args_nth (args, 0), aip_ctl_args_get (args, "provider"));
  /* As the config file has it: "a;b" is two of them here too. */
  g_autofree char *targets = g_strjoinv (";", (char **) aip_ctl_args_from (args, 1));
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  AipRemote *remote;

  g_variant_dict_insert (&settings, "target", "s", targets);
  aip_ctl_settings_take_options (&settings, args, options);
  remote = aip_ctl_connect (ctl, error);
  if (remote == NULL || !aip_bus_manager_call_add_mapping_sync (aip_remote_get_manager (remote), name,
                                                                g_variant_dict_end (&settings),
                                                                aip_ctl_no_options (), NULL, NULL, error))
    return AIP_CTL_FAILED;
  return aip_ctl_report (ctl, "added", AIP_REMOTE_MAPPING, name);
}

/**
 * aip_ctl_mapping_set:
 *
 * `mapping set`.
 */
AipCtlExit
aip_ctl_mapping_set (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return aip_ctl_object_set (ctl, AIP_REMOTE_MAPPING, args, error);
}

/**
 * aip_ctl_mapping_remove:
 *
 * `mapping remove`.
 */
AipCtlExit
aip_ctl_mapping_remove (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return aip_ctl_object_remove (ctl, AIP_REMOTE_MAPPING, aip_ctl_args_nth (args, 0), NULL, error);
}
