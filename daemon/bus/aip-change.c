/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-change"

#include "bus/aip-change.h"

#include "base/aip-error.h"

/* How long the end of the daemon waits for a keyring that a change needs. */
#define PATIENCE_MS 2000

/*
 *   PUT secret 1 ─> PUT secret 2 ─> ... ─> APPLY ─> SETTLE ─> over
 *        │                │                  │
 *        └────────────────┴─── failed ───────┴─> UNDO the last done ─> ... ─> UNDO secret 1 ─> over
 */

typedef struct
{
  char *ref;
  AipSecret *secret; /* (nullable): take it away */
  AipSecret *old;    /* (nullable): what was there before */
} Step;

struct _AipChange
{
  AipConfigEdit *edit;
  gboolean edits; /* the edit was asked for */
  GArray *steps;  /* of Step */
  guint done;     /* how many of them */
  gboolean begun; /* it does not wait for its turn, or the key store, any more */
  GError *error;  /* (nullable): why it is being undone */
  AipChangeQueue *queue;
};

struct _AipChangeQueue
{
  const AipBusHost *host;
  void *host_data;
  GQueue waiting;            /* of GTask; the first one runs */
  GCancellable *cancellable; /* gives up what runs */
};

static void start (GTask *task);
static void loaded_cb (AipKeyStore *store, gpointer task);

static void
step_clear (Step *step)
{
  g_free (step->ref);
  g_clear_pointer (&step->secret, aip_secret_unref);
  g_clear_pointer (&step->old, aip_secret_unref);
}

/**
 * aip_change_new:
 *
 * Returns: (transfer full): a change of nothing
 */
AipChange *
aip_change_new (void)
{
  AipChange *self = g_new0 (AipChange, 1);

  self->edit = aip_config_edit_new ();
  self->steps = g_array_new (FALSE, FALSE, sizeof (Step));
  g_array_set_clear_func (self->steps, (GDestroyNotify) step_clear);
  return self;
}

/**
 * aip_change_free:
 * @self: (transfer full): a change
 */
void
aip_change_free (AipChange *self)
{
  aip_config_edit_free (self->edit);
  g_array_unref (self->steps);
  g_clear_error (&self->error);
  g_free (self);
}

/**
 * aip_change_get_edit:
 * @self: a change
 *
 * Returns: (transfer none): what is to be done to the file, to be added to
 */
AipConfigEdit *
aip_change_get_edit (AipChange *self)
{
  self->edits = TRUE;
  return self->edit;
}

/**
 * aip_change_put_secret:
 * @self: a change
 * @ref: what the key store calls it
 * @secret: (nullable) (transfer none): the secret; NULL: forget the one there is
 */
void
aip_change_put_secret (AipChange *self, const char *ref, AipSecret *secret)
{
  Step step = { .ref = g_strdup (ref), .secret = secret != NULL ? aip_secret_ref (secret) : NULL };

  g_array_append_val (self->steps, step);
}

/**
 * aip_change_queue_new:
 * @host: what the changes are made with; outlives the queue
 * @host_data: for @host
 *
 * Returns: (transfer full): an empty queue
 */
AipChangeQueue *
aip_change_queue_new (const AipBusHost *host, void *host_data)
{
  AipChangeQueue *self = g_new0 (AipChangeQueue, 1);

  self->host = host;
  self->host_data = host_data;
  g_queue_init (&self->waiting);
  self->cancellable = g_cancellable_new ();
  return self;
}

static gboolean
impatient_cb (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
has_begun (GTask *task)
{
  return ((AipChange *) g_task_get_task_data (task))->begun;
}

static void
refuse_waiting (AipChangeQueue *self)
{
  AipKeyStore *store = self->host->get_key_store (self->host_data);

  while (self->waiting.length > 0 && !has_begun (g_queue_peek_tail (&self->waiting)))
    {
      g_autoptr (GTask) task = g_queue_pop_tail (&self->waiting);

      g_signal_handlers_disconnect_by_func (store, loaded_cb, task);
      g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_CANCELLED,
                               "the daemon ends before this was its turn; nothing was changed");
    }
}

/**
 * aip_change_queue_free:
 * @self: (transfer full): a queue
 *
 * Refuses what has not begun. What has is waited for, at most 2 s: half of it would be a secret that no key
 * names.
 */
void
aip_change_queue_free (AipChangeQueue *self)
{
  g_autoptr (GPtrArray) tasks = g_ptr_array_new_with_free_func (g_object_unref);
  guint timer = g_timeout_add (PATIENCE_MS, impatient_cb, self->cancellable);

  for (GList *link = self->waiting.head; link != NULL; link = link->next)
    g_ptr_array_add (tasks, g_object_ref (link->data));
  refuse_waiting (self);
  for (guint i = 0; i < tasks->len; i++)
    while (!g_task_get_completed (g_ptr_array_index (tasks, i)))
      g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
  g_object_unref (self->cancellable);
  g_free (self);
}

static void
end (GTask *task)
{
  AipChange *change = g_task_get_task_data (task);
  AipChangeQueue *queue = change->queue;
  g_autoptr (GTask) first = g_queue_pop_head (&queue->waiting);
  /* Asked before the callback, which may put another one into an empty queue, where it starts at once. */
  gboolean more = queue->waiting.length > 0;

  g_assert (first == task);
  if (change->error != NULL)
    g_task_return_error (first, g_steal_pointer (&change->error));
  else
    g_task_return_boolean (first, TRUE);
  if (more)
    start (g_queue_peek_head (&queue->waiting));
}

static void
settled_cb (void *user_data)
{
  end (user_data);
}

/* The caller's next request must not be served by what was in force before. */
static void
settle (GTask *task)
{
  AipChangeQueue *queue = ((AipChange *) g_task_get_task_data (task))->queue;

  queue->host->settle (settled_cb, task, queue->host_data);
}

/* --- undoing --- */

static void undo (GTask *task);

static void
undone (GTask *task, gboolean ok, const GError *error)
{
  AipChange *change = g_task_get_task_data (task);
  Step *step = &g_array_index (change->steps, Step, change->done - 1);

  if (!ok)
    g_warning ("the secret %s could not be put back as it was: %s", step->ref, error->message);
  change->done--;
  undo (task);
}

static void
undo_store_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = aip_key_store_store_finish (AIP_KEY_STORE (object), result, &error);

  undone (user_data, ok, error);
}

static void
undo_remove_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = aip_key_store_remove_finish (AIP_KEY_STORE (object), result, &error);

  undone (user_data, ok, error);
}

static void
undo (GTask *task)
{
  AipChange *change = g_task_get_task_data (task);
  AipKeyStore *store = change->queue->host->get_key_store (change->queue->host_data);
  Step *step;

  if (change->done == 0)
    {
      end (task);
      return;
    }
  step = &g_array_index (change->steps, Step, change->done - 1);
  if (step->old != NULL)
    aip_key_store_store_async (store, step->ref, step->old, change->queue->cancellable, undo_store_cb, task);
  else
    aip_key_store_remove_async (store, step->ref, change->queue->cancellable, undo_remove_cb, task);
}

/* --- doing --- */

static void run (GTask *task);

static void
stepped (GTask *task, GError *error)
{
  AipChange *change = g_task_get_task_data (task);

  if (error != NULL)
    {
      change->error = error;
      undo (task);
      return;
    }
  change->done++;
  run (task);
}

static void
store_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  aip_key_store_store_finish (AIP_KEY_STORE (object), result, &error);
  stepped (user_data, error);
}

static void
remove_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  aip_key_store_remove_finish (AIP_KEY_STORE (object), result, &error);
  stepped (user_data, error);
}

static void
run (GTask *task)
{
  AipChange *change = g_task_get_task_data (task);
  AipChangeQueue *queue = change->queue;
  AipKeyStore *store = queue->host->get_key_store (queue->host_data);
  Step *step;

  change->begun = TRUE;
  if (change->done == change->steps->len)
    {
      if (change->edits && !queue->host->apply (change->edit, &change->error, queue->host_data))
        undo (task);
      else
        settle (task);
      return;
    }
  step = &g_array_index (change->steps, Step, change->done);
  step->old = aip_key_store_lookup (store, step->ref);
  if (step->secret != NULL)
    aip_key_store_store_async (store, step->ref, step->secret, queue->cancellable, store_cb, task);
  else
    aip_key_store_remove_async (store, step->ref, queue->cancellable, remove_cb, task);
}

static void
loaded_cb (AipKeyStore *store, gpointer task)
{
  if (aip_key_store_get_state (store) == AIP_KEY_STORE_LOADING)
    return;
  g_signal_handlers_disconnect_by_func (store, loaded_cb, task);
  run (task);
}

/* Until the store has been read nobody knows what is there, and so what to put back. */
static void
start (GTask *task)
{
  AipChange *change = g_task_get_task_data (task);
  AipKeyStore *store = change->queue->host->get_key_store (change->queue->host_data);

  if (change->steps->len > 0 && aip_key_store_get_state (store) == AIP_KEY_STORE_LOADING)
    g_signal_connect_object (store, "changed", G_CALLBACK (loaded_cb), task, 0);
  else
    run (task);
}

/**
 * aip_change_queue_run_async:
 * @self: a queue
 * @change: (transfer full): what to do
 * @callback: called when it was done, or undone
 * @user_data: for @callback
 *
 * Makes the change when all those before it have been made, and, where it is of secrets, when the key store
 * has been read.
 */
void
aip_change_queue_run_async (AipChangeQueue *self,
                            AipChange *change,
                            GAsyncReadyCallback callback,
                            void *user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);

  g_task_set_source_tag (task, aip_change_queue_run_async);
  g_task_set_task_data (task, change, (GDestroyNotify) aip_change_free);
  change->queue = self;
  g_queue_push_tail (&self->waiting, task);
  if (self->waiting.length == 1)
    start (task);
}

/**
 * aip_change_queue_run_finish:
 * @result: what the callback got
 * @error: return location for what the key store or the configuration says
 *
 * Returns: whether the change was made
 */
gboolean
aip_change_queue_run_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
