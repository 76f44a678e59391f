/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-key-store"

#include "keys/aip-key-store.h"

#include "keys/aip-key-store-backend.h"

/*
 * AipKeyStoreMemory: secrets that are put in by calls and live no longer than the store. It can be
 * written to like a keyring, and forgets all at the end.
 */

#define AIP_TYPE_KEY_STORE_MEMORY (aip_key_store_memory_get_type ())
G_DECLARE_FINAL_TYPE (AipKeyStoreMemory, aip_key_store_memory, AIP, KEY_STORE_MEMORY, AipKeyStore)

struct _AipKeyStoreMemory
{
  AipKeyStore parent_instance;

  GHashTable *secrets; /* ref -> AipSecret */
};

G_DEFINE_FINAL_TYPE (AipKeyStoreMemory, aip_key_store_memory, AIP_TYPE_KEY_STORE)

static void
aip_key_store_memory_load_async (AipKeyStore *store,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 void *user_data)
{
  g_autoptr (GTask) task = g_task_new (store, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_key_store_memory_load_async);
  g_task_return_boolean (task, TRUE);
}

static gboolean
aip_key_store_memory_load_finish (AipKeyStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static AipKeyStoreState
aip_key_store_memory_get_state (AipKeyStore *store)
{
  return AIP_KEY_STORE_READY;
}

static AipSecret *
aip_key_store_memory_lookup (AipKeyStore *store, const char *ref)
{
  AipSecret *secret = g_hash_table_lookup (AIP_KEY_STORE_MEMORY (store)->secrets, ref);

  return secret == NULL ? NULL : aip_secret_ref (secret);
}

static char **
aip_key_store_memory_list (AipKeyStore *store)
{
  return aip_key_store_dup_refs (AIP_KEY_STORE_MEMORY (store)->secrets);
}

static void
aip_key_store_memory_store_async (AipKeyStore *store,
                                  const char *ref,
                                  AipSecret *secret,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  void *user_data)
{
  g_autoptr (GTask) task = g_task_new (store, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_key_store_memory_store_async);
  /* It is done at once: a later cancel would report what is not so. */
  g_task_set_check_cancellable (task, FALSE);
  g_hash_table_replace (AIP_KEY_STORE_MEMORY (store)->secrets, g_strdup (ref), aip_secret_ref (secret));
  g_task_return_boolean (task, TRUE);
}

static void
aip_key_store_memory_remove_async (AipKeyStore *store,
                                   const char *ref,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   void *user_data)
{
  g_autoptr (GTask) task = g_task_new (store, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_key_store_memory_remove_async);
  g_task_set_check_cancellable (task, FALSE);
  g_hash_table_remove (AIP_KEY_STORE_MEMORY (store)->secrets, ref);
  g_task_return_boolean (task, TRUE);
}

static gboolean
aip_key_store_memory_write_finish (AipKeyStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
aip_key_store_memory_finalize (GObject *object)
{
  AipKeyStoreMemory *self = AIP_KEY_STORE_MEMORY (object);

  g_clear_pointer (&self->secrets, g_hash_table_unref);

  G_OBJECT_CLASS (aip_key_store_memory_parent_class)->finalize (object);
}

static void
aip_key_store_memory_class_init (AipKeyStoreMemoryClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  AipKeyStoreClass *store_class = AIP_KEY_STORE_CLASS (klass);

  object_class->finalize = aip_key_store_memory_finalize;

  store_class->name = "memory";
  store_class->load_async = aip_key_store_memory_load_async;
  store_class->load_finish = aip_key_store_memory_load_finish;
  store_class->get_state = aip_key_store_memory_get_state;
  store_class->lookup = aip_key_store_memory_lookup;
  store_class->list = aip_key_store_memory_list;
  store_class->store_async = aip_key_store_memory_store_async;
  store_class->store_finish = aip_key_store_memory_write_finish;
  store_class->remove_async = aip_key_store_memory_remove_async;
  store_class->remove_finish = aip_key_store_memory_write_finish;
}

static void
aip_key_store_memory_init (AipKeyStoreMemory *self)
{
  self->secrets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) aip_secret_unref);
}

/**
 * aip_key_store_memory_new:
 *
 * Returns: (transfer full): an empty store, ready from the start
 */
AipKeyStore *
aip_key_store_memory_new (void)
{
  return g_object_new (AIP_TYPE_KEY_STORE_MEMORY, NULL);
}

/**
 * aip_key_store_memory_set:
 * @self: a store made by aip_key_store_memory_new ()
 * @ref: the secret's name
 * @secret: (nullable): the secret, or %NULL: forget the one there is
 *
 * Puts a secret in; one that no backend would take (empty, control characters) counts as %NULL.
 * Emits #AipKeyStore::changed.
 */
void
aip_key_store_memory_set (AipKeyStore *self, const char *ref, AipSecret *secret)
{
  g_return_if_fail (AIP_IS_KEY_STORE_MEMORY (self));
  g_return_if_fail (ref != NULL);

  g_autoptr (AipSecret) checked = NULL;
  if (secret != NULL)
    {
      gsize length = 0;
      const char *text = aip_secret_peek (secret, &length);

      checked = aip_key_store_check_secret (self, ref, text, length);
    }

  GHashTable *secrets = AIP_KEY_STORE_MEMORY (self)->secrets;
  if (checked != NULL)
    g_hash_table_replace (secrets, g_strdup (ref), g_steal_pointer (&checked));
  else
    g_hash_table_remove (secrets, ref);

  aip_key_store_emit_changed (self);
}
