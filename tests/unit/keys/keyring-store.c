/* SPDX-License-Identifier: MIT */
#include "keyring-store.h"

void
result_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

GAsyncResult *
wait_for_result (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);

  return *result;
}

gboolean
load (AipKeyStore *store, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  aip_key_store_load_async (store, NULL, result_cb, &result);
  return aip_key_store_load_finish (store, wait_for_result (&result), error);
}

gboolean
store_secret (AipKeyStore *store, const char *ref, const char *text, gssize length, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (AipSecret) secret = aip_secret_new (text, length);

  aip_key_store_store_async (store, ref, secret, NULL, result_cb, &result);
  return aip_key_store_store_finish (store, wait_for_result (&result), error);
}

gboolean
remove_secret (AipKeyStore *store, const char *ref, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  aip_key_store_remove_async (store, ref, NULL, result_cb, &result);
  return aip_key_store_remove_finish (store, wait_for_result (&result), error);
}

gboolean
check_remove (AipKeyStore *store, const char *ref, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  aip_key_store_check_remove_async (store, ref, NULL, result_cb, &result);
  return aip_key_store_check_remove_finish (store, wait_for_result (&result), error);
}

gboolean
unlock (AipKeyStore *store, GCancellable *cancellable, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  aip_key_store_unlock_async (store, cancellable, result_cb, &result);
  return aip_key_store_unlock_finish (store, wait_for_result (&result), error);
}

/* What is waited for comes with ::changed; if it does not, the test's own time limit ends it. */

void
wait_for_state (AipKeyStore *store, AipKeyStoreState state)
{
  while (aip_key_store_get_state (store) != state)
    g_main_context_iteration (NULL, TRUE);
}

static gboolean
has_secret (AipKeyStore *store, const char *ref, const char *text)
{
  g_autoptr (AipSecret) secret = aip_key_store_lookup (store, ref);

  return g_strcmp0 (secret != NULL ? aip_secret_peek (secret, NULL) : NULL, text) == 0;
}

void
wait_for_secret (AipKeyStore *store, const char *ref, const char *text)
{
  while (!has_secret (store, ref, text))
    g_main_context_iteration (NULL, TRUE);
}

void
assert_secret (AipKeyStore *store, const char *ref, const char *text)
{
  g_autoptr (AipSecret) secret = aip_key_store_lookup (store, ref);

  g_assert_cmpstr (secret == NULL ? NULL : aip_secret_peek (secret, NULL), ==, text);
}

AipKeyStore *
new_loaded_store (void)
{
  g_autoptr (GError) error = NULL;
  AipKeyStore *store = aip_key_store_libsecret_new (0);

  g_assert_cmpint (aip_key_store_get_state (store), ==, AIP_KEY_STORE_LOADING);
  g_assert_true (load (store, &error));
  g_assert_no_error (error);
  g_assert_cmpint (aip_key_store_get_state (store), ==, AIP_KEY_STORE_READY);
  return store;
}

void
store_or_fail (AipKeyStore *store, const char *ref, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (store_secret (store, ref, text, -1, &error));
  g_assert_no_error (error);
}

void
remove_or_fail (AipKeyStore *store, const char *ref)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (remove_secret (store, ref, &error));
  g_assert_no_error (error);
}

void
assert_load_fails (AipKeyStore *store, AipError code, AipKeyStoreState state)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (load (store, &error));
  g_assert_error (error, AIP_ERROR, (int) code);
  g_assert_cmpint (aip_key_store_get_state (store), ==, state);
}

void
assert_store_fails (AipKeyStore *store, const char *ref, const char *text, gssize length, AipError code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (store_secret (store, ref, text, length, &error));
  g_assert_error (error, AIP_ERROR, (int) code);
}

void
assert_remove_fails (AipKeyStore *store, const char *ref, AipError code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (remove_secret (store, ref, &error));
  g_assert_error (error, AIP_ERROR, (int) code);
}

void
assert_unlock_fails (AipKeyStore *store, AipError code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (unlock (store, NULL, &error));
  g_assert_error (error, AIP_ERROR, (int) code);
}
