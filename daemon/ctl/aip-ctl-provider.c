/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-provider"

#include "ctl/aip-ctl-commands.h"
#include "ctl/aip-ctl-object.h"
#include "ctl/aip-ctl-settings.h"

/**
 * aip_ctl_provider_list:
 *
 * `provider list`.
 */
AipCtlExit
aip_ctl_provider_list (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  static const AipCtlColumn columns[] = {
    { "NAME", "Name" },
    { "DIALECT", "Dialect" },
    { "BASE-URL", "BaseUrl" },
    { "ENABLED", "Enabled" },
    { "PRIORITY", "Priority", TRUE },
    { "WEIGHT", "Weight", TRUE },
    { "BREAKER", "Breaker" },
    { NULL },
  };

  return aip_ctl_object_list (ctl, AIP_REMOTE_PROVIDER, columns,
                              "no providers; add one with: " AIP_CTL_ADD_PROVIDER, error);
}

/**
 * aip_ctl_provider_show:
 *
 * `provider show`.
 */
AipCtlExit
aip_ctl_provider_show (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return aip_ctl_object_show (ctl, AIP_REMOTE_PROVIDER, aip_ctl_args_nth (args, 0), error);
}

/**
 * aip_ctl_provider_add:
 *
 * `provider add`.
 */
AipCtlExit
aip_ctl_provider_add (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  static const char *const options[] = { "dialect", "base-url", NULL };
  const char *name = aip_ctl_args_nth (args, 0);
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  AipRemote *remote;

  if (!aip_ctl_settings_take (&settings, aip_ctl_args_get_all (args, "set"), error))
    return AIP_CTL_USAGE;
  aip_ctl_settings_take_options (&settings, args, options);
  remote = aip_ctl_connect (ctl, error);
  if (remote == NULL || !aip_bus_manager_call_add_provider_sync (aip_remote_get_manager (remote), name,
                                                                 g_variant_dict_end (&settings),
                                                                 aip_ctl_no_options (), NULL, NULL, error))
    return AIP_CTL_FAILED;
  return aip_ctl_report (ctl, "added", AIP_REMOTE_PROVIDER, name);
}

/**
 * aip_ctl_provider_set:
 *
 * `provider set`.
 */
AipCtlExit
aip_ctl_provider_set (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return aip_ctl_object_set (ctl, AIP_REMOTE_PROVIDER, args, error);
}

/* Keys that go with the provider take their secrets along. */
static gboolean
confirm_force (AipCtl *ctl, const AipCtlArgs *args, const char *name, gboolean *confirmed, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  g_autoptr (GPtrArray) keys = NULL;
  g_autofree char *question = NULL;
  guint n_keys = 0;

  if (remote == NULL || (keys = aip_remote_list_sync (remote, AIP_REMOTE_KEY, NULL, error)) == NULL)
    return FALSE;
  for (guint i = 0; i < keys->len; i++)
    n_keys += g_str_equal (aip_ctl_print_lookup (g_ptr_array_index (keys, i), "Provider"), name);
  question = g_strdup_printf ("Remove provider %s and its %u keys with their secrets?", name, n_keys);
  *confirmed = n_keys == 0 || aip_ctl_confirm (args, question);
  return TRUE;
}

/**
 * aip_ctl_provider_remove:
 *
 * `provider remove`.
 */
AipCtlExit
aip_ctl_provider_remove (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *name = aip_ctl_args_nth (args, 0);
  gboolean force = aip_ctl_args_has (args, "force");
  gboolean confirmed = TRUE;

  if (force && !confirm_force (ctl, args, name, &confirmed, error))
    return AIP_CTL_FAILED;
  if (!confirmed)
    return aip_ctl_report_nothing (ctl, "nothing was removed");
  return aip_ctl_object_remove (ctl, AIP_REMOTE_PROVIDER, name,
                                force ? g_variant_new_parsed ("{'force': <true>}") : NULL, error);
}

/**
 * aip_ctl_provider_test:
 *
 * `provider test`.
 */
AipCtlExit
aip_ctl_provider_test (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return aip_ctl_object_test (ctl, AIP_REMOTE_PROVIDER, aip_ctl_args_nth (args, 0), error);
}

/**
 * aip_ctl_provider_reset:
 *
 * `provider reset`.
 */
AipCtlExit
aip_ctl_provider_reset (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return aip_ctl_object_reset (ctl, AIP_REMOTE_PROVIDER, aip_ctl_args_nth (args, 0), error);
}
