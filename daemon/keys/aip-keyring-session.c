/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-keyring"

/*
 * For the coding of secrets. The library's own searches make a proxy of each item, which takes seconds for
 * 1,000 of them, and secret_service_get_secrets_for_dbus_paths () of 0.20.5 leaks what the service answers.
 */
#define SECRET_API_SUBJECT_TO_CHANGE

#include "keys/aip-keyring-session.h"

#include <libsecret/secret.h>

#include "keys/aip-keyring.h"

struct _AipKeyringSession
{
  grefcount ref_count;
  SecretService *service;
};

/**
 * aip_keyring_session_ref:
 * @self: a session
 *
 * Returns: (transfer full): @self
 */
AipKeyringSession *
aip_keyring_session_ref (AipKeyringSession *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * aip_keyring_session_unref:
 * @self: (transfer full): a session
 *
 * Drops a reference; the last one closes the session.
 */
void
aip_keyring_session_unref (AipKeyringSession *self)
{
  g_return_if_fail (self != NULL);

  if (!g_ref_count_dec (&self->ref_count))
    return;

  g_object_unref (self->service);
  g_free (self);
}

static void
opened_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  SecretService *service = secret_service_open_finish (result, &error);

  if (service == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  AipKeyringSession *self = g_new0 (AipKeyringSession, 1);

  g_ref_count_init (&self->ref_count);
  self->service = service;
  g_task_return_pointer (task, self, (GDestroyNotify) aip_keyring_session_unref);
}

/**
 * aip_keyring_session_open_async:
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Opens a session of its own with the service, which the bus may start for that. Prompts nobody.
 */
void
aip_keyring_session_open_async (GCancellable *cancellable, GAsyncReadyCallback callback, void *user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_keyring_session_open_async);
  secret_service_open (SECRET_TYPE_SERVICE, AIP_KEYRING_BUS_NAME, SECRET_SERVICE_OPEN_SESSION, cancellable,
                       opened_cb, task);
}

/**
 * aip_keyring_session_open_finish:
 * @result: what the callback got
 * @error: where to put what a call ended with, see aip_keyring_error_new ()
 *
 * Ends aip_keyring_session_open_async ().
 *
 * Returns: (transfer full) (nullable): the session
 */
AipKeyringSession *
aip_keyring_session_open_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * aip_keyring_session_encode:
 * @self: a session
 * @secret: a secret
 *
 * Makes of a secret what goes over the bus. A service that knows no encryption gets it as it is, in memory
 * that is not wiped.
 *
 * Returns: (transfer floating): of type (oayays)
 */
GVariant *
aip_keyring_session_encode (AipKeyringSession *self, AipSecret *secret)
{
  g_return_val_if_fail (self != NULL && secret != NULL, NULL);

  gsize length = 0;
  const char *text = aip_secret_peek (secret, &length);
  SecretValue *value = secret_value_new (text, (gssize) length, "text/plain");
  GVariant *encoded = secret_service_encode_dbus_secret (self->service, value);

  secret_value_unref (value);
  return encoded;
}

/* Returns: (transfer full) (nullable): the secret, or %NULL: it was not encoded for this session */
static AipSecret *
decode (AipKeyringSession *self, GVariant *encoded)
{
  SecretValue *value = secret_service_decode_dbus_secret (self->service, encoded);
  AipSecret *secret = NULL;
  gsize length = 0;

  if (value == NULL)
    return NULL;

  const char *text = secret_value_get (value, &length);

  secret = aip_secret_new (text != NULL ? text : "", (gssize) length);
  secret_value_unref (value);
  return secret;
}

static void
fetched_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  AipKeyringSession *self = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_autoptr (GVariantIter) iter = NULL;
  GHashTable *secrets = NULL;
  GVariant *encoded = NULL;
  const char *path = NULL;

  if (reply == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  secrets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) aip_secret_unref);
  g_variant_get (reply, "(a{o(oayays)})", &iter);
  while (g_variant_iter_loop (iter, "{&o@(oayays)}", &path, &encoded))
    {
      AipSecret *secret = decode (self, encoded);

      if (secret != NULL)
        g_hash_table_replace (secrets, g_strdup (path), secret);
      else
        g_warning ("the keyring's item %s cannot be decrypted: not used", path);
    }
  g_task_return_pointer (task, secrets, (GDestroyNotify) g_hash_table_unref);
}

/**
 * aip_keyring_session_fetch_async:
 * @self: a session
 * @paths: the paths of items, with a %NULL at the end
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Fetches secrets. Items that are locked, or gone, are left out.
 */
void
aip_keyring_session_fetch_async (AipKeyringSession *self,
                                 const char *const *paths,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 void *user_data)
{
  g_return_if_fail (self != NULL && paths != NULL);

  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_keyring_session_fetch_async);
  g_task_set_task_data (task, aip_keyring_session_ref (self), (GDestroyNotify) aip_keyring_session_unref);
  aip_keyring_call (g_dbus_proxy_get_connection (G_DBUS_PROXY (self->service)), AIP_KEYRING_PATH,
                    AIP_KEYRING_SERVICE_INTERFACE, "GetSecrets",
                    g_variant_new ("(^aoo)", paths, secret_service_get_session_dbus_path (self->service)),
                    "(a{o(oayays)})", cancellable, fetched_cb, task);
}

/**
 * aip_keyring_session_fetch_finish:
 * @result: what the callback got
 * @error: where to put what the call ended with, see aip_keyring_error_new ()
 *
 * Ends aip_keyring_session_fetch_async ().
 *
 * Returns: (transfer full) (nullable): path -> #AipSecret, of any length and with any bytes
 */
GHashTable *
aip_keyring_session_fetch_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
