/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-key-store"

#include "keys/aip-key-store.h"

#include <string.h>

#include "keys/aip-key-store-backend.h"

/*
 * AipKeyStoreEnvironment: secrets in environment variables; the ref is the variable's name.
 *
 * Which variables are secrets is known only when they are asked for, so each is read by its first
 * lookup after a load and answered from locked memory from then on.
 */

#define AIP_TYPE_KEY_STORE_ENVIRONMENT (aip_key_store_environment_get_type ())
G_DECLARE_FINAL_TYPE (AipKeyStoreEnvironment,
                      aip_key_store_environment,
                      AIP,
                      KEY_STORE_ENVIRONMENT,
                      AipKeyStore)

struct _AipKeyStoreEnvironment
{
  AipKeyStore parent_instance;

  AipKeyStoreState state;
  GHashTable *secrets; /* ref -> AipSecret */
};

G_DEFINE_FINAL_TYPE (AipKeyStoreEnvironment, aip_key_store_environment, AIP_TYPE_KEY_STORE)

static void
aip_key_store_environment_load_async (AipKeyStore *store,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      void *user_data)
{
  g_autoptr (GTask) task = g_task_new (store, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_key_store_environment_load_async);
  g_task_return_boolean (task, TRUE);
}

static gboolean
aip_key_store_environment_load_finish (AipKeyStore *store, GAsyncResult *result, GError **error)
{
  AipKeyStoreEnvironment *self = AIP_KEY_STORE_ENVIRONMENT (store);

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;

  g_hash_table_remove_all (self->secrets);
  self->state = AIP_KEY_STORE_READY;

  return TRUE;
}

static AipKeyStoreState
aip_key_store_environment_get_state (AipKeyStore *store)
{
  return AIP_KEY_STORE_ENVIRONMENT (store)->state;
}

static AipSecret *
aip_key_store_environment_lookup (AipKeyStore *store, const char *ref)
{
  AipKeyStoreEnvironment *self = AIP_KEY_STORE_ENVIRONMENT (store);

  if (self->state != AIP_KEY_STORE_READY)
    return NULL;

  AipSecret *known = g_hash_table_lookup (self->secrets, ref);
  if (known != NULL)
    return aip_secret_ref (known);

  const char *value = g_getenv (ref);
  if (value == NULL)
    return NULL;

  AipSecret *secret = aip_key_store_check_secret (store, ref, value, strlen (value));
  if (secret != NULL)
    g_hash_table_insert (self->secrets, g_strdup (ref), aip_secret_ref (secret));

  return secret;
}

static void
aip_key_store_environment_finalize (GObject *object)
{
  AipKeyStoreEnvironment *self = AIP_KEY_STORE_ENVIRONMENT (object);

  g_clear_pointer (&self->secrets, g_hash_table_unref);

  G_OBJECT_CLASS (aip_key_store_environment_parent_class)->finalize (object);
}

static void
aip_key_store_environment_class_init (AipKeyStoreEnvironmentClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  AipKeyStoreClass *store_class = AIP_KEY_STORE_CLASS (klass);

  object_class->finalize = aip_key_store_environment_finalize;

  store_class->name = "environment";
  store_class->load_async = aip_key_store_environment_load_async;
  store_class->load_finish = aip_key_store_environment_load_finish;
  store_class->get_state = aip_key_store_environment_get_state;
  store_class->lookup = aip_key_store_environment_lookup;
}

static void
aip_key_store_environment_init (AipKeyStoreEnvironment *self)
{
  self->state = AIP_KEY_STORE_LOADING;
  self->secrets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) aip_secret_unref);
}

/**
 * aip_key_store_environment_new:
 *
 * Returns: (transfer full): a store whose refs are names of environment variables
 */
AipKeyStore *
aip_key_store_environment_new (void)
{
  return g_object_new (AIP_TYPE_KEY_STORE_ENVIRONMENT, NULL);
}
