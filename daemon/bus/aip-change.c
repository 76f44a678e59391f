/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-change"

#include "bus/aip-change.h"

#include "base/aip-error.h"

/* How long the end of the daemon waits for a keyring that a change needs. */
#define PATIENCE_MS 2000

/*
 *   CHECK removal 1 ─> ... ─> PUT secret 1 ─> ... ─> APPLY ─> REMOVE secret 1 ─> ... ─> SETTLE ─> over
 *          │                       │                 │              │
 *   failed: over                   │                 │       failed: told in the end; on with the next
 *                                  └───── failed ────┴─> UNDO the last one put ─> ... ─> over
 *
 * Wherever the daemon is killed, a key that the file names has its secret: one too many may be left over,
 * which the diagnosis finds.
 */

typedef struct
{
  char *ref;
  AipSecret *secret;
  AipSecret *old; /* (nullable): what was there before */
} Put;

struct _AipChange
{
  AipConfigEdit *edit;
  gboolean edits; /* the edit was asked for */
  AipChangeCheckFunc check;
  void *check_data;
  GDestroyNotify check_free;
  GArray *puts;         /* of Put */
  GPtrArray *removals;  /* of refs */
  guint n_checked;      /* how many of @removals can be made */
  guint n_put;          /* how many of @puts are done */
  guint n_removed;      /* how many of @removals were tried */
  GPtrArray *remaining; /* (not owned) refs that could not be removed */
  gboolean begun;       /* it does not wait for its turn, or the key store, any more */
  GError *error;        /* (nullable): why it is being undone, or a secret is left over */
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
put_clear (Put *put)
{
  g_free (put->ref);
  aip_secret_unref (put->secret);
  g_clear_pointer (&put->old, aip_secret_unref);
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
  self->puts = g_array_new (FALSE, FALSE, sizeof (Put));
  g_array_set_clear_func (self->puts, (GDestroyNotify) put_clear);
  self->removals = g_ptr_array_new_with_free_func (g_free);
  self->remaining = g_ptr_array_new ();
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
  if (self->check_free != NULL)
    self->check_free (self->check_data);
  g_array_unref (self->puts);
  g_ptr_array_unref (self->remaining);
  g_ptr_array_unref (self->removals);
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
 * aip_change_set_check:
 * @self: a change
 * @check: whether it can still be made, asked when all those before it have been
 * @data: for @check
 * @free_func: (nullable): frees @data with the change
 */
void
aip_change_set_check (AipChange *self, AipChangeCheckFunc check, void *data, GDestroyNotify free_func)
{
  g_return_if_fail (self->check == NULL);

  self->check = check;
  self->check_data = data;
  self->check_free = free_func;
}

/**
 * aip_change_put_secret:
 * @self: a change
 * @ref: what the key store calls it
 * @secret: (transfer none): the secret
 *
 * Has a secret stored before the file is written.
 */
void
aip_change_put_secret (AipChange *self, const char *ref, AipSecret *secret)
{
  Put put = { .ref = g_strdup (ref), .secret = aip_secret_ref (secret) };

  g_array_append_val (self->puts, put);
}

/**
 * aip_change_remove_secret:
 * @self: a change
 * @ref: what the key store calls it
 *
 * Has a secret forgotten after the file is written.
 */
void
aip_change_remove_secret (AipChange *self, const char *ref)
{
  g_ptr_array_add (self->removals, g_strdup (ref));
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

static AipKeyStore *
get_store (AipChange *change)
{
  return change->queue->host->get_key_store (change->queue->host_data);
}

/* --- undoing --- */

static void undo (GTask *task);

static void
undone (GTask *task, gboolean ok, const GError *error)
{
  AipChange *change = g_task_get_task_data (task);
  Put *put = &g_array_index (change->puts, Put, change->n_put - 1);

  if (!ok)
    g_warning ("the secret %s could not be put back as it was: %s", put->ref, error->message);
  change->n_put--;
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
  GCancellable *cancellable = change->queue->cancellable;
  Put *put;

  if (change->n_put == 0)
    {
      end (task);
      return;
    }
  put = &g_array_index (change->puts, Put, change->n_put - 1);
  if (put->old != NULL)
    aip_key_store_store_async (get_store (change), put->ref, put->old, cancellable, undo_store_cb, task);
  else
    aip_key_store_remove_async (get_store (change), put->ref, cancellable, undo_remove_cb, task);
}

/* --- removing: the change is made by then, and stays --- */

static void remove_next (GTask *task);

static void
remove_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  AipChange *change = g_task_get_task_data (user_data);
  const char *ref = g_ptr_array_index (change->removals, change->n_removed);
  g_autoptr (GError) error = NULL;

  if (!aip_key_store_remove_finish (AIP_KEY_STORE (object), result, &error))
    {
      g_warning ("the secret %s is not used any more, but could not be removed: %s", ref, error->message);
      g_ptr_array_add (change->remaining, (char *) ref);
      if (change->error == NULL)
        change->error = g_steal_pointer (&error);
    }
  change->n_removed++;
  remove_next (user_data);
}

static void
tell_remaining (AipChange *change)
{
  g_autoptr (GError) first = g_steal_pointer (&change->error);
  g_autofree char *refs = NULL;

  g_ptr_array_add (change->remaining, NULL);
  refs = g_strjoinv (", ", (char **) change->remaining->pdata);
  change->error =
      g_error_new (AIP_ERROR, AIP_ERROR_FAILED,
                   "the change was made and is in use, but the keyring still has what nothing uses "
                   "any more, %s: %s; remove it there by hand",
                   refs, first->message);
}

static void
remove_next (GTask *task)
{
  AipChange *change = g_task_get_task_data (task);

  if (change->n_removed < change->removals->len)
    {
      aip_key_store_remove_async (get_store (change), g_ptr_array_index (change->removals, change->n_removed),
                                  change->queue->cancellable, remove_cb, task);
      return;
    }
  if (change->remaining->len > 0)
    tell_remaining (change);
  settle (task);
}

/* --- doing --- */

static void
apply (GTask *task)
{
  AipChange *change = g_task_get_task_data (task);
  AipChangeQueue *queue = change->queue;

  if (change->edits && !queue->host->apply (change->edit, &change->error, queue->host_data))
    undo (task);
  else
    remove_next (task);
}

static void put_next (GTask *task);

static void
put_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  AipChange *change = g_task_get_task_data (user_data);

  if (!aip_key_store_store_finish (AIP_KEY_STORE (object), result, &change->error))
    {
      undo (user_data);
      return;
    }
  change->n_put++;
  put_next (user_data);
}

static void
put_next (GTask *task)
{
  AipChange *change = g_task_get_task_data (task);
  Put *put;

  if (change->n_put == change->puts->len)
    {
      apply (task);
      return;
    }
  put = &g_array_index (change->puts, Put, change->n_put);
  put->old = aip_key_store_lookup (get_store (change), put->ref);
  aip_key_store_store_async (get_store (change), put->ref, put->secret, change->queue->cancellable, put_cb,
                             task);
}

static void check_next (GTask *task);

static void
check_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  AipChange *change = g_task_get_task_data (user_data);

  if (!aip_key_store_check_remove_finish (AIP_KEY_STORE (object), result, &change->error))
    {
      end (user_data);
      return;
    }
  change->n_checked++;
  check_next (user_data);
}

static void
check_next (GTask *task)
{
  AipChange *change = g_task_get_task_data (task);

  if (change->n_checked == change->removals->len)
    {
      put_next (task);
      return;
    }
  aip_key_store_check_remove_async (get_store (change),
                                    g_ptr_array_index (change->removals, change->n_checked),
                                    change->queue->cancellable, check_cb, task);
}

static void
run (GTask *task)
{
  AipChange *change = g_task_get_task_data (task);

  change->begun = TRUE;
  if (change->check != NULL && !change->check (change, change->check_data, &change->error))
    end (task);
  else
    check_next (task);
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
  AipKeyStore *store = get_store (change);

  if (change->puts->len + change->removals->len > 0 &&
      aip_key_store_get_state (store) == AIP_KEY_STORE_LOADING)
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
 * @error: return location for what the check, the key store or the configuration says; where the change was
 *   made and only a secret is left over, AIP_ERROR_FAILED, which says so
 *
 * Returns: whether the change was made whole
 */
gboolean
aip_change_queue_run_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
