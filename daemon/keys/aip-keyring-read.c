/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-keyring"

#include "keys/aip-keyring-read.h"

#include "keys/aip-key-store-backend.h"
#include "keys/aip-keyring-items.h"

/* Secrets per call: bounds what is decrypted at once, and how long the main loop is busy with it. */
#define CHUNK 100

typedef struct
{
  AipKeyringSession *session;
  AipKeyringList *list; /* (nullable) */
  guint next;           /* index in its paths */
} Reading;

static void read_next (GTask *task);

static void
reading_free (void *data)
{
  Reading *reading = data;

  aip_keyring_session_unref (reading->session);
  g_clear_pointer (&reading->list, aip_keyring_list_free);
  g_free (reading);
}

/* Returns: (transfer full) (nullable): the secret, if it can be a key */
static AipSecret *
check_secret (AipKeyStore *store, const char *ref, AipSecret *found)
{
  gsize length = 0;
  const char *text = aip_secret_peek (found, &length);

  if (length <= AIP_KEY_STORE_MAX_SECRET)
    return aip_key_store_check_secret (store, ref, text, length);

  g_warning ("%s %s is longer than %d KiB: not used", aip_key_store_get_name (store), ref,
             AIP_KEY_STORE_MAX_SECRET / 1024);
  return NULL;
}

/* Where a name is there twice, the default collection's counts: it is the one that is written to. */
static void
take_secret (AipKeyStore *store, AipKeyringList *list, const char *path, AipSecret *found)
{
  const char *ref = g_hash_table_lookup (list->refs, path);

  if (ref == NULL)
    return;
  if (g_hash_table_contains (list->items, ref) &&
      (list->collection == NULL || !aip_keyring_is_below (path, list->collection)))
    return;

  g_autoptr (AipSecret) secret = check_secret (store, ref, found);

  if (secret != NULL)
    aip_keyring_items_put (list->items, ref, path, secret);
}

static void
secrets_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  Reading *reading = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) secrets = aip_keyring_session_fetch_finish (result, &error);
  GHashTableIter iter;
  void *path = NULL;
  void *secret = NULL;

  if (secrets == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  g_hash_table_iter_init (&iter, secrets);
  while (g_hash_table_iter_next (&iter, &path, &secret))
    take_secret (g_task_get_source_object (task), reading->list, path, secret);
  read_next (task);
}

static void
read_next (GTask *task)
{
  Reading *reading = g_task_get_task_data (task);
  GPtrArray *all = reading->list->paths;
  const char *paths[CHUNK + 1] = { NULL };
  guint n = 0;

  for (; reading->next < all->len && n < CHUNK; reading->next++)
    paths[n++] = g_ptr_array_index (all, reading->next);

  if (n > 0)
    aip_keyring_session_fetch_async (reading->session, paths, g_task_get_cancellable (task), secrets_cb,
                                     g_object_ref (task));
  else
    g_task_return_pointer (task, g_steal_pointer (&reading->list), (GDestroyNotify) aip_keyring_list_free);
}

static void
listed_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  Reading *reading = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;

  reading->list = aip_keyring_list_finish (result, &error);
  if (reading->list == NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else
    read_next (task);
}

/**
 * aip_keyring_read_async:
 * @store: whose secrets they will be
 * @bus: the session bus
 * @session: a session with the service
 * @known: see aip_keyring_list_async ()
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Lists what the keyring has of ours and fetches the secrets of what is not locked. Prompts nobody.
 */
void
aip_keyring_read_async (AipKeyStore *store,
                        GDBusConnection *bus,
                        AipKeyringSession *session,
                        GHashTable *known,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        void *user_data)
{
  g_return_if_fail (AIP_IS_KEY_STORE (store));
  g_return_if_fail (G_IS_DBUS_CONNECTION (bus));
  g_return_if_fail (session != NULL && known != NULL);

  GTask *task = g_task_new (store, cancellable, callback, user_data);
  Reading *reading = g_new0 (Reading, 1);

  reading->session = aip_keyring_session_ref (session);
  g_task_set_source_tag (task, aip_keyring_read_async);
  g_task_set_task_data (task, reading, reading_free);
  aip_keyring_list_async (bus, known, cancellable, listed_cb, task);
}

/**
 * aip_keyring_read_finish:
 * @result: what the callback got
 * @error: where to put what a call ended with, see aip_keyring_error_new ()
 *
 * Ends aip_keyring_read_async ().
 *
 * Returns: (transfer full) (nullable): what there is, with the secrets
 */
AipKeyringList *
aip_keyring_read_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (G_IS_TASK (result), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
