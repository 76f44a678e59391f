/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-keyring"

#include "keys/aip-keyring-prompt.h"

#include "base/aip-error.h"
#include "keys/aip-keyring.h"

/*
 * The one place that prompts. The service's answer to Unlock or CreateCollection is a prompt, which is shown
 * by Prompt () and over with the signal Completed; where the service dies, that never comes.
 */

#define PROMPT_INTERFACE "org.freedesktop.Secret.Prompt"

typedef struct
{
  GDBusConnection *bus;
  char *path; /* (nullable): the prompt's */
  guint completed;
  guint owner;
  GSource *left; /* (nullable): the caller's cancel */
} Prompt;

static void
prompt_end (Prompt *prompt)
{
  if (prompt->completed != 0)
    g_dbus_connection_signal_unsubscribe (prompt->bus, prompt->completed);
  prompt->completed = 0;
  g_clear_handle_id (&prompt->owner, g_bus_unwatch_name);
  if (prompt->left != NULL)
    g_source_destroy (prompt->left);
  g_clear_pointer (&prompt->left, g_source_unref);
}

static void
prompt_free (void *data)
{
  Prompt *prompt = data;

  prompt_end (prompt);
  g_free (prompt->path);
  g_object_unref (prompt->bus);
  g_free (prompt);
}

/* Takes @error. Whoever comes first returns; the task holds a reference to itself until then. */
static void
prompt_return (GTask *task, GError *error)
{
  prompt_end (g_task_get_task_data (task));
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
completed_cb (GDBusConnection *bus,
              const char *sender,
              const char *path,
              const char *interface,
              const char *signal,
              GVariant *parameters,
              void *user_data)
{
  gboolean dismissed = TRUE;

  if (g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(bv)")))
    g_variant_get (parameters, "(bv)", &dismissed, NULL);

  prompt_return (user_data, dismissed
                                ? g_error_new (AIP_ERROR, AIP_ERROR_CANCELLED,
                                               "the keyring's prompt was dismissed, or could not be shown")
                                : NULL);
}

static void
vanished_cb (GDBusConnection *bus, const char *name, void *user_data)
{
  prompt_return (user_data,
                 g_error_new (AIP_ERROR, AIP_ERROR_UNAVAILABLE, "the keyring went away without an answer"));
}

static gboolean
left_cb (GCancellable *cancellable, void *user_data)
{
  Prompt *prompt = g_task_get_task_data (user_data);

  aip_keyring_call (prompt->bus, prompt->path, PROMPT_INTERFACE, "Dismiss", NULL, "()", NULL, NULL, NULL);
  prompt_return (user_data, g_error_new (AIP_ERROR, AIP_ERROR_CANCELLED, "cancelled"));

  return G_SOURCE_REMOVE;
}

static void
shown_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  Prompt *prompt = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (reply == NULL && prompt->completed != 0)
    prompt_return (task, g_steal_pointer (&error));
}

/* Takes @task. */
static void
show_prompt (GTask *task, const char *path)
{
  Prompt *prompt = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);

  prompt->path = g_strdup (path);
  prompt->completed =
      g_dbus_connection_signal_subscribe (prompt->bus, AIP_KEYRING_BUS_NAME, PROMPT_INTERFACE, "Completed",
                                          path, NULL, G_DBUS_SIGNAL_FLAGS_NONE, completed_cb, task, NULL);
  prompt->owner = g_bus_watch_name_on_connection (
      prompt->bus, AIP_KEYRING_BUS_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL, vanished_cb, task, NULL);
  if (cancellable != NULL)
    {
      prompt->left = g_cancellable_source_new (cancellable);
      g_source_set_callback (prompt->left, G_SOURCE_FUNC (left_cb), task, NULL);
      g_source_attach (prompt->left, NULL);
    }

  /* No window of ours is its parent. */
  aip_keyring_call (prompt->bus, path, PROMPT_INTERFACE, "Prompt", g_variant_new ("(s)", ""), "()", NULL,
                    shown_cb, g_object_ref (task));
}

static void
opened_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_autofree char *path = NULL;

  if (reply == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  g_variant_get_child (reply, 1, "o", &path);
  if (g_str_equal (path, AIP_KEYRING_NO_PATH))
    g_task_return_boolean (task, TRUE);
  else
    show_prompt (g_steal_pointer (&task), path);
}

/* Returns: (transfer floating): the paths of all that is locked, of type ao */
static GVariant *
locked_paths (AipKeyringList *list)
{
  GVariantBuilder paths;

  g_variant_builder_init (&paths, G_VARIANT_TYPE ("ao"));
  if (list->collection_locked)
    g_variant_builder_add (&paths, "o", list->collection);
  for (guint i = 0; i < list->locked->len; i++)
    g_variant_builder_add (&paths, "o", (const char *) g_ptr_array_index (list->locked, i));

  return g_variant_builder_end (&paths);
}

static GVariant *
new_collection (void)
{
  GVariantBuilder properties;

  g_variant_builder_init (&properties, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&properties, "{sv}", AIP_KEYRING_COLLECTION_INTERFACE ".Label",
                         g_variant_new_string ("Default keyring"));

  return g_variant_new ("(a{sv}s)", &properties, "default");
}

/**
 * aip_keyring_open_async:
 * @bus: the session bus
 * @list: what there is
 * @cancellable: (nullable): to give up, which takes the prompt away
 * @callback: called in the caller's main context when the prompt was answered
 * @user_data: for @callback
 *
 * Has the service unlock what is locked, or make a default collection where there is none. Either may
 * prompt, for as long as it takes. The calls before that take at most D-Bus's usual 25 s.
 */
void
aip_keyring_open_async (GDBusConnection *bus,
                        AipKeyringList *list,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        void *user_data)
{
  g_return_if_fail (G_IS_DBUS_CONNECTION (bus));
  g_return_if_fail (list != NULL);

  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  Prompt *prompt = g_new0 (Prompt, 1);

  prompt->bus = g_object_ref (bus);
  g_task_set_source_tag (task, aip_keyring_open_async);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, prompt, prompt_free);

  if (list->collection == NULL)
    aip_keyring_call (bus, AIP_KEYRING_PATH, AIP_KEYRING_SERVICE_INTERFACE, "CreateCollection",
                      new_collection (), "(oo)", cancellable, opened_cb, task);
  else
    aip_keyring_call (bus, AIP_KEYRING_PATH, AIP_KEYRING_SERVICE_INTERFACE, "Unlock",
                      g_variant_new ("(@ao)", locked_paths (list)), "(aoo)", cancellable, opened_cb, task);
}

/**
 * aip_keyring_open_finish:
 * @result: what the callback got
 * @error: where to put what a call ended with, see aip_keyring_error_new (); CANCELLED: it was dismissed
 *
 * Ends aip_keyring_open_async ().
 *
 * Returns: whether the prompt, if there was one, was answered
 */
gboolean
aip_keyring_open_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
