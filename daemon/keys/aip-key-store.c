/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-key-store"

#include "keys/aip-key-store.h"

#include "keys/aip-key-store-backend.h"

G_DEFINE_ABSTRACT_TYPE (AipKeyStore, aip_key_store, G_TYPE_OBJECT)

enum
{
  SIGNAL_CHANGED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void
aip_key_store_class_init (AipKeyStoreClass *klass)
{
  /**
   * AipKeyStore::changed:
   *
   * Secrets or the state changed: look them up again. Emitted at the end of each load, too.
   */
  signals[SIGNAL_CHANGED] =
      g_signal_new ("changed", AIP_TYPE_KEY_STORE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
aip_key_store_init (AipKeyStore *self)
{
}

/**
 * aip_key_store_get_name:
 * @self: the store
 *
 * Returns: the backend's name, as `--key-store` takes it
 */
const char *
aip_key_store_get_name (AipKeyStore *self)
{
  g_return_val_if_fail (AIP_IS_KEY_STORE (self), NULL);

  return AIP_KEY_STORE_GET_CLASS (self)->name;
}

/**
 * aip_key_store_get_state:
 * @self: the store
 *
 * Returns: whether secrets can be had from @self now, and why not
 */
AipKeyStoreState
aip_key_store_get_state (AipKeyStore *self)
{
  g_return_val_if_fail (AIP_IS_KEY_STORE (self), AIP_KEY_STORE_UNAVAILABLE);

  return AIP_KEY_STORE_GET_CLASS (self)->get_state (self);
}

/**
 * aip_key_store_load_async:
 * @self: the store
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context when the secrets are there
 * @user_data: for @callback
 *
 * Reads the secrets into locked memory, without prompting anyone. May be called again, to read them
 * anew; until that ends, lookups answer from the load before.
 */
void
aip_key_store_load_async (AipKeyStore *self,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          void *user_data)
{
  g_return_if_fail (AIP_IS_KEY_STORE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  AIP_KEY_STORE_GET_CLASS (self)->load_async (self, cancellable, callback, user_data);
}

/**
 * aip_key_store_load_finish:
 * @self: the store
 * @result: what the callback got
 * @error: where to put an error; aip_key_store_get_state () then tells what it means for lookups
 *
 * Ends aip_key_store_load_async () and emits #AipKeyStore::changed, after a failure too.
 *
 * Returns: whether the secrets were read
 */
gboolean
aip_key_store_load_finish (AipKeyStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (AIP_IS_KEY_STORE (self), FALSE);
  g_return_val_if_fail (G_IS_ASYNC_RESULT (result), FALSE);

  gboolean loaded = AIP_KEY_STORE_GET_CLASS (self)->load_finish (self, result, error);

  aip_key_store_emit_changed (self);

  return loaded;
}

/**
 * aip_key_store_lookup:
 * @self: the store
 * @ref: what names the secret in this kind of store: a variable, a credential, a key
 *
 * Returns: (transfer full) (nullable): the secret, or %NULL: there is none, or none that is usable,
 *   or it cannot be had in the present state
 */
AipSecret *
aip_key_store_lookup (AipKeyStore *self, const char *ref)
{
  g_return_val_if_fail (AIP_IS_KEY_STORE (self), NULL);
  g_return_val_if_fail (ref != NULL, NULL);

  return AIP_KEY_STORE_GET_CLASS (self)->lookup (self, ref);
}

static gboolean
has_control_character (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (g_ascii_iscntrl (text[i]))
      return TRUE;

  return FALSE;
}

/**
 * aip_key_store_check_secret:
 * @self: the store
 * @ref: the secret's name, for the warning
 * @text: what lies there; any bytes
 * @length: its length in bytes
 *
 * Makes a secret of what a backend found. An empty one cannot be a key, and one with control
 * characters could add lines to the request's head: both count as missing, with a warning that
 * names @ref and never the value.
 *
 * Returns: (transfer full) (nullable): the secret, or %NULL
 */
AipSecret *
aip_key_store_check_secret (AipKeyStore *self, const char *ref, const char *text, gsize length)
{
  g_return_val_if_fail (AIP_IS_KEY_STORE (self), NULL);
  g_return_val_if_fail (ref != NULL && text != NULL, NULL);

  if (length == 0)
    {
      g_warning ("%s %s is empty: not used", aip_key_store_get_name (self), ref);
      return NULL;
    }

  if (has_control_character (text, length))
    {
      g_warning ("%s %s holds a control character, such as a line break: not used",
                 aip_key_store_get_name (self), ref);
      return NULL;
    }

  return aip_secret_new (text, (gssize) length);
}

/**
 * aip_key_store_emit_changed:
 * @self: the store
 *
 * Emits #AipKeyStore::changed.
 */
void
aip_key_store_emit_changed (AipKeyStore *self)
{
  g_return_if_fail (AIP_IS_KEY_STORE (self));

  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}
