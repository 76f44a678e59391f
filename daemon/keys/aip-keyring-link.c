/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-keyring"

#include "keys/aip-keyring-link.h"

/**
 * aip_keyring_link_new:
 * @func: called in the caller's main context with what happens to the keyring once it was opened
 * @user_data: for @func
 *
 * Returns: (transfer full): a link, not opened yet
 */
AipKeyringLink *
aip_keyring_link_new (AipKeyringFunc func, void *user_data)
{
  g_return_val_if_fail (func != NULL, NULL);

  AipKeyringLink *self = g_new0 (AipKeyringLink, 1);

  self->known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->func = func;
  self->user_data = user_data;

  return self;
}

/**
 * aip_keyring_link_free:
 * @self: (transfer full): a link that is not being opened
 *
 * Closes it. The function is not called any more.
 */
void
aip_keyring_link_free (AipKeyringLink *self)
{
  g_return_if_fail (self != NULL);

  g_clear_pointer (&self->watch, aip_keyring_watch_free);
  g_clear_pointer (&self->session, aip_keyring_session_unref);
  g_hash_table_unref (self->known);
  g_clear_object (&self->bus);
  g_free (self);
}

/**
 * aip_keyring_link_drop:
 * @self: a link
 *
 * Forgets the session and what is known of items: the service may not know them any more. The next opening
 * makes another.
 */
void
aip_keyring_link_drop (AipKeyringLink *self)
{
  g_return_if_fail (self != NULL);

  g_clear_pointer (&self->session, aip_keyring_session_unref);
  g_hash_table_remove_all (self->known);
}

static void
event_cb (AipKeyringEvent event, const char *path, void *user_data)
{
  AipKeyringLink *self = user_data;

  if (event == AIP_KEYRING_APPEARED)
    self->present = TRUE;
  else if (event == AIP_KEYRING_ITEM)
    g_hash_table_remove (self->known, path);
  else if (event == AIP_KEYRING_VANISHED)
    {
      self->present = FALSE;
      aip_keyring_link_drop (self);
    }

  self->func (event, path, self->user_data);
}

static void
return_session (GTask *task, AipKeyringSession *session)
{
  g_task_return_pointer (task, aip_keyring_session_ref (session), (GDestroyNotify) aip_keyring_session_unref);
}

static void
session_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  AipKeyringLink *self = g_task_get_task_data (task);
  g_autoptr (AipKeyringSession) session = aip_keyring_session_open_finish (result, &error);

  if (session == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  /* Of two that were opened at the same time, one stays. */
  if (self->session == NULL)
    self->session = aip_keyring_session_ref (session);
  return_session (task, session);
}

/* Takes @task. */
static void
open_session (GTask *task)
{
  AipKeyringLink *self = g_task_get_task_data (task);

  if (self->session == NULL)
    {
      aip_keyring_session_open_async (g_task_get_cancellable (task), session_cb, task);
      return;
    }

  return_session (task, self->session);
  g_object_unref (task);
}

static void
bus_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  AipKeyringLink *self = g_task_get_task_data (task);
  g_autoptr (GDBusConnection) bus = aip_keyring_bus_finish (result, &error);

  if (bus == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  if (self->bus == NULL)
    {
      self->bus = g_steal_pointer (&bus);
      self->watch = aip_keyring_watch_new (self->bus, event_cb, self);
    }
  open_session (g_steal_pointer (&task));
}

/**
 * aip_keyring_link_open_async:
 * @self: a link, which the caller keeps until this has ended
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Connects to the bus, begins to watch the keyring, and opens a session with it, as far as that is not done
 * yet. The bus may start the service for it. Prompts nobody.
 */
void
aip_keyring_link_open_async (AipKeyringLink *self,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             void *user_data)
{
  g_return_if_fail (self != NULL);

  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_keyring_link_open_async);
  g_task_set_task_data (task, self, NULL);
  if (self->bus == NULL)
    aip_keyring_bus_async (cancellable, bus_cb, task);
  else if (!g_dbus_connection_is_closed (self->bus))
    open_session (task);
  else
    {
      /* There will be no other one in this process, see g_bus_get (). */
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, "the session bus is gone");
      g_object_unref (task);
    }
}

/**
 * aip_keyring_link_open_finish:
 * @result: what the callback got
 * @error: where to put what a call ended with, see aip_keyring_error_new ()
 *
 * Ends aip_keyring_link_open_async ().
 *
 * Returns: (transfer full) (nullable): the session
 */
AipKeyringSession *
aip_keyring_link_open_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
