/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-daemon"

#include <stdio.h>

#include "base/aip-error.h"
#include "ctl/aip-ctl-commands.h"
#include "ctl/aip-ctl-json.h"

static AipCtlStyle
style_of_state (const char *state)
{
  return g_str_equal (state, "running") || g_str_equal (state, "ready") ? AIP_CTL_STYLE_GOOD
                                                                        : AIP_CTL_STYLE_WARNING;
}

static void
add_line (AipCtlTable *table, const char *label, const char *text, AipCtlStyle style)
{
  aip_ctl_table_add_styled (table, label, AIP_CTL_STYLE_BOLD);
  aip_ctl_table_add_styled (table, text != NULL && text[0] != '\0' ? text : "-", style);
}

static void
add_lines (AipCtlTable *table, const char *label, const char *const *lines, AipCtlStyle style)
{
  for (gsize i = 0; lines != NULL && lines[i] != NULL; i++)
    add_line (table, i == 0 ? label : "", lines[i], style);
}

static void
print_status (AipCtl *ctl, AipBusManager *manager)
{
  static const char *const titles[] = { "", "", NULL };
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (titles);
  const char *state = aip_bus_manager_get_state (manager);
  const char *store_state = aip_bus_manager_get_key_store_state (manager);
  g_autofree char *store = g_strdup_printf ("%s, %s", aip_bus_manager_get_key_store (manager), store_state);
  const char *ledger = aip_bus_manager_get_ledger_state (manager);
  const char *const *problems = aip_bus_manager_get_config_problems (manager);
  gboolean valid = aip_bus_manager_get_config_valid (manager);

  add_line (table, "state", state, style_of_state (state));
  add_line (table, "version", aip_bus_manager_get_version (manager), AIP_CTL_STYLE_PLAIN);
  add_lines (table, "listening on", aip_bus_manager_get_endpoints (manager), AIP_CTL_STYLE_PLAIN);
  add_line (table, "strategy", aip_bus_manager_get_strategy (manager), AIP_CTL_STYLE_PLAIN);
  add_line (table, "keys are in", store, style_of_state (store_state));
  if (g_str_has_prefix (ledger, "redis"))
    add_line (table, "limits", ledger,
              aip_bus_manager_get_ledger_healthy (manager) ? AIP_CTL_STYLE_GOOD : AIP_CTL_STYLE_WARNING);
  add_lines (table, "config", aip_bus_manager_get_config_files (manager), AIP_CTL_STYLE_PLAIN);
  add_lines (table, valid ? "warnings" : "problems", problems,
             valid ? AIP_CTL_STYLE_WARNING : AIP_CTL_STYLE_BAD);
  aip_ctl_print_table (ctl, table);
  if (g_str_equal (store_state, "locked"))
    aip_ctl_say (ctl, "The keyring is locked; open it with: aiproxyctl unlock");
  if (g_str_equal (store_state, "unavailable"))
    aip_ctl_say (ctl, "The keyring cannot be used now: start gnome-keyring or another secret service in this "
                      "session, or give keys as secret=env:VARIABLE; see also: aiproxyctl doctor");
  if (!valid)
    aip_ctl_say (ctl, "The config files cannot be used as they are; the last good configuration serves.");
}

/* All properties of the daemon as a whole; the proxy has them, nothing is asked. */
static GVariant *
collect_properties (GDBusProxy *proxy)
{
  g_auto (GStrv) names = g_dbus_proxy_get_cached_property_names (proxy);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (char **name = names; name != NULL && *name != NULL; name++)
    {
      g_autoptr (GVariant) value = g_dbus_proxy_get_cached_property (proxy, *name);

      g_variant_builder_add (&builder, "{sv}", *name, value);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/**
 * aip_ctl_status:
 *
 * `status`: the properties of the daemon as a whole. The objects are not asked for: there may be thousands.
 */
AipCtlExit
aip_ctl_status (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);

  if (remote == NULL)
    return AIP_CTL_FAILED;
  if (!ctl->json)
    print_status (ctl, aip_remote_get_manager (remote));
  else
    {
      g_autoptr (GVariant) properties = collect_properties (G_DBUS_PROXY (aip_remote_get_manager (remote)));
      g_autofree char *json = aip_ctl_json_format_properties (properties, TRUE);

      puts (json);
    }
  return AIP_CTL_DONE;
}

static AipCtlExit
report (AipCtl *ctl, const char *result, const char *text)
{
  if (ctl->json)
    aip_ctl_print_json (ctl, g_variant_new_parsed ("{'result': %s}", result));
  aip_ctl_say (ctl, "%s", text);
  return AIP_CTL_DONE;
}

/**
 * aip_ctl_pause:
 *
 * `pause`: the kill switch.
 */
AipCtlExit
aip_ctl_pause (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  AipBusManager *manager;

  if (remote == NULL)
    return AIP_CTL_FAILED;
  manager = aip_remote_get_manager (remote);
  if (g_str_equal (aip_bus_manager_get_state (manager), "paused"))
    return aip_ctl_report_nothing (ctl, "paused already");
  if (!aip_bus_manager_call_pause_sync (manager, aip_ctl_no_options (), NULL, error))
    return AIP_CTL_FAILED;
  return report (ctl, "paused",
                 "paused: what ran was cut, and requests are answered with 503 until `aiproxyctl resume`");
}

/**
 * aip_ctl_resume:
 *
 * `resume`: ends `pause`.
 */
AipCtlExit
aip_ctl_resume (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  AipBusManager *manager;

  if (remote == NULL)
    return AIP_CTL_FAILED;
  manager = aip_remote_get_manager (remote);
  if (g_str_equal (aip_bus_manager_get_state (manager), "running"))
    return aip_ctl_report_nothing (ctl, "not paused");
  if (!aip_bus_manager_call_resume_sync (manager, aip_ctl_no_options (), NULL, error))
    return AIP_CTL_FAILED;
  return report (ctl, "resumed", "running");
}

/* What is wrong, in place of the word that something is. */
static void
explain_config (AipBusManager *manager, GError *error)
{
  g_auto (GStrv) problems = NULL;

  if (!g_error_matches (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG) ||
      !aip_bus_manager_call_check_config_sync (manager, aip_ctl_no_options (), &problems, NULL, NULL, NULL) ||
      problems[0] == NULL)
    return;
  g_free (error->message);
  error->message = g_strjoinv ("\n", problems);
  g_prefix_error (&error, "the configuration cannot be used, and the last good one serves:\n");
}

/**
 * aip_ctl_reload:
 *
 * `reload`: reads configuration and secrets again.
 */
AipCtlExit
aip_ctl_reload (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  g_autoptr (GError) failure = NULL;

  if (remote == NULL)
    return AIP_CTL_FAILED;
  if (!aip_bus_manager_call_reload_sync (aip_remote_get_manager (remote), aip_ctl_no_options (), NULL,
                                         &failure))
    {
      explain_config (aip_remote_get_manager (remote), failure);
      g_propagate_error (error, g_steal_pointer (&failure));
      return AIP_CTL_FAILED;
    }
  return report (ctl, "reloaded", "configuration and secrets were read again");
}

/**
 * aip_ctl_unlock:
 *
 * `unlock`: asks the keyring to unlock. The user may take any time to answer.
 */
AipCtlExit
aip_ctl_unlock (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  AipBusManager *manager;

  if (remote == NULL)
    return AIP_CTL_FAILED;
  manager = aip_remote_get_manager (remote);
  if (g_str_equal (aip_bus_manager_get_key_store_state (manager), "ready"))
    return aip_ctl_report_nothing (ctl, "the keys can be read already");
  g_dbus_proxy_set_default_timeout (G_DBUS_PROXY (manager), G_MAXINT);
  if (!aip_bus_manager_call_unlock_sync (manager, aip_ctl_no_options (), NULL, error))
    return AIP_CTL_FAILED;
  return report (ctl, "unlocked", "the keyring is unlocked");
}

/**
 * aip_ctl_strategy:
 *
 * `strategy`: shows how keys are picked, or changes it.
 */
AipCtlExit
aip_ctl_strategy (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *wanted = aip_ctl_args_nth (args, 0);
  AipRemote *remote = aip_ctl_connect (ctl, error);
  const char *strategy;

  if (remote == NULL)
    return AIP_CTL_FAILED;
  strategy = aip_bus_manager_get_strategy (aip_remote_get_manager (remote));
  if (g_strcmp0 (wanted, strategy) == 0)
    return aip_ctl_report_nothing (ctl, "that is the strategy already");
  if (wanted != NULL && !aip_remote_set_strategy_sync (remote, wanted, NULL, error))
    return AIP_CTL_FAILED;
  if (ctl->json)
    aip_ctl_print_json (ctl, g_variant_new_parsed ("{'strategy': %s}", wanted != NULL ? wanted : strategy));
  aip_ctl_say (ctl, "%s", wanted != NULL ? wanted : strategy);
  return AIP_CTL_DONE;
}

/**
 * aip_ctl_cancel:
 *
 * `cancel`: ends a request that is under way.
 */
AipCtlExit
aip_ctl_cancel (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  g_autoptr (AipBusActivity) activity = NULL;

  if (remote == NULL || (activity = aip_remote_new_activity_sync (remote, NULL, error)) == NULL ||
      !aip_bus_activity_call_cancel_sync (activity, aip_ctl_args_nth (args, 0), aip_ctl_no_options (), NULL,
                                          error))
    return AIP_CTL_FAILED;
  return report (ctl, "cancelled", "the request was ended, and its client told");
}
