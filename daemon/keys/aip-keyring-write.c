/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-keyring"

#include "keys/aip-keyring-write.h"

#include "base/aip-error.h"
#include "keys/aip-keyring-items.h"
#include "keys/aip-keyring.h"

/* Whatever its real path is. */
#define DEFAULT_COLLECTION AIP_KEYRING_PATH "/aliases/default"

/* A service that wants to prompt for a change has a locked collection. Nobody asked for the prompt. */
static void
refuse_prompt (GTask *task, GDBusConnection *bus, const char *prompt)
{
  aip_keyring_call (bus, prompt, "org.freedesktop.Secret.Prompt", "Dismiss", NULL, "()", NULL, NULL, NULL);
  g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_LOCKED,
                           "the keyring is locked: run `aiproxyctl unlock`");
}

static void
created_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  GDBusConnection *bus = G_DBUS_CONNECTION (source);
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (bus, result, &error);
  const char *item = NULL;
  const char *prompt = NULL;

  if (reply == NULL)
    {
      if (aip_keyring_error_is_gone (error))
        g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_UNAVAILABLE, AIP_KEYRING_NO_DEFAULT);
      else
        g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  g_variant_get (reply, "(&o&o)", &item, &prompt);
  if (g_str_equal (prompt, AIP_KEYRING_NO_PATH))
    g_task_return_pointer (task, g_strdup (item), g_free);
  else
    refuse_prompt (task, bus, prompt);
}

/**
 * aip_keyring_create_async:
 * @bus: the session bus
 * @ref: the secret's name in the store
 * @secret: the secret, encoded for a session of this connection; a floating one is taken
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Puts an item into the default collection, in place of the one there is for @ref. Prompts nobody.
 */
void
aip_keyring_create_async (GDBusConnection *bus,
                          const char *ref,
                          GVariant *secret,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          void *user_data)
{
  g_return_if_fail (G_IS_DBUS_CONNECTION (bus));
  g_return_if_fail (ref != NULL && secret != NULL);

  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  g_autofree char *label = aip_keyring_dup_label (ref);
  GVariantBuilder properties;

  g_task_set_source_tag (task, aip_keyring_create_async);
  /* What is done is done: a late cancel must not hide it. */
  g_task_set_check_cancellable (task, FALSE);
  g_variant_builder_init (&properties, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&properties, "{sv}", AIP_KEYRING_ITEM_INTERFACE ".Label",
                         g_variant_new_string (label));
  g_variant_builder_add (&properties, "{sv}", AIP_KEYRING_ITEM_INTERFACE ".Attributes",
                         aip_keyring_attributes_new (ref));
  aip_keyring_call (bus, DEFAULT_COLLECTION, AIP_KEYRING_COLLECTION_INTERFACE, "CreateItem",
                    g_variant_new ("(a{sv}@(oayays)b)", &properties, secret, TRUE), "(oo)", cancellable,
                    created_cb, task);
}

/**
 * aip_keyring_create_finish:
 * @result: what the callback got
 * @error: where to put what the call ended with, see aip_keyring_error_new ()
 *
 * Ends aip_keyring_create_async ().
 *
 * Returns: (transfer full) (nullable): the item's path
 */
char *
aip_keyring_create_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

static void delete_next (GTask *task, GDBusConnection *bus);

static void
deleted_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  GDBusConnection *bus = G_DBUS_CONNECTION (source);
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (bus, result, &error);
  const char *prompt = NULL;

  if (reply == NULL && !aip_keyring_error_is_gone (error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  if (reply != NULL)
    g_variant_get (reply, "(&o)", &prompt);
  if (prompt == NULL || g_str_equal (prompt, AIP_KEYRING_NO_PATH))
    delete_next (g_steal_pointer (&task), bus);
  else
    refuse_prompt (task, bus, prompt);
}

/* Takes @task. */
static void
delete_next (GTask *task, GDBusConnection *bus)
{
  GVariantIter *paths = g_task_get_task_data (task);
  const char *path = NULL;

  if (g_variant_iter_next (paths, "&o", &path))
    {
      aip_keyring_call (bus, path, AIP_KEYRING_ITEM_INTERFACE, "Delete", NULL, "(o)",
                        g_task_get_cancellable (task), deleted_cb, task);
      return;
    }

  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
found_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_autoptr (GVariantIter) unlocked = NULL;
  g_autoptr (GVariantIter) locked = NULL;

  if (reply == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  g_variant_get (reply, "(aoao)", &unlocked, &locked);
  if (g_variant_iter_n_children (locked) > 0)
    {
      g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_LOCKED,
                               "the keyring is locked: run `aiproxyctl unlock`");
      return;
    }

  if (g_task_get_source_tag (task) == aip_keyring_check_delete_async)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  g_task_set_task_data (task, g_steal_pointer (&unlocked), (GDestroyNotify) g_variant_iter_free);
  delete_next (g_steal_pointer (&task), G_DBUS_CONNECTION (source));
}

static void
find_items (GDBusConnection *bus,
            const char *ref,
            GCancellable *cancellable,
            GAsyncReadyCallback callback,
            void *user_data,
            void *tag)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  (g_task_set_source_tag) (task, tag);
  g_task_set_check_cancellable (task, FALSE);
  aip_keyring_call (bus, AIP_KEYRING_PATH, AIP_KEYRING_SERVICE_INTERFACE, "SearchItems",
                    g_variant_new ("(@a{ss})", aip_keyring_attributes_new (ref)), "(aoao)", cancellable,
                    found_cb, task);
}

/**
 * aip_keyring_check_delete_async:
 * @bus: the session bus
 * @ref: the secret's name in the store
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Looks whether an item of @ref is locked. It is ended by aip_keyring_delete_finish ().
 */
void
aip_keyring_check_delete_async (GDBusConnection *bus,
                                const char *ref,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                void *user_data)
{
  g_return_if_fail (G_IS_DBUS_CONNECTION (bus));
  g_return_if_fail (ref != NULL);

  find_items (bus, ref, cancellable, callback, user_data, aip_keyring_check_delete_async);
}

/**
 * aip_keyring_delete_async:
 * @bus: the session bus
 * @ref: the secret's name in the store
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Deletes the items of @ref in all collections, or none where one of them is locked. Prompts nobody.
 */
void
aip_keyring_delete_async (GDBusConnection *bus,
                          const char *ref,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          void *user_data)
{
  g_return_if_fail (G_IS_DBUS_CONNECTION (bus));
  g_return_if_fail (ref != NULL);

  find_items (bus, ref, cancellable, callback, user_data, aip_keyring_delete_async);
}

/**
 * aip_keyring_delete_finish:
 * @result: what the callback got
 * @error: where to put what a call ended with, see aip_keyring_error_new ()
 *
 * Ends aip_keyring_delete_async (), or aip_keyring_check_delete_async ().
 *
 * Returns: whether there is no such item any more, or none that is locked
 */
gboolean
aip_keyring_delete_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
