/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-bus-context.h"

#include "base/aip-error.h"
#include "bus/aip-bus-settings.h"

/**
 * aip_bus_dup_texts:
 * @texts: (array zero-terminated=1): what may have a file's name in it, and so any bytes
 *
 * Returns: (transfer full): the same, as the bus takes it: UTF-8
 */
char **
aip_bus_dup_texts (const char *const *texts)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  g_return_val_if_fail (texts != NULL, NULL);

  for (gsize i = 0; texts[i] != NULL; i++)
    {
      g_autofree char *valid = g_utf8_make_valid (texts[i], -1);

      g_strv_builder_add (builder, valid);
    }
  return g_strv_builder_end (builder);
}

/**
 * aip_bus_mend_error:
 * @error: (inout): what a call is to be answered with; of another domain it becomes AIP_ERROR_FAILED, and
 *   its text is made UTF-8
 */
void
aip_bus_mend_error (GError *error)
{
  g_return_if_fail (error != NULL);

  if (error->domain != AIP_ERROR)
    {
      error->domain = AIP_ERROR;
      error->code = AIP_ERROR_FAILED;
    }
  if (!g_utf8_validate (error->message, -1, NULL))
    {
      g_autofree char *raw = error->message;

      error->message = g_utf8_make_valid (raw, -1);
    }
}

/**
 * aip_bus_fail:
 * @invocation: (transfer full): a call
 * @error: (transfer full): why it fails; see aip_bus_mend_error ()
 *
 * Returns: TRUE: the call is answered
 */
gboolean
aip_bus_fail (GDBusMethodInvocation *invocation, GError *error)
{
  aip_bus_mend_error (error);
  g_dbus_method_invocation_take_error (invocation, error);
  return TRUE;
}

/**
 * aip_bus_refuse_options:
 * @invocation: a call; (transfer full) when it is refused
 * @options: its options
 * @known: (nullable): see aip_bus_options_check ()
 *
 * Returns: whether the call was answered with an error
 */
gboolean
aip_bus_refuse_options (GDBusMethodInvocation *invocation, GVariant *options, const char *const *known)
{
  GError *error = NULL;

  return !aip_bus_options_check (options, known, &error) && aip_bus_fail (invocation, error);
}

/* A call that waits for its change. */
typedef struct
{
  GObject *service;
  GDBusMethodInvocation *invocation;
  AipBusReplyFunc reply;
} Call;

static void
changed_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Call *call = user_data;
  GError *error = NULL;

  if (aip_change_queue_run_finish (result, &error))
    call->reply (call->service, call->invocation);
  else
    aip_bus_fail (call->invocation, error);
  g_object_unref (call->service);
  g_free (call);
}

/**
 * aip_bus_change:
 * @context: the context
 * @service: the object that was called
 * @invocation: (transfer full): the call
 * @change: (transfer full): what it asks for
 * @reply: answers the call when the change was made
 *
 * Returns: TRUE: the call is being answered
 */
gboolean
aip_bus_change (const AipBusContext *context,
                gpointer service,
                GDBusMethodInvocation *invocation,
                AipChange *change,
                AipBusReplyFunc reply)
{
  Call *call = g_new0 (Call, 1);

  *call = (Call){ g_object_ref (service), invocation, reply };
  aip_change_queue_run_async (context->changes, change, changed_cb, call);
  return TRUE;
}

/**
 * aip_bus_update:
 * @context: the context
 * @service: the object that was called
 * @invocation: (transfer full): the call
 * @group: the group of the config file that it stands for
 * @refused: (nullable): a setting that may not be set
 * @settings: what to set
 * @options: the call's options, of which there are none
 * @reply: answers the call when all is set
 *
 * Returns: TRUE: the call is being answered
 */
gboolean
aip_bus_update (const AipBusContext *context,
                gpointer service,
                GDBusMethodInvocation *invocation,
                const char *group,
                const char *refused,
                GVariant *settings,
                GVariant *options,
                AipBusReplyFunc reply)
{
  g_autoptr (AipChange) change = aip_change_new ();
  GError *error = NULL;

  if (!aip_bus_options_check (options, NULL, &error) ||
      !aip_bus_settings_add_to_edit (settings, group, refused, aip_change_get_edit (change), &error))
    return aip_bus_fail (invocation, error);
  return aip_bus_change (context, service, invocation, g_steal_pointer (&change), reply);
}

/**
 * aip_bus_make_test_result:
 * @result: what a test showed
 *
 * Returns: (transfer floating): a{sv}, as Provider.Test gives it
 */
GVariant *
aip_bus_make_test_result (const AipTestResult *result)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&dict, "ok", "b", g_str_equal (result->kind, "ok"));
  g_variant_dict_insert (&dict, "kind", "s", result->kind);
  g_variant_dict_insert (&dict, "text", "s", result->text);
  g_variant_dict_insert (&dict, "status", "u", result->status);
  g_variant_dict_insert (&dict, "models", "u", result->n_models);
  g_variant_dict_insert (&dict, "duration-ms", "u", result->duration_ms);
  return g_variant_dict_end (&dict);
}
