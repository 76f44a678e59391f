/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-bus-unlock.h"

#include "base/aip-error.h"

/* Goes on until the key store has answered, also when nobody waits for that any more. */
typedef struct
{
  AipBusUnlock *owner; /* (nullable): nobody waits for it */
  GCancellable *cancellable;
  GSource *ending; /* the daemon leaves the bus */
} Prompt;

typedef struct
{
  AipBusUnlock *owner;
  GDBusMethodInvocation *invocation;
  guint watch; /* of the caller's name */
} Caller;

struct _AipBusUnlock
{
  const AipBusContext *context;
  GPtrArray *callers; /* of Caller; none: there is no prompt */
  Prompt *prompt;     /* (nullable) */
};

static void
caller_free (void *data)
{
  Caller *caller = data;

  g_bus_unwatch_name (caller->watch);
  g_free (caller);
}

static void
prompt_free (Prompt *prompt)
{
  g_source_destroy (prompt->ending);
  g_source_unref (prompt->ending);
  g_object_unref (prompt->cancellable);
  g_free (prompt);
}

/* @error: (nullable): it is unlocked */
static void
answer (GDBusMethodInvocation *invocation, const GError *error)
{
  if (error != NULL)
    aip_bus_fail (invocation, g_error_copy (error));
  else
    aip_bus_manager_complete_unlock (NULL, invocation);
}

static void
answer_all (AipBusUnlock *self, const GError *error)
{
  for (guint i = 0; i < self->callers->len; i++)
    answer (((Caller *) g_ptr_array_index (self->callers, i))->invocation, error);
  g_ptr_array_set_size (self->callers, 0);
}

/* Takes the prompt away. */
static void
dismiss (AipBusUnlock *self)
{
  Prompt *prompt = g_steal_pointer (&self->prompt);

  prompt->owner = NULL;
  g_cancellable_cancel (prompt->cancellable);
}

static void
give_up (AipBusUnlock *self)
{
  g_autoptr (GError) error = g_error_new_literal (AIP_ERROR, AIP_ERROR_CANCELLED, "the daemon is ending");

  answer_all (self, error);
  if (self->prompt != NULL)
    dismiss (self);
}

static gboolean
ending_cb (GCancellable *cancellable, gpointer user_data)
{
  Prompt *prompt = user_data;

  if (prompt->owner != NULL)
    give_up (prompt->owner);
  return G_SOURCE_REMOVE;
}

static void
unlocked_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Prompt *prompt = user_data;
  g_autoptr (GError) error = NULL;

  aip_key_store_unlock_finish (AIP_KEY_STORE (object), result, &error);
  if (prompt->owner != NULL)
    {
      prompt->owner->prompt = NULL;
      answer_all (prompt->owner, error);
    }
  prompt_free (prompt);
}

static void
begin (AipBusUnlock *self)
{
  const AipBusContext *context = self->context;
  Prompt *prompt = g_new0 (Prompt, 1);

  prompt->owner = self;
  prompt->cancellable = g_cancellable_new ();
  prompt->ending = g_cancellable_source_new (context->ending);
  g_source_set_callback (prompt->ending, G_SOURCE_FUNC (ending_cb), prompt, NULL);
  g_source_attach (prompt->ending, NULL);
  self->prompt = prompt;
  aip_key_store_unlock_async (context->host->get_key_store (context->host_data), prompt->cancellable,
                              unlocked_cb, prompt);
}

static void
vanished_cb (GDBusConnection *connection, const char *name, gpointer user_data)
{
  Caller *caller = user_data;
  AipBusUnlock *self = caller->owner;

  /* Nobody hears it. */
  aip_bus_fail (caller->invocation,
                g_error_new_literal (AIP_ERROR, AIP_ERROR_CANCELLED, "the caller has left"));
  g_ptr_array_remove (self->callers, caller);
  if (self->callers->len == 0)
    dismiss (self);
}

/**
 * aip_bus_unlock_new:
 * @context: (transfer none): the context
 *
 * Returns: (transfer full): with nobody who asks
 */
AipBusUnlock *
aip_bus_unlock_new (const AipBusContext *context)
{
  AipBusUnlock *self = g_new0 (AipBusUnlock, 1);

  self->context = context;
  self->callers = g_ptr_array_new_with_free_func (caller_free);
  return self;
}

/**
 * aip_bus_unlock_free:
 * @self: (transfer full): those who asked; they are told that the daemon ends
 */
void
aip_bus_unlock_free (AipBusUnlock *self)
{
  give_up (self);
  g_ptr_array_unref (self->callers);
  g_free (self);
}

/**
 * aip_bus_unlock_ask:
 * @self: those who asked
 * @invocation: (transfer full): a call of Manager.Unlock
 *
 * Has the keyring unlocked, or waits for the prompt that is there already. It is taken away when the last one
 * who waits for it has left the bus.
 */
void
aip_bus_unlock_ask (AipBusUnlock *self, GDBusMethodInvocation *invocation)
{
  Caller *caller = g_new0 (Caller, 1);

  caller->owner = self;
  caller->invocation = invocation;
  caller->watch = g_bus_watch_name_on_connection (
      self->context->connection, g_dbus_method_invocation_get_sender (invocation),
      G_BUS_NAME_WATCHER_FLAGS_NONE, NULL, vanished_cb, caller, NULL);
  g_ptr_array_add (self->callers, caller);
  if (self->prompt == NULL)
    begin (self);
}
