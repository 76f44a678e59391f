/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include <string.h>

#include "keyring-session.h"
#include "keyring-store.h"

/* The keyring's store with a service that can be told to prompt, to be slow, and to fail. */

static KeyringSession *session;

static void
wait_for_call (const char *method)
{
  while (!mock_was_called (method))
    g_main_context_iteration (NULL, FALSE);
}

static void
set_up_mock (AipKeyStore **store, const void *data)
{
  mock_start (session);
  *store = new_loaded_store ();
  store_or_fail (*store, "key", "sk-1");
}

static void
tear_down_mock (AipKeyStore **store, const void *data)
{
  g_object_unref (*store);
  mock_stop (session);
}

static void
test_prompt (AipKeyStore **store, const void *data)
{
  g_autoptr (GError) error = NULL;

  mock_set ("locked", "yes");
  wait_for_state (*store, AIP_KEY_STORE_LOCKED);
  assert_secret (*store, "key", NULL);
  mock_set ("prompt", "dismiss");
  assert_unlock_fails (*store, AIP_ERROR_CANCELLED);
  g_assert_cmpint (aip_key_store_get_state (*store), ==, AIP_KEY_STORE_LOCKED);

  mock_set ("prompt", "accept");
  g_assert_true (unlock (*store, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (aip_key_store_get_state (*store), ==, AIP_KEY_STORE_READY);
  assert_secret (*store, "key", "sk-1");
}

/* Loading, storing and removing never prompt. */
static void
test_prompt_unwanted (AipKeyStore **store, const void *data)
{
  mock_set ("prompt", "wait");
  mock_set ("write-prompts", "yes");
  g_assert_false (mock_was_called ("Prompt"));
  assert_store_fails (*store, "key", "sk-2", -1, AIP_ERROR_LOCKED);
  g_assert_true (mock_was_called ("Dismiss"));
  assert_remove_fails (*store, "key", AIP_ERROR_LOCKED);
  assert_secret (*store, "key", "sk-1");

  mock_set ("locked", "yes");
  wait_for_state (*store, AIP_KEY_STORE_LOCKED);
  assert_load_fails (*store, AIP_ERROR_LOCKED, AIP_KEY_STORE_LOCKED);
  g_assert_false (mock_was_called ("Prompt"));
}

/* Nothing is removed by asking. */
static void
test_check_remove (AipKeyStore **store, const void *data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (check_remove (*store, "key", &error));
  g_assert_no_error (error);
  g_assert_true (check_remove (*store, "other", &error));
  g_assert_no_error (error);
  assert_secret (*store, "key", "sk-1");
  g_assert_false (mock_was_called ("Delete"));

  mock_set ("locked", "yes");
  wait_for_state (*store, AIP_KEY_STORE_LOCKED);
  g_assert_false (check_remove (*store, "key", &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_LOCKED);
  g_clear_error (&error);
  g_assert_true (check_remove (*store, "other", &error));
  g_assert_no_error (error);
}

static void
test_prompt_cancelled (AipKeyStore **store, const void *data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  mock_set ("locked", "yes");
  mock_set ("prompt", "wait");
  aip_key_store_unlock_async (*store, cancellable, result_cb, &result);
  wait_for_call ("Prompt");
  g_assert_null (result);
  g_cancellable_cancel (cancellable);
  g_assert_false (aip_key_store_unlock_finish (*store, wait_for_result (&result), &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_CANCELLED);
  g_assert_true (mock_was_called ("Dismiss"));
}

/* The service dies while its prompt is shown. */
static void
test_prompt_orphaned (AipKeyStore **store, const void *data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  mock_set ("locked", "yes");
  mock_set ("prompt", "wait");
  aip_key_store_unlock_async (*store, NULL, result_cb, &result);
  wait_for_call ("Prompt");
  mock_stop (session);
  g_assert_false (aip_key_store_unlock_finish (*store, wait_for_result (&result), &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE);
  mock_start (session);
}

/* A machine that is busy may need more than one try. */
static void
load_in_time (AipKeyStore *store)
{
  g_autoptr (GError) error = NULL;

  while (!load (store, &error))
    {
      g_assert_error (error, AIP_ERROR, AIP_ERROR_TIMED_OUT);
      g_clear_error (&error);
    }
}

static void
test_slow (AipKeyStore **store, const void *data)
{
  g_autoptr (AipKeyStore) hasty = aip_key_store_libsecret_new (500);

  load_in_time (hasty);
  mock_set ("hold", "SearchItems");
  assert_load_fails (hasty, AIP_ERROR_TIMED_OUT, AIP_KEY_STORE_UNAVAILABLE);
  assert_secret (hasty, "key", "sk-1");
  assert_remove_fails (hasty, "key", AIP_ERROR_TIMED_OUT);
  mock_set ("hold", "CreateItem");
  assert_store_fails (hasty, "key", "sk-2", -1, AIP_ERROR_TIMED_OUT);
  mock_set ("hold", "OpenSession");
  assert_store_fails (hasty, "key", "sk-3", -1, AIP_ERROR_TIMED_OUT);
  assert_load_fails (hasty, AIP_ERROR_TIMED_OUT, AIP_KEY_STORE_UNAVAILABLE);

  /* It was stored all the same; a slow service tells of that with its signals. */
  mock_set ("hold", "");
  wait_for_secret (*store, "key", "sk-2");
  load_in_time (hasty);
  assert_secret (hasty, "key", "sk-2");
}

static void
test_load_cancelled (AipKeyStore **store, const void *data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) cancelled = NULL;
  g_autoptr (GAsyncResult) queued = NULL;
  g_autoptr (GAsyncResult) other = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (mock_was_called ("SearchItems"));
  mock_set ("hold", "SearchItems");
  aip_key_store_load_async (*store, cancellable, result_cb, &cancelled);
  aip_key_store_load_async (*store, cancellable, result_cb, &queued);
  aip_key_store_load_async (*store, NULL, result_cb, &other);
  wait_for_call ("SearchItems");
  g_cancellable_cancel (cancellable);

  g_assert_false (aip_key_store_load_finish (*store, wait_for_result (&cancelled), &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_false (aip_key_store_load_finish (*store, wait_for_result (&queued), &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_CANCELLED);
  g_assert_cmpint (aip_key_store_get_state (*store), ==, AIP_KEY_STORE_READY);
  assert_secret (*store, "key", "sk-1");

  /* That one of the callers left is nothing to the others. */
  g_assert_null (other);
  mock_set ("hold", "");
  g_assert_true (aip_key_store_load_finish (*store, wait_for_result (&other), NULL));
}

static void
test_store_cancelled (AipKeyStore **store, const void *data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (AipSecret) secret = aip_secret_new ("sk-2", -1);
  g_autoptr (GError) error = NULL;

  /* By the fixture; that is not the call to wait for. */
  g_assert_true (mock_was_called ("CreateItem"));
  mock_set ("hold", "CreateItem");
  aip_key_store_store_async (*store, "key", secret, cancellable, result_cb, &result);
  wait_for_call ("CreateItem");
  g_cancellable_cancel (cancellable);
  g_assert_false (aip_key_store_store_finish (*store, wait_for_result (&result), &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_CANCELLED);

  /* The service had done it already, and tells so. */
  wait_for_secret (*store, "key", "sk-2");
  mock_set ("hold", "");
}

/* A load that has read the keyring before a write must not undo it. */
static void
test_overtaken (AipKeyStore **store, const void *data)
{
  g_autoptr (GAsyncResult) first = NULL;
  g_autoptr (GAsyncResult) second = NULL;

  store_or_fail (*store, "other", "sk-5");
  g_assert_true (mock_was_called ("CreateItem"));
  mock_set ("hold", "GetSecrets");
  aip_key_store_load_async (*store, NULL, result_cb, &first);
  wait_for_call ("GetSecrets");
  store_or_fail (*store, "key", "sk-2");
  remove_or_fail (*store, "other");
  aip_key_store_load_async (*store, NULL, result_cb, &second);
  assert_secret (*store, "key", "sk-2");

  mock_set ("hold", "");
  g_assert_true (aip_key_store_load_finish (*store, wait_for_result (&first), NULL));
  assert_secret (*store, "key", "sk-2");
  assert_secret (*store, "other", NULL);
  g_assert_true (aip_key_store_load_finish (*store, wait_for_result (&second), NULL));
  assert_secret (*store, "key", "sk-2");
  assert_secret (*store, "other", NULL);
}

/* Nor may it bring back what was locked away since. */
static void
test_locked_meanwhile (AipKeyStore **store, const void *data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (mock_was_called ("CreateItem"));
  mock_set ("hold", "GetSecrets");
  aip_key_store_load_async (*store, NULL, result_cb, &result);
  wait_for_call ("GetSecrets");
  mock_set ("locked", "yes");
  wait_for_state (*store, AIP_KEY_STORE_LOCKED);
  mock_set ("hold", "");
  g_assert_false (aip_key_store_load_finish (*store, wait_for_result (&result), &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_LOCKED);
  assert_secret (*store, "key", NULL);
}

/* The service puts secrets into its messages. */
static void
test_failing (AipKeyStore **store, const void *data)
{
  static const char *const methods[] = { "CreateItem", "SearchItems", "GetSecrets", "OpenSession" };

  for (gsize i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autoptr (AipKeyStore) other = aip_key_store_libsecret_new (0);
      g_autoptr (GError) error = NULL;

      mock_set ("fail", methods[i]);
      if (i == 0)
        g_assert_false (store_secret (other, "key", "sk-secret", -1, &error));
      else
        g_assert_false (load (other, &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_FAILED);
      g_assert_null (strstr (error->message, "sk-"));
    }

  assert_secret (*store, "key", "sk-1");
  mock_set ("fail", "");
}

static void
add_mock_test (const char *path, void (*func) (AipKeyStore **store, const void *data))
{
  g_test_add (path, AipKeyStore *, NULL, set_up_mock, func, tear_down_mock);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* Warnings are part of what is tested. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);

  add_mock_test ("/keyring/prompt", test_prompt);
  add_mock_test ("/keyring/prompt-unwanted", test_prompt_unwanted);
  add_mock_test ("/keyring/check-remove", test_check_remove);
  add_mock_test ("/keyring/prompt-cancelled", test_prompt_cancelled);
  add_mock_test ("/keyring/prompt-orphaned", test_prompt_orphaned);
  add_mock_test ("/keyring/slow", test_slow);
  add_mock_test ("/keyring/load-cancelled", test_load_cancelled);
  add_mock_test ("/keyring/store-cancelled", test_store_cancelled);
  add_mock_test ("/keyring/overtaken", test_overtaken);
  add_mock_test ("/keyring/locked-meanwhile", test_locked_meanwhile);
  add_mock_test ("/keyring/failing", test_failing);

  session = keyring_session_start ("absent");

  int status = g_test_run ();

  keyring_session_stop (session);
  return status;
}
