/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-key-store"

#include "keys/aip-key-store.h"

#include <string.h>

#include "base/aip-error.h"
#include "base/aip-placeholder.h"
#include "keys/aip-key-store-backend.h"

G_DEFINE_ABSTRACT_TYPE (AipKeyStore, aip_key_store, G_TYPE_OBJECT)

enum
{
  SIGNAL_CHANGED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

/* In bytes; the config's limit on names. */
#define MAX_NAME 128

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
 * Ends aip_key_store_load_async () and emits #AipKeyStore::changed, after a failure too. A store that was
 * loaded in part, because some of it is locked, fails with %AIP_ERROR_LOCKED and gives that part.
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

static int
compare_refs (const void *a, const void *b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/**
 * aip_key_store_list:
 * @self: the store
 *
 * Returns: (transfer full): the names of all secrets that lookups give now, sorted; empty where the backend
 *   cannot tell
 */
char **
aip_key_store_list (AipKeyStore *self)
{
  char **refs = NULL;

  g_return_val_if_fail (AIP_IS_KEY_STORE (self), NULL);

  if (AIP_KEY_STORE_GET_CLASS (self)->list == NULL)
    return g_new0 (char *, 1);
  refs = AIP_KEY_STORE_GET_CLASS (self)->list (self);
  qsort (refs, g_strv_length (refs), sizeof *refs, compare_refs);
  return refs;
}

/**
 * aip_key_store_is_writable:
 * @self: the store
 *
 * Returns: whether this kind of store takes secrets at all, in whatever state it is now
 */
gboolean
aip_key_store_is_writable (AipKeyStore *self)
{
  g_return_val_if_fail (AIP_IS_KEY_STORE (self), FALSE);

  return AIP_KEY_STORE_GET_CLASS (self)->store_async != NULL;
}

/**
 * aip_key_store_is_persistent:
 * @self: the store
 *
 * Returns: whether what is stored by this program is still there after its end
 */
gboolean
aip_key_store_is_persistent (AipKeyStore *self)
{
  g_return_val_if_fail (AIP_IS_KEY_STORE (self), FALSE);

  return AIP_KEY_STORE_GET_CLASS (self)->persistent;
}

static void
refuse_write (AipKeyStore *self, GAsyncReadyCallback callback, void *user_data, void *tag)
{
  g_task_report_new_error (self, callback, user_data, tag, AIP_ERROR, AIP_ERROR_NOT_SUPPORTED,
                           "secrets of the key store %s come from outside and cannot be changed here: "
                           "start the daemon with --key-store libsecret, or change them where they lie",
                           aip_key_store_get_name (self));
}

static gboolean
has_control_character (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (g_ascii_iscntrl (text[i]))
      return TRUE;

  return FALSE;
}

/* Returns: whether @secret can be kept */
static gboolean
check_new_secret (AipSecret *secret, GError **error)
{
  gsize length = 0;
  const char *text = aip_secret_peek (secret, &length);

  if (length == 0)
    g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "the secret is empty");
  else if (length > AIP_KEY_STORE_MAX_SECRET)
    g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                 "the secret is longer than %d KiB: is it a key?", AIP_KEY_STORE_MAX_SECRET / 1024);
  else if (has_control_character (text, length))
    g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                 "the secret holds a control character, such as a line break: give the key alone");
  else if (aip_placeholder_is_key (text, length))
    g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                 "the secret is what an example shows in place of a key: give the provider's key");
  else
    return TRUE;

  return FALSE;
}

/* Returns: whether there can be a secret of this name */
static gboolean
check_ref (const char *ref, GError **error)
{
  if (aip_key_store_is_ref (ref))
    return TRUE;

  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
               "this cannot be the name of a key or client: take at most %d letters, digits, - _ and .",
               MAX_NAME);
  return FALSE;
}

/**
 * aip_key_store_store_async:
 * @self: the store
 * @ref: the secret's name: a key's name, or "client:NAME" for the token of a client
 * @secret: (transfer none): the secret
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context when it is kept
 * @user_data: for @callback
 *
 * Keeps a secret, in place of the one there is under this name. Prompts nobody. Whether it goes well or
 * not is known after the backend's time limit at the latest.
 */
void
aip_key_store_store_async (AipKeyStore *self,
                           const char *ref,
                           AipSecret *secret,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           void *user_data)
{
  g_return_if_fail (AIP_IS_KEY_STORE (self));
  g_return_if_fail (ref != NULL && secret != NULL);

  g_autoptr (GError) error = NULL;

  if (!aip_key_store_is_writable (self))
    refuse_write (self, callback, user_data, aip_key_store_store_async);
  else if (!check_ref (ref, &error) || !check_new_secret (secret, &error))
    g_task_report_error (self, callback, user_data, aip_key_store_store_async, g_steal_pointer (&error));
  else
    AIP_KEY_STORE_GET_CLASS (self)->store_async (self, ref, secret, cancellable, callback, user_data);
}

/**
 * aip_key_store_store_finish:
 * @self: the store
 * @result: what the callback got
 * @error: where to put an %AIP_ERROR: LOCKED, UNAVAILABLE, TIMED_OUT, CANCELLED, NOT_SUPPORTED, FAILED,
 *   INVALID_ARGUMENT (a name that no key or client can have; no secret of a key: empty, control
 *   characters, more than 8 KiB, an example's)
 *
 * Ends aip_key_store_store_async () and, if it went well, emits #AipKeyStore::changed.
 *
 * Returns: whether lookups give the secret from now on, and it is kept
 */
gboolean
aip_key_store_store_finish (AipKeyStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (AIP_IS_KEY_STORE (self), FALSE);

  if (g_async_result_is_tagged (result, aip_key_store_store_async))
    return g_task_propagate_boolean (G_TASK (result), error);
  if (!AIP_KEY_STORE_GET_CLASS (self)->store_finish (self, result, error))
    return FALSE;
  aip_key_store_emit_changed (self);
  return TRUE;
}

/**
 * aip_key_store_remove_async:
 * @self: the store
 * @ref: the secret's name
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context when it is gone
 * @user_data: for @callback
 *
 * Forgets a secret; that there is none is no error.
 */
void
aip_key_store_remove_async (AipKeyStore *self,
                            const char *ref,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            void *user_data)
{
  g_return_if_fail (AIP_IS_KEY_STORE (self));
  g_return_if_fail (ref != NULL);

  g_autoptr (GError) error = NULL;

  if (!aip_key_store_is_writable (self))
    refuse_write (self, callback, user_data, aip_key_store_remove_async);
  else if (!check_ref (ref, &error))
    g_task_report_error (self, callback, user_data, aip_key_store_remove_async, g_steal_pointer (&error));
  else
    AIP_KEY_STORE_GET_CLASS (self)->remove_async (self, ref, cancellable, callback, user_data);
}

/**
 * aip_key_store_remove_finish:
 * @self: the store
 * @result: what the callback got
 * @error: where to put an %AIP_ERROR, as in aip_key_store_store_finish ()
 *
 * Ends aip_key_store_remove_async () and, if it went well, emits #AipKeyStore::changed.
 *
 * Returns: whether there is no such secret any more
 */
gboolean
aip_key_store_remove_finish (AipKeyStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (AIP_IS_KEY_STORE (self), FALSE);

  if (g_async_result_is_tagged (result, aip_key_store_remove_async))
    return g_task_propagate_boolean (G_TASK (result), error);
  if (!AIP_KEY_STORE_GET_CLASS (self)->remove_finish (self, result, error))
    return FALSE;
  aip_key_store_emit_changed (self);
  return TRUE;
}

/**
 * aip_key_store_check_remove_async:
 * @self: the store
 * @ref: the secret's name
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context when it is known
 * @user_data: for @callback
 *
 * Finds out whether aip_key_store_remove_async () would go well now, as far as that can be known without
 * removing anything: whether the store is there, and what it has under this name is not locked.
 */
void
aip_key_store_check_remove_async (AipKeyStore *self,
                                  const char *ref,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  void *user_data)
{
  g_return_if_fail (AIP_IS_KEY_STORE (self));
  g_return_if_fail (ref != NULL);

  g_autoptr (GError) error = NULL;

  if (!aip_key_store_is_writable (self))
    refuse_write (self, callback, user_data, aip_key_store_check_remove_async);
  else if (!check_ref (ref, &error))
    g_task_report_error (self, callback, user_data, aip_key_store_check_remove_async,
                         g_steal_pointer (&error));
  else if (AIP_KEY_STORE_GET_CLASS (self)->check_remove_async == NULL)
    {
      g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);

      g_task_set_source_tag (task, aip_key_store_check_remove_async);
      g_task_return_boolean (task, TRUE);
    }
  else
    AIP_KEY_STORE_GET_CLASS (self)->check_remove_async (self, ref, cancellable, callback, user_data);
}

/**
 * aip_key_store_check_remove_finish:
 * @self: the store
 * @result: what the callback got
 * @error: where to put an %AIP_ERROR, as in aip_key_store_store_finish ()
 *
 * Ends aip_key_store_check_remove_async ().
 *
 * Returns: whether nothing speaks against the removal
 */
gboolean
aip_key_store_check_remove_finish (AipKeyStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (AIP_IS_KEY_STORE (self), FALSE);

  if (g_async_result_is_tagged (result, aip_key_store_check_remove_async))
    return g_task_propagate_boolean (G_TASK (result), error);
  return AIP_KEY_STORE_GET_CLASS (self)->check_remove_finish (self, result, error);
}

/**
 * aip_key_store_unlock_async:
 * @self: the store
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context when it was answered
 * @user_data: for @callback
 *
 * Asks the store's owner to unlock it, who may have to answer a prompt, and loads the secrets then. Where
 * there is nothing yet that takes secrets, it is made, which may prompt as well. Does nothing where nothing
 * is locked. A prompt has no time limit: @cancellable takes it away.
 */
void
aip_key_store_unlock_async (AipKeyStore *self,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            void *user_data)
{
  g_return_if_fail (AIP_IS_KEY_STORE (self));

  if (AIP_KEY_STORE_GET_CLASS (self)->unlock_async != NULL)
    {
      AIP_KEY_STORE_GET_CLASS (self)->unlock_async (self, cancellable, callback, user_data);
      return;
    }
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, aip_key_store_unlock_async);
  g_task_return_boolean (task, TRUE);
}

/**
 * aip_key_store_unlock_finish:
 * @self: the store
 * @result: what the callback got
 * @error: where to put an %AIP_ERROR: CANCELLED (the prompt was dismissed, or nothing could show it),
 *   LOCKED (it is locked again), UNAVAILABLE, TIMED_OUT, FAILED
 *
 * Ends aip_key_store_unlock_async () and emits #AipKeyStore::changed.
 *
 * Returns: whether it is unlocked
 */
gboolean
aip_key_store_unlock_finish (AipKeyStore *self, GAsyncResult *result, GError **error)
{
  gboolean unlocked;

  g_return_val_if_fail (AIP_IS_KEY_STORE (self), FALSE);

  if (g_async_result_is_tagged (result, aip_key_store_unlock_async))
    return g_task_propagate_boolean (G_TASK (result), error);
  unlocked = AIP_KEY_STORE_GET_CLASS (self)->unlock_finish (self, result, error);
  aip_key_store_emit_changed (self);
  return unlocked;
}

/**
 * aip_key_store_is_ref:
 * @ref: any string
 *
 * Returns: whether a writable store can have a secret of this name: a key's or client's name as in the
 *   config, the latter behind %AIP_KEY_STORE_CLIENT_PREFIX
 */
gboolean
aip_key_store_is_ref (const char *ref)
{
  g_return_val_if_fail (ref != NULL, FALSE);

  if (g_str_has_prefix (ref, AIP_KEY_STORE_CLIENT_PREFIX))
    ref += strlen (AIP_KEY_STORE_CLIENT_PREFIX);

  gsize length = strspn (ref, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_.");

  return length > 0 && length <= MAX_NAME && ref[length] == '\0';
}

/**
 * aip_key_store_dup_refs:
 * @secrets: a table whose keys are names of secrets
 *
 * Returns: (transfer full): the names
 */
char **
aip_key_store_dup_refs (GHashTable *secrets)
{
  g_autofree char **refs = NULL;

  g_return_val_if_fail (secrets != NULL, NULL);

  refs = (char **) g_hash_table_get_keys_as_array (secrets, NULL);
  return g_strdupv (refs);
}

/**
 * aip_key_store_check_secret:
 * @self: the store
 * @ref: the secret's name, for the warning
 * @text: what lies there; any bytes
 * @length: its length in bytes
 *
 * Makes a secret of what a backend found. An empty one cannot be a key, one with control characters
 * could add lines to the request's head, and what examples show ("your-api-key-1") is nobody's: they
 * count as missing, with a warning that names @ref and never the value.
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

  if (aip_placeholder_is_key (text, length))
    {
      g_warning (
          "%s %s holds what an example shows in place of a key: not used; put the provider's key there",
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
