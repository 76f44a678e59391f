/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-manager-ask.h"

#include <string.h>

#include "base/aip-error.h"
#include "bus/aip-bus-settings.h"
#include "config/aip-config-format.h"
#include "config/aip-config-schema.h"
#include "wire/aip-models-json.h"

/* --- models --- */

/**
 * aip_manager_list_models:
 * @context: the context
 * @manager: the object that was called
 * @invocation: (transfer full): the call
 * @options: a{sv}
 *
 * Returns: TRUE: the call is answered
 */
gboolean
aip_manager_list_models (const AipBusContext *context,
                         AipBusManager *manager,
                         GDBusMethodInvocation *invocation,
                         GVariant *options)
{
  g_autoptr (GPtrArray) models = NULL;
  GVariantBuilder builder;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  models = aip_router_list_models (context->host->get_router (context->host_data));
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < models->len; i++)
    {
      const AipModelInfo *model = g_ptr_array_index (models, i);
      g_autofree char *id = g_utf8_make_valid (model->id, -1);
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

      g_variant_dict_insert (&dict, "id", "s", id);
      g_variant_dict_insert (&dict, "owner", "s", model->owner);
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  aip_bus_manager_complete_list_models (manager, invocation, g_variant_builder_end (&builder));
  return TRUE;
}

/* --- the configuration --- */

/**
 * aip_manager_get_config:
 * @context: the context
 * @manager: the object that was called
 * @invocation: (transfer full): the call
 * @options: a{sv}
 *
 * Returns: TRUE: the call is answered
 */
gboolean
aip_manager_get_config (const AipBusContext *context,
                        AipBusManager *manager,
                        GDBusMethodInvocation *invocation,
                        GVariant *options)
{
  static const char *const known[] = { "defaults:b", NULL };
  g_autofree char *text = NULL;

  if (aip_bus_refuse_options (invocation, options, known))
    return TRUE;
  text = aip_config_format (context->host->get_config (context->host_data),
                            aip_bus_options_get_boolean (options, "defaults", FALSE));
  aip_bus_manager_complete_get_config (manager, invocation, text);
  return TRUE;
}

/**
 * aip_manager_check_config:
 * @context: the context
 * @manager: the object that was called
 * @invocation: (transfer full): the call
 * @options: a{sv}
 *
 * Returns: TRUE: the call is answered
 */
gboolean
aip_manager_check_config (const AipBusContext *context,
                          AipBusManager *manager,
                          GDBusMethodInvocation *invocation,
                          GVariant *options)
{
  gboolean valid = FALSE;
  g_auto (GStrv) found = NULL;
  g_auto (GStrv) problems = NULL;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  found = context->host->check (&valid, context->host_data);
  problems = aip_bus_dup_texts ((const char *const *) found);
  aip_bus_manager_complete_check_config (manager, invocation, (const char *const *) problems, valid);
  return TRUE;
}

/* @kind: (nullable): there is no such group, which the config will say */
static char **
list_restarts (const AipSettingGroup *kind, GVariant *settings)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (const AipSetting *setting = kind != NULL ? kind->settings : NULL;
       setting != NULL && setting->key != NULL; setting++)
    {
      g_autoptr (GVariant) value =
          setting->at_start ? g_variant_lookup_value (settings, setting->key, NULL) : NULL;

      if (value != NULL)
        g_strv_builder_add (builder, setting->key);
    }
  return g_strv_builder_end (builder);
}

static void
config_set (GObject *service, GDBusMethodInvocation *invocation)
{
  const char *const *restarts = g_object_get_data (G_OBJECT (invocation), "restarts");

  aip_bus_manager_complete_set_config (AIP_BUS_MANAGER (service), invocation, restarts);
}

/**
 * aip_manager_set_config:
 * @context: the context
 * @manager: the object that was called
 * @invocation: (transfer full): the call
 * @group: a group that has no name of its own
 * @settings: a{sv}
 * @options: a{sv}
 *
 * Returns: TRUE: the call is being answered
 */
gboolean
aip_manager_set_config (const AipBusContext *context,
                        AipBusManager *manager,
                        GDBusMethodInvocation *invocation,
                        const char *group,
                        GVariant *settings,
                        GVariant *options)
{
  const AipSettingGroup *kind = aip_setting_group_find (group, NULL);

  if (kind != NULL && kind->size > 0 && strchr (group, ' ') != NULL && !g_str_has_prefix (group, "tenant ") &&
      !g_str_has_prefix (group, "model "))
    return aip_bus_fail (invocation, g_error_new (AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                                                  "[%s] has an object of its own: call its Update", group));
  g_object_set_data_full (G_OBJECT (invocation), "restarts", list_restarts (kind, settings),
                          (GDestroyNotify) g_strfreev);
  return aip_bus_update (context, manager, invocation, group, NULL, settings, options, config_set);
}

/* --- diagnosis --- */

static void
diagnosed_cb (GPtrArray *findings, void *user_data)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < findings->len; i++)
    {
      const AipFinding *finding = g_ptr_array_index (findings, i);
      g_autofree char *text = g_utf8_make_valid (finding->text, -1);
      g_autofree char *remedy = g_utf8_make_valid (finding->remedy, -1);
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

      g_variant_dict_insert (&dict, "check", "s", finding->check);
      g_variant_dict_insert (&dict, "status", "s", finding->status);
      g_variant_dict_insert (&dict, "text", "s", text);
      g_variant_dict_insert (&dict, "remedy", "s", remedy);
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  aip_bus_manager_complete_diagnose (NULL, user_data, g_variant_builder_end (&builder));
}

/**
 * aip_manager_diagnose:
 * @context: the context
 * @manager: the object that was called
 * @invocation: (transfer full): the call
 * @options: a{sv}
 *
 * Returns: TRUE: the call is being answered
 */
gboolean
aip_manager_diagnose (const AipBusContext *context,
                      AipBusManager *manager,
                      GDBusMethodInvocation *invocation,
                      GVariant *options)
{
  static const char *const known[] = { "network:b", NULL };

  if (!aip_bus_refuse_options (invocation, options, known))
    context->host->diagnose (aip_bus_options_get_boolean (options, "network", TRUE), diagnosed_cb, invocation,
                             context->host_data);
  return TRUE;
}
