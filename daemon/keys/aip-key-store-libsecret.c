/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-key-store"

#include "keys/aip-key-store.h"

#include "base/aip-error.h"
#include "keys/aip-key-store-backend.h"
#include "keys/aip-keyring-limit.h"
#include "keys/aip-keyring-link.h"
#include "keys/aip-keyring-prompt.h"
#include "keys/aip-keyring-read.h"
#include "keys/aip-keyring-view.h"
#include "keys/aip-keyring-write.h"

/*
 * AipKeyStoreLibsecret: secrets in the system keyring: keys, and the tokens of clients ("client:NAME").
 *
 * A load lists the items of our schemas and fetches the secrets of those that are not locked, so it never
 * prompts. libsecret encrypts what goes over the bus and decrypts it into locked memory.
 *
 *     LOADING --load--> READY        the default collection is there and open
 *                       LOCKED       it, or an item of ours, is locked
 *                       UNAVAILABLE  no bus, no service, no answer, or no default collection
 *
 * The store follows the keyring: items that others change, collections that are locked or unlocked, and a
 * service that ends or comes back lead to a reload, many changes at once to one. Where the service goes
 * away the secrets stay, and serve: nobody took them back; also where it comes back locked. Who locks the
 * keyring does just that, so its secrets are dropped at once, and wiped as soon as no request uses them.
 *
 * All calls but prompts end within the time limit.
 */

/* In ms. */
#define DEFAULT_TIME_LIMIT 25000
#define RELOAD_DELAY 100

/* In s: until the next try where the service is there but failed. */
#define RETRY_DELAY 30

#define AIP_TYPE_KEY_STORE_LIBSECRET (aip_key_store_libsecret_get_type ())
G_DECLARE_FINAL_TYPE (AipKeyStoreLibsecret, aip_key_store_libsecret, AIP, KEY_STORE_LIBSECRET, AipKeyStore)

/* One reading of the keyring. */
typedef struct
{
  AipKeyStoreLibsecret *store;
  AipKeyringLimit limit;
  GPtrArray *tasks; /* of the callers that wait for it */
  gboolean stale;   /* begin anew */
} Load;

struct _AipKeyStoreLibsecret
{
  AipKeyStore parent_instance;

  guint time_limit; /* ms */
  AipKeyringLink *link;
  AipKeyringView *view;

  Load *load;         /* (nullable): the one that runs */
  GPtrArray *waiting; /* tasks for the next one */
  gboolean reload;    /* once more when it has ended */
  guint timer;        /* of the next reload */
  guint retry;        /* after one that failed */
};

G_DEFINE_FINAL_TYPE (AipKeyStoreLibsecret, aip_key_store_libsecret, AIP_TYPE_KEY_STORE)

static void start_load (AipKeyStoreLibsecret *self);

static gboolean
reload_cb (void *user_data)
{
  AipKeyStoreLibsecret *self = user_data;

  self->timer = 0;
  start_load (self);

  return G_SOURCE_REMOVE;
}

static gboolean
retry_cb (void *user_data)
{
  AipKeyStoreLibsecret *self = user_data;

  self->retry = 0;
  start_load (self);

  return G_SOURCE_REMOVE;
}

/* Changes come in swarms, one signal for each item: they make one reload. */
static void
schedule_reload (AipKeyStoreLibsecret *self)
{
  if (self->load != NULL)
    self->reload = TRUE;
  else if (self->timer == 0)
    self->timer = g_timeout_add (RELOAD_DELAY, reload_cb, self);
}

/* What was read before this may be out of date, whatever the load that runs ends with. */
static void
distrust_load (AipKeyStoreLibsecret *self)
{
  if (self->load != NULL)
    self->load->stale = TRUE;
}

static void
service_vanished (AipKeyStoreLibsecret *self)
{
  distrust_load (self);

  /* The first load finds out for itself. */
  if (self->view->state != AIP_KEY_STORE_LOADING && aip_keyring_view_fail (self->view))
    aip_key_store_emit_changed (AIP_KEY_STORE (self));
}

static void
collection_locked (AipKeyStoreLibsecret *self, const char *path)
{
  distrust_load (self);
  schedule_reload (self);

  if (aip_keyring_view_lock (self->view, path))
    aip_key_store_emit_changed (AIP_KEY_STORE (self));
}

static void
keyring_cb (AipKeyringEvent event, const char *path, void *user_data)
{
  AipKeyStoreLibsecret *self = user_data;

  switch (event)
    {
    case AIP_KEYRING_APPEARED:
      if (self->view->state == AIP_KEY_STORE_UNAVAILABLE)
        schedule_reload (self);
      break;
    case AIP_KEYRING_VANISHED:
      service_vanished (self);
      break;
    case AIP_KEYRING_ITEM:
    case AIP_KEYRING_COLLECTION:
      schedule_reload (self);
      break;
    case AIP_KEYRING_LOCKED:
      collection_locked (self, path);
      break;
    default:
      g_assert_not_reached ();
    }
}

/* Loading */

static Load *
load_new (AipKeyStoreLibsecret *self)
{
  Load *load = g_new0 (Load, 1);

  load->store = g_object_ref (self);
  load->tasks = g_steal_pointer (&self->waiting);
  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  self->reload = FALSE;
  aip_keyring_view_begin (self->view);
  aip_keyring_limit_start (&load->limit, self->time_limit, NULL);

  return load;
}

static void
load_free (Load *load)
{
  aip_keyring_limit_end (&load->limit);
  g_ptr_array_unref (load->tasks);
  g_object_unref (load->store);
  g_free (load);
}

/* Returns: whether anything changed */
static gboolean
fail (AipKeyStoreLibsecret *self, const GError *error)
{
  gboolean changed = aip_keyring_view_fail (self->view);

  if (changed)
    g_message ("%s", error->message);
  /* The service may have forgotten the session, or be stuck with it. */
  aip_keyring_link_drop (self->link);
  /* One that is not on the bus is seen when it comes. */
  if (self->link->present && self->retry == 0)
    self->retry = g_timeout_add_seconds (RETRY_DELAY, retry_cb, self);

  return changed;
}

static void
return_to_tasks (GPtrArray *tasks, const GError *error)
{
  for (guint i = 0; i < tasks->len; i++)
    if (error != NULL)
      g_task_return_error (g_ptr_array_index (tasks, i), g_error_copy (error));
    else
      g_task_return_boolean (g_ptr_array_index (tasks, i), TRUE);
}

/* Takes both, and returns to those who wait for it. */
static void
load_ended (Load *load, AipKeyringList *list, const GError *error)
{
  AipKeyStoreLibsecret *self = load->store;
  gboolean changed = list != NULL ? aip_keyring_view_apply (self->view, list) : fail (self, error);
  g_autoptr (GError) problem = error == NULL ? aip_keyring_view_error_new (self->view) : g_error_copy (error);

  self->load = NULL;
  return_to_tasks (load->tasks, problem);
  /* Each of those emits ::changed when it hears of it. */
  if (changed && load->tasks->len == 0)
    aip_key_store_emit_changed (AIP_KEY_STORE (self));

  if (self->waiting->len > 0)
    start_load (self);
  else if (self->reload)
    schedule_reload (self);
  load_free (load);
}

/* Takes @load, which may have read what is not so any more, such as secrets that were locked away since. */
static void
load_anew (Load *load)
{
  AipKeyStoreLibsecret *self = load->store;

  self->load = NULL;
  for (guint i = 0; i < load->tasks->len; i++)
    g_ptr_array_add (self->waiting, g_object_ref (g_ptr_array_index (load->tasks, i)));
  start_load (self);
  load_free (load);
}

static void
load_failed (Load *load, const GError *problem)
{
  g_autoptr (GError) error = aip_keyring_limit_error_new (&load->limit, problem);

  load_ended (load, NULL, error);
}

static void
read_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  Load *load = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (AipKeyringList) list = aip_keyring_read_finish (result, &error);

  if (list == NULL)
    load_failed (load, error);
  else if (load->stale)
    load_anew (load);
  else
    load_ended (load, g_steal_pointer (&list), NULL);
}

static void
load_session_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  Load *load = user_data;
  AipKeyStoreLibsecret *self = load->store;
  g_autoptr (GError) error = NULL;

  g_autoptr (AipKeyringSession) session = aip_keyring_link_open_finish (result, &error);

  if (session == NULL)
    load_failed (load, error);
  else
    aip_keyring_read_async (AIP_KEY_STORE (self), self->link->bus, session, self->link->known,
                            load->limit.cancellable, read_cb, load);
}

static void
start_load (AipKeyStoreLibsecret *self)
{
  /* The one that runs starts the next one. */
  if (self->load != NULL)
    return;

  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_handle_id (&self->retry, g_source_remove);
  self->load = load_new (self);
  aip_keyring_link_open_async (self->link, self->load->limit.cancellable, load_session_cb, self->load);
}

static gboolean
waiter_left_cb (GCancellable *cancellable, void *user_data)
{
  g_autoptr (GTask) task = g_object_ref (user_data);
  AipKeyStoreLibsecret *self = g_task_get_source_object (task);

  if (g_ptr_array_remove (self->waiting, task) ||
      (self->load != NULL && g_ptr_array_remove (self->load->tasks, task)))
    g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_CANCELLED, "cancelled");

  return G_SOURCE_REMOVE;
}

static void
source_end (void *source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

static void
aip_key_store_libsecret_load_async (AipKeyStore *store,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    void *user_data)
{
  AipKeyStoreLibsecret *self = AIP_KEY_STORE_LIBSECRET (store);
  GTask *task = g_task_new (store, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_key_store_libsecret_load_async);
  g_task_set_check_cancellable (task, FALSE);
  g_ptr_array_add (self->waiting, task);

  if (cancellable != NULL)
    {
      GSource *left = g_cancellable_source_new (cancellable);

      g_source_set_callback (left, G_SOURCE_FUNC (waiter_left_cb), task, NULL);
      g_source_attach (left, NULL);
      g_task_set_task_data (task, left, source_end);
    }

  start_load (self);
}

static gboolean
propagate_boolean (AipKeyStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static AipKeyStoreState
aip_key_store_libsecret_get_state (AipKeyStore *store)
{
  return AIP_KEY_STORE_LIBSECRET (store)->view->state;
}

static AipSecret *
aip_key_store_libsecret_lookup (AipKeyStore *store, const char *ref)
{
  return aip_keyring_view_lookup (AIP_KEY_STORE_LIBSECRET (store)->view, ref);
}

static char **
aip_key_store_libsecret_list (AipKeyStore *store)
{
  return aip_key_store_dup_refs (AIP_KEY_STORE_LIBSECRET (store)->view->items);
}

/* Writing */

typedef struct
{
  AipKeyringLimit limit;
  char *ref;
  AipSecret *secret; /* (nullable): to store; none: to remove */
  gboolean checks;   /* whether it could be removed, and no more */
} Write;

static void
write_free (void *data)
{
  Write *write = data;

  aip_keyring_limit_end (&write->limit);
  g_clear_pointer (&write->secret, aip_secret_unref);
  g_free (write->ref);
  g_free (write);
}

static void
write_failed (GTask *task, const GError *problem)
{
  AipKeyStoreLibsecret *self = g_task_get_source_object (task);
  Write *write = g_task_get_task_data (task);
  GError *error = aip_keyring_limit_error_new (&write->limit, problem);

  /* The service may have forgotten the session. */
  if (!g_error_matches (error, AIP_ERROR, AIP_ERROR_LOCKED) &&
      !g_error_matches (error, AIP_ERROR, AIP_ERROR_CANCELLED))
    aip_keyring_link_drop (self->link);
  g_task_return_error (task, error);
}

static void
stored_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  AipKeyStoreLibsecret *self = g_task_get_source_object (task);
  Write *write = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = aip_keyring_create_finish (result, &error);

  if (path == NULL)
    {
      write_failed (task, error);
      return;
    }

  aip_keyring_view_write (self->view, write->ref, path, write->secret);
  g_task_return_boolean (task, TRUE);
}

static void
removed_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  AipKeyStoreLibsecret *self = g_task_get_source_object (task);
  Write *write = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;

  if (!aip_keyring_delete_finish (result, &error))
    {
      write_failed (task, error);
      return;
    }

  if (!write->checks)
    aip_keyring_view_write (self->view, write->ref, NULL, NULL);
  g_task_return_boolean (task, TRUE);
}

static void
write_session_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  AipKeyStoreLibsecret *self = g_task_get_source_object (task);
  Write *write = g_task_get_task_data (task);
  GCancellable *cancellable = write->limit.cancellable;
  g_autoptr (GError) error = NULL;
  g_autoptr (AipKeyringSession) session = aip_keyring_link_open_finish (result, &error);

  if (session == NULL)
    write_failed (task, error);
  else if (write->secret != NULL)
    aip_keyring_create_async (self->link->bus, write->ref,
                              aip_keyring_session_encode (session, write->secret), cancellable, stored_cb,
                              g_steal_pointer (&task));
  else if (write->checks)
    aip_keyring_check_delete_async (self->link->bus, write->ref, cancellable, removed_cb,
                                    g_steal_pointer (&task));
  else
    aip_keyring_delete_async (self->link->bus, write->ref, cancellable, removed_cb, g_steal_pointer (&task));
}

static void
start_write (AipKeyStore *store,
             Write *write,
             GCancellable *cancellable,
             GAsyncReadyCallback callback,
             void *user_data)
{
  AipKeyStoreLibsecret *self = AIP_KEY_STORE_LIBSECRET (store);
  GTask *task = g_task_new (store, cancellable, callback, user_data);

  aip_keyring_limit_start (&write->limit, self->time_limit, cancellable);
  g_task_set_source_tag (task, start_write);
  /* What is done is done: a late cancel must not hide it. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, write, write_free);
  aip_keyring_link_open_async (self->link, write->limit.cancellable, write_session_cb, task);
}

static Write *
write_new (const char *ref)
{
  Write *write = g_new0 (Write, 1);

  write->ref = g_strdup (ref);
  return write;
}

static void
aip_key_store_libsecret_store_async (AipKeyStore *store,
                                     const char *ref,
                                     AipSecret *secret,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     void *user_data)
{
  Write *write = write_new (ref);

  write->secret = aip_secret_ref (secret);
  start_write (store, write, cancellable, callback, user_data);
}

static void
aip_key_store_libsecret_remove_async (AipKeyStore *store,
                                      const char *ref,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      void *user_data)
{
  start_write (store, write_new (ref), cancellable, callback, user_data);
}

static void
aip_key_store_libsecret_check_remove_async (AipKeyStore *store,
                                            const char *ref,
                                            GCancellable *cancellable,
                                            GAsyncReadyCallback callback,
                                            void *user_data)
{
  Write *write = write_new (ref);

  write->checks = TRUE;
  start_write (store, write, cancellable, callback, user_data);
}

/* Unlocking: load, to see what is locked; open that; load. */

static void
unlock_done_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;

  if (propagate_boolean (AIP_KEY_STORE (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

static void
opened_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;

  if (!aip_keyring_open_finish (result, &error))
    {
      g_task_return_error (task, aip_keyring_error_new (error));
      return;
    }

  AipKeyStore *store = g_task_get_source_object (task);
  GCancellable *cancellable = g_task_get_cancellable (task);

  aip_key_store_libsecret_load_async (store, cancellable, unlock_done_cb, g_steal_pointer (&task));
}

static void
unlock_loaded_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  AipKeyStoreLibsecret *self = AIP_KEY_STORE_LIBSECRET (source);

  if (propagate_boolean (AIP_KEY_STORE (self), result, &error))
    g_task_return_boolean (task, TRUE);
  else if (g_error_matches (error, AIP_ERROR, AIP_ERROR_CANCELLED) || self->view->list == NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else
    {
      GCancellable *cancellable = g_task_get_cancellable (task);

      aip_keyring_open_async (self->link->bus, self->view->list, cancellable, opened_cb,
                              g_steal_pointer (&task));
    }
}

static void
aip_key_store_libsecret_unlock_async (AipKeyStore *store,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      void *user_data)
{
  GTask *task = g_task_new (store, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_key_store_libsecret_unlock_async);
  g_task_set_check_cancellable (task, FALSE);
  aip_key_store_libsecret_load_async (store, cancellable, unlock_loaded_cb, task);
}

static void
aip_key_store_libsecret_dispose (GObject *object)
{
  AipKeyStoreLibsecret *self = AIP_KEY_STORE_LIBSECRET (object);

  /* A load holds a reference: none runs. */
  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_handle_id (&self->retry, g_source_remove);
  g_clear_pointer (&self->link, aip_keyring_link_free);

  G_OBJECT_CLASS (aip_key_store_libsecret_parent_class)->dispose (object);
}

static void
aip_key_store_libsecret_finalize (GObject *object)
{
  AipKeyStoreLibsecret *self = AIP_KEY_STORE_LIBSECRET (object);

  g_ptr_array_unref (self->waiting);
  aip_keyring_view_free (self->view);

  G_OBJECT_CLASS (aip_key_store_libsecret_parent_class)->finalize (object);
}

static void
aip_key_store_libsecret_class_init (AipKeyStoreLibsecretClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  AipKeyStoreClass *store_class = AIP_KEY_STORE_CLASS (klass);

  object_class->dispose = aip_key_store_libsecret_dispose;
  object_class->finalize = aip_key_store_libsecret_finalize;

  store_class->name = "libsecret";
  store_class->persistent = TRUE;
  store_class->load_async = aip_key_store_libsecret_load_async;
  store_class->load_finish = propagate_boolean;
  store_class->get_state = aip_key_store_libsecret_get_state;
  store_class->lookup = aip_key_store_libsecret_lookup;
  store_class->list = aip_key_store_libsecret_list;
  store_class->store_async = aip_key_store_libsecret_store_async;
  store_class->store_finish = propagate_boolean;
  store_class->remove_async = aip_key_store_libsecret_remove_async;
  store_class->remove_finish = propagate_boolean;
  store_class->check_remove_async = aip_key_store_libsecret_check_remove_async;
  store_class->check_remove_finish = propagate_boolean;
  store_class->unlock_async = aip_key_store_libsecret_unlock_async;
  store_class->unlock_finish = propagate_boolean;
}

static void
aip_key_store_libsecret_init (AipKeyStoreLibsecret *self)
{
  self->time_limit = DEFAULT_TIME_LIMIT;
  self->view = aip_keyring_view_new ();
  self->link = aip_keyring_link_new (keyring_cb, self);
  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
}

/**
 * aip_key_store_libsecret_new:
 * @time_limit: in ms, what loading, storing and removing may take, each; 0: as long as D-Bus's usual 25 s.
 *   A load or write that takes longer ends with %AIP_ERROR_TIMED_OUT. While a prompt is shown no time
 *   counts: only the caller's cancellable ends that.
 *
 * The store's refs are names of keys, and "client:NAME" for the tokens of clients. It touches the bus no
 * sooner than with its first call. A first load that failed need not be repeated: a keyring that comes
 * later is loaded when it comes.
 *
 * Returns: (transfer full): a store in the session's keyring
 */
AipKeyStore *
aip_key_store_libsecret_new (guint time_limit)
{
  AipKeyStoreLibsecret *self = g_object_new (AIP_TYPE_KEY_STORE_LIBSECRET, NULL);

  if (time_limit != 0)
    self->time_limit = time_limit;

  return AIP_KEY_STORE (self);
}
