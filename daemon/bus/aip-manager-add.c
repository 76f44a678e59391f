/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-manager-add.h"

#include <string.h>

#include "base/aip-error.h"
#include "bus/aip-bus-path.h"
#include "bus/aip-bus-secret.h"
#include "bus/aip-bus-settings.h"
#include "bus/aip-client-token.h"
#include "config/aip-config-schema.h"

/*
 * What the new object's path is travels with the call as the data "path", and a client's token as "token".
 */

static gboolean
is_taken (const GPtrArray *sections, const char *name)
{
  /* Every struct of a named group begins with its name. */
  for (guint i = 0; i < sections->len; i++)
    if (g_str_equal (*(char **) g_ptr_array_index (sections, i), name))
      return TRUE;
  return FALSE;
}

/* Before a secret is stored under it; the config file says the same of what it does not take. */
static gboolean
check_name (const AipBusContext *context, const char *kind, const char *name, GError **error)
{
  const AipSettingGroup *group = aip_setting_group_find (kind, NULL);
  const AipConfig *config = context->host->get_config (context->host_data);

  if (!aip_setting_group_is_name (group, name))
    {
      g_set_error (
          error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
          "this is no name for a %s: it takes letters, digits, \"-\", \"_\" and \".\"%s, at most 128 "
          "of them",
          kind, group->loose_names ? ", and \"/\", \":\" and \"@\"" : "");
      return FALSE;
    }
  if (group->loose_names || !is_taken (G_STRUCT_MEMBER (GPtrArray *, config, group->offset), name))
    return TRUE;
  g_set_error (error, AIP_ERROR, AIP_ERROR_EXISTS, "there is a %s %s already", kind, name);
  return FALSE;
}

static AipChange *
make_change (const AipBusContext *context,
             GDBusMethodInvocation *invocation,
             const char *kind,
             const char *name,
             const char *refused,
             GVariant *settings,
             GError **error)
{
  g_autofree char *group = g_strconcat (kind, " ", name, NULL);
  g_autoptr (AipChange) change = aip_change_new ();
  AipConfigEdit *edit = aip_change_get_edit (change);

  if (!check_name (context, kind, name, error))
    return NULL;
  aip_config_edit_add_group (edit, group);
  if (!aip_bus_settings_add_to_edit (settings, group, refused, edit, error))
    return NULL;
  g_object_set_data_full (G_OBJECT (invocation), "path", aip_bus_path_make (kind, name), g_free);
  return g_steal_pointer (&change);
}

static const char *
get_path (GDBusMethodInvocation *invocation)
{
  return g_object_get_data (G_OBJECT (invocation), "path");
}

/* --- what needs no secret --- */

static void
provider_added (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_manager_complete_add_provider (AIP_BUS_MANAGER (service), invocation, get_path (invocation));
}

static void
mapping_added (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_manager_complete_add_mapping (AIP_BUS_MANAGER (service), invocation, get_path (invocation));
}

static gboolean
add_plain (const AipBusContext *context,
           AipBusManager *manager,
           GDBusMethodInvocation *invocation,
           const char *kind,
           const char *name,
           GVariant *settings,
           GVariant *options,
           AipBusReplyFunc reply)
{
  GError *error = NULL;
  AipChange *change;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  change = make_change (context, invocation, kind, name, NULL, settings, &error);
  if (change == NULL)
    return aip_bus_fail (invocation, error);
  return aip_bus_change (context, manager, invocation, change, reply);
}

/**
 * aip_manager_add_provider:
 * @context: the context
 * @manager: the object that was called
 * @invocation: (transfer full): the call
 * @name: the new provider's name
 * @settings: a{sv}
 * @options: a{sv}
 *
 * Returns: TRUE: the call is being answered
 */
gboolean
aip_manager_add_provider (const AipBusContext *context,
                          AipBusManager *manager,
                          GDBusMethodInvocation *invocation,
                          const char *name,
                          GVariant *settings,
                          GVariant *options)
{
  return add_plain (context, manager, invocation, "provider", name, settings, options, provider_added);
}

/* A rule for one provider is the object ALIAS@PROVIDER, whichever way the file says so. Behind the "@" a name
 * that is no provider's would be a part of the alias, and the rule hold for all. */
static char *
dup_mapping_name (const AipBusContext *context, const char *alias, GVariant *settings, GError **error)
{
  const AipConfig *config = context->host->get_config (context->host_data);
  g_autoptr (GVariant) provider = g_variant_lookup_value (settings, "provider", NULL);
  const char *name;

  if (provider == NULL)
    return g_strdup (alias);
  if (!g_variant_is_of_type (provider, G_VARIANT_TYPE_STRING))
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                   "provider: is the name of one provider, of type s, not %s",
                   g_variant_get_type_string (provider));
      return NULL;
    }
  name = g_variant_get_string (provider, NULL);
  if (*name == '\0')
    return g_strdup (alias);
  if (!is_taken (config->providers, name))
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                   "provider: there is no provider %s; add it first, or leave the setting out", name);
      return NULL;
    }
  return g_strconcat (alias, "@", name, NULL);
}

/**
 * aip_manager_add_mapping:
 * @context: the context
 * @manager: the object that was called
 * @invocation: (transfer full): the call
 * @alias: the new alias
 * @settings: a{sv}
 * @options: a{sv}
 *
 * Returns: TRUE: the call is being answered
 */
gboolean
aip_manager_add_mapping (const AipBusContext *context,
                         AipBusManager *manager,
                         GDBusMethodInvocation *invocation,
                         const char *alias,
                         GVariant *settings,
                         GVariant *options)
{
  GError *error = NULL;
  g_autofree char *name = dup_mapping_name (context, alias, settings, &error);
  GVariantDict rest;
  g_autoptr (GVariant) kept = NULL;

  if (name == NULL)
    return aip_bus_fail (invocation, error);

  /* The group's name says it; twice would be one too many where two rules share an alias. */
  g_variant_dict_init (&rest, settings);
  g_variant_dict_remove (&rest, "provider");
  kept = g_variant_ref_sink (g_variant_dict_end (&rest));
  return add_plain (context, manager, invocation, "mapping", name, kept, options, mapping_added);
}

/* --- keys --- */

static void
key_added (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_manager_complete_add_key (AIP_BUS_MANAGER (service), invocation, NULL, get_path (invocation));
}

typedef struct
{
  const AipBusContext *context;
  AipBusManager *manager;
  GDBusMethodInvocation *invocation;
  AipChange *change;
  char *name;
} KeyCall;

static void
secret_read_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  KeyCall *call = user_data;
  GError *error = NULL;
  g_autoptr (AipSecret) secret = aip_bus_secret_read_finish (result, &error);

  if (secret != NULL)
    {
      aip_change_put_secret (call->change, call->name, secret);
      aip_bus_change (call->context, call->manager, call->invocation, call->change, key_added);
    }
  else
    {
      aip_change_free (call->change);
      aip_bus_fail (call->invocation, error);
    }
  g_object_unref (call->manager);
  g_free (call->name);
  g_free (call);
}

static gboolean
is_kept_elsewhere (GVariant *settings)
{
  g_autoptr (GVariant) secret = g_variant_lookup_value (settings, "secret", NULL);
  const char *text;

  if (secret == NULL)
    return FALSE;
  if (!g_variant_is_of_type (secret, G_VARIANT_TYPE_STRING))
    return TRUE;
  text = g_variant_get_string (secret, NULL);
  return *text != '\0' && !g_str_equal (text, "keyring");
}

/* A secret has one source. */
static gboolean
check_source (GVariant *settings, gboolean handed_over, gboolean imports, GError **error)
{
  if (handed_over && imports)
    g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                         "import: a key that is handed over is not imported; leave the option out, or the "
                         "descriptor");
  else if (handed_over && is_kept_elsewhere (settings))
    g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                         "secret: a key that is handed over lies in the keyring; leave the setting out, or "
                         "the descriptor");
  else if (imports && is_kept_elsewhere (settings))
    g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                         "secret: a key that is imported lies in the keyring; leave the setting out, or the "
                         "option");
  else
    return TRUE;
  return FALSE;
}

static AipChange *
make_import (const AipBusContext *context, const char *name, GVariant *settings, GError **error)
{
  const char *const *paths = context->host->get_paths (context->host_data);
  const char *path = paths[g_strv_length ((char **) paths) - 1];
  g_autofree char *group = g_strconcat ("key ", name, NULL);
  g_autoptr (AipSecret) secret = aip_config_take_clear_secret (path, name, error);
  g_autoptr (AipChange) change = aip_change_new ();
  AipConfigEdit *edit = aip_change_get_edit (change);

  if (secret == NULL || !aip_bus_settings_add_to_edit (settings, group, NULL, edit, error))
    return NULL;
  aip_config_edit_set (edit, group, "secret", "keyring");
  aip_change_put_secret (change, name, secret);
  return g_steal_pointer (&change);
}

/* A key that stands in clear in the file moves from there into the keyring. */
static gboolean
import_clear_key (const AipBusContext *context,
                  AipBusManager *manager,
                  GDBusMethodInvocation *invocation,
                  const char *name,
                  GVariant *settings)
{
  GError *error = NULL;
  AipChange *change = make_import (context, name, settings, &error);

  if (change == NULL)
    return aip_bus_fail (invocation, error);
  g_object_set_data_full (G_OBJECT (invocation), "path", aip_bus_path_make ("key", name), g_free);
  return aip_bus_change (context, manager, invocation, change, key_added);
}

/**
 * aip_manager_add_key:
 * @context: the context
 * @manager: the object that was called
 * @invocation: (transfer full): the call
 * @list: (nullable): its descriptors
 * @name: the new key's name
 * @settings: a{sv}
 * @options: a{sv}
 *
 * Returns: TRUE: the call is being answered
 */
gboolean
aip_manager_add_key (const AipBusContext *context,
                     AipBusManager *manager,
                     GDBusMethodInvocation *invocation,
                     GUnixFDList *list,
                     const char *name,
                     GVariant *settings,
                     GVariant *options)
{
  static const char *const known[] = { "secret:h", "import:b", NULL };
  gboolean imports = aip_bus_options_get_boolean (options, "import", FALSE);
  gint32 handle = -1;
  gboolean handed_over = g_variant_lookup (options, "secret", "h", &handle);
  GError *error = NULL;
  AipChange *change;
  KeyCall *call;

  if (aip_bus_refuse_options (invocation, options, known))
    return TRUE;
  if (!check_source (settings, handed_over, imports, &error))
    return aip_bus_fail (invocation, error);
  if (imports)
    return import_clear_key (context, manager, invocation, name, settings);
  change = make_change (context, invocation, "key", name, NULL, settings, &error);
  if (change == NULL)
    return aip_bus_fail (invocation, error);
  if (!handed_over)
    return aip_bus_change (context, manager, invocation, change, key_added);
  call = g_new0 (KeyCall, 1);
  *call = (KeyCall){ context, g_object_ref (manager), invocation, change, g_strdup (name) };
  aip_bus_secret_read_async (list, handle, AIP_BUS_SECRET_TIME_LIMIT, context->ending, secret_read_cb, call);
  return TRUE;
}

/* --- clients --- */

static void
client_added (GObject *service, GDBusMethodInvocation *invocation)
{
  g_autoptr (AipSecret) token = g_object_steal_data (G_OBJECT (invocation), "token");
  g_autoptr (GUnixFDList) pipe = NULL;
  GError *error = NULL;

  pipe = aip_bus_secret_make_pipe (token, &error);
  if (pipe == NULL)
    aip_bus_fail (invocation, error);
  else
    aip_bus_manager_complete_add_client (AIP_BUS_MANAGER (service), invocation, pipe, get_path (invocation),
                                         g_variant_new_handle (0));
}

/**
 * aip_manager_add_client:
 * @context: the context
 * @manager: the object that was called
 * @invocation: (transfer full): the call
 * @name: the new client's name
 * @settings: a{sv}
 * @options: a{sv}
 *
 * Returns: TRUE: the call is being answered
 */
gboolean
aip_manager_add_client (const AipBusContext *context,
                        AipBusManager *manager,
                        GDBusMethodInvocation *invocation,
                        const char *name,
                        GVariant *settings,
                        GVariant *options)
{
  GError *error = NULL;
  AipChange *change;
  AipSecret *token;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  change = make_change (context, invocation, "client", name, "token-sha256", settings, &error);
  if (change == NULL)
    return aip_bus_fail (invocation, error);
  if (!g_str_equal (name, AIP_FIRST_CLIENT))
    aip_client_token_adopt_first (context, change);
  token = aip_client_token_issue (context, change, name);
  g_object_set_data_full (G_OBJECT (invocation), "token", token, (GDestroyNotify) aip_secret_unref);
  return aip_bus_change (context, manager, invocation, change, client_added);
}
