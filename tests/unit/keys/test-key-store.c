/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "keys/aip-key-store.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aip-error.h"

#define MAX_LENGTH (64 * 1024)

static void
loaded_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static gboolean
load (AipKeyStore *store, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  aip_key_store_load_async (store, NULL, loaded_cb, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);

  return aip_key_store_load_finish (store, result, error);
}

static void
load_or_fail (AipKeyStore *store)
{
  g_autoptr (GError) error = NULL;

  load (store, &error);
  g_assert_no_error (error);
  g_assert_cmpint (aip_key_store_get_state (store), ==, AIP_KEY_STORE_READY);
}

static void
assert_secret (AipKeyStore *store, const char *ref, const char *expected)
{
  g_autoptr (AipSecret) secret = aip_key_store_lookup (store, ref);

  g_assert_cmpstr (secret == NULL ? NULL : aip_secret_peek (secret, NULL), ==, expected);
}

/* What was logged last. */
static char *logged;

static GLogWriterOutput
log_cb (GLogLevelFlags level, const GLogField *fields, gsize n_fields, void *user_data)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      {
        g_free (logged);
        logged = g_strdup (fields[i].value);
      }

  return G_LOG_WRITER_HANDLED;
}

static void
assert_logged (const char *glob)
{
  if (logged == NULL || !g_pattern_match_simple (glob, logged))
    g_error ("logged `%s`, not `%s`", logged, glob);

  /* The value must not be there; all of them begin like this. */
  g_assert_null (strstr (logged, "sk"));
  g_clear_pointer (&logged, g_free);
}

static void
assert_refused (AipKeyStore *store, const char *ref, const char *warning)
{
  g_assert_null (logged);
  assert_secret (store, ref, NULL);
  assert_logged (warning);
}

static void
count_cb (AipKeyStore *store, void *user_data)
{
  (*(guint *) user_data)++;
}

static void
test_environment (void)
{
  g_autoptr (AipKeyStore) store = aip_key_store_environment_new ();
  guint n_changes = 0;

  g_signal_connect (store, "changed", G_CALLBACK (count_cb), &n_changes);
  g_setenv ("AIP_TEST_KEY", "sk-one", TRUE);
  g_setenv ("AIP_TEST_EMPTY", "", TRUE);
  g_setenv ("AIP_TEST_SPLIT", "sk-value\r\nX-Evil: 1", TRUE);
  g_setenv ("AIP_TEST_SAMPLE", "your-api-key-1", TRUE);
  g_setenv ("AIP_TEST_DUMMY", "EMPTY", TRUE);
  g_unsetenv ("AIP_TEST_UNSET");

  g_assert_cmpstr (aip_key_store_get_name (store), ==, "environment");
  g_assert_cmpint (aip_key_store_get_state (store), ==, AIP_KEY_STORE_LOADING);
  assert_secret (store, "AIP_TEST_KEY", NULL);

  load_or_fail (store);
  g_assert_cmpuint (n_changes, ==, 1);
  assert_secret (store, "AIP_TEST_KEY", "sk-one");
  assert_secret (store, "AIP_TEST_UNSET", NULL);
  assert_refused (store, "AIP_TEST_EMPTY", "environment AIP_TEST_EMPTY is empty: not used");
  assert_refused (store, "AIP_TEST_SPLIT",
                  "environment AIP_TEST_SPLIT holds a control character, such as a line break: not used");

  assert_refused (store, "AIP_TEST_SAMPLE",
                  "environment AIP_TEST_SAMPLE holds what an example shows in place of a key: not used; "
                  "put the provider's key there");
  assert_secret (store, "AIP_TEST_DUMMY", "EMPTY");

  /* What was read stays until the next load. */
  g_setenv ("AIP_TEST_KEY", "sk-two", TRUE);
  assert_secret (store, "AIP_TEST_KEY", "sk-one");
  load_or_fail (store);
  g_assert_cmpuint (n_changes, ==, 2);
  assert_secret (store, "AIP_TEST_KEY", "sk-two");
}

static void
test_memory (void)
{
  g_autoptr (AipKeyStore) store = aip_key_store_memory_new ();
  g_autoptr (AipSecret) secret = aip_secret_new ("sk-one", -1);
  g_autoptr (AipSecret) sample = aip_secret_new ("sk-xxxxxxxx", -1);
  g_autoptr (AipSecret) with_nul = aip_secret_new ("sk\0two", 6);
  guint n_changes = 0;

  g_signal_connect (store, "changed", G_CALLBACK (count_cb), &n_changes);
  g_assert_cmpstr (aip_key_store_get_name (store), ==, "memory");
  load_or_fail (store);
  g_assert_cmpuint (n_changes, ==, 1);

  aip_key_store_memory_set (store, "main", secret);
  g_assert_cmpuint (n_changes, ==, 2);
  assert_secret (store, "main", "sk-one");
  assert_secret (store, "other", NULL);

  aip_key_store_memory_set (store, "main", with_nul);
  assert_logged ("memory main holds a control character*");
  assert_secret (store, "main", NULL);

  aip_key_store_memory_set (store, "main", sample);
  assert_logged ("memory main holds what an example shows*");
  assert_secret (store, "main", NULL);

  aip_key_store_memory_set (store, "main", secret);
  aip_key_store_memory_set (store, "main", NULL);
  assert_secret (store, "main", NULL);
  g_assert_cmpuint (n_changes, ==, 6);
}

static gboolean
write_secret (AipKeyStore *store, const char *ref, AipSecret *secret, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  if (secret != NULL)
    aip_key_store_store_async (store, ref, secret, NULL, loaded_cb, &result);
  else
    aip_key_store_remove_async (store, ref, NULL, loaded_cb, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);

  return secret != NULL ? aip_key_store_store_finish (store, result, error)
                        : aip_key_store_remove_finish (store, result, error);
}

static void
assert_write_fails (AipKeyStore *store, const char *ref, AipSecret *secret, AipError code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (write_secret (store, ref, secret, &error));
  g_assert_error (error, AIP_ERROR, (int) code);
  g_assert_null (strstr (error->message, "sk-"));
}

static void
test_memory_write (void)
{
  g_autoptr (AipKeyStore) store = aip_key_store_memory_new ();
  g_autoptr (AipKeyStore) environment = aip_key_store_environment_new ();
  g_autoptr (AipSecret) one = aip_secret_new ("sk-one", -1);
  g_autoptr (AipSecret) two = aip_secret_new ("sk-two", -1);
  g_autoptr (AipSecret) empty = aip_secret_new ("", -1);
  g_autoptr (AipSecret) lines = aip_secret_new ("sk-one\r\nX-Evil: 1", -1);
  g_autoptr (AipSecret) example = aip_secret_new ("your-api-key-1", -1);
  guint n_changes = 0;

  g_signal_connect (store, "changed", G_CALLBACK (count_cb), &n_changes);
  g_assert_true (aip_key_store_is_writable (store));
  g_assert_true (write_secret (store, "main", one, NULL));
  g_assert_true (write_secret (store, "main", two, NULL));
  g_assert_true (write_secret (store, "client:cli", one, NULL));
  assert_secret (store, "main", "sk-two");
  assert_secret (store, "client:cli", "sk-one");
  g_assert_true (write_secret (store, "main", NULL, NULL));
  g_assert_true (write_secret (store, "main", NULL, NULL));
  assert_secret (store, "main", NULL);
  g_assert_cmpuint (n_changes, ==, 5);

  assert_write_fails (store, "main", empty, AIP_ERROR_INVALID_ARGUMENT);
  assert_write_fails (store, "main", lines, AIP_ERROR_INVALID_ARGUMENT);
  assert_write_fails (store, "main", example, AIP_ERROR_INVALID_ARGUMENT);
  assert_write_fails (store, "a b", one, AIP_ERROR_INVALID_ARGUMENT);
  assert_write_fails (store, "a b", NULL, AIP_ERROR_INVALID_ARGUMENT);
  assert_write_fails (environment, "main", one, AIP_ERROR_NOT_SUPPORTED);
  assert_write_fails (environment, "main", NULL, AIP_ERROR_NOT_SUPPORTED);
  g_assert_cmpuint (n_changes, ==, 5);
}

typedef struct
{
  char *directory;
  AipKeyStore *store;
} Fixture;

static void
write_file (const char *directory, const char *name, const char *text, gssize length)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, length, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *fixture, const void *data)
{
  g_autoptr (GError) error = NULL;

  fixture->directory = g_dir_make_tmp ("aip-credentials-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->store = aip_key_store_credentials_new (fixture->directory);
}

static void
tear_down (Fixture *fixture, const void *data)
{
  g_autoptr (GDir) dir = g_dir_open (fixture->directory, 0, NULL);
  const char *name = NULL;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (fixture->directory, name, NULL);

      g_remove (path);
    }
  g_rmdir (fixture->directory);
  g_object_unref (fixture->store);
  g_free (fixture->directory);
}

static void
test_credentials (Fixture *fixture, const void *data)
{
  AipKeyStore *store = fixture->store;

  write_file (fixture->directory, "plain", "sk-plain", -1);
  write_file (fixture->directory, "line", "sk-line\n", -1);
  write_file (fixture->directory, "lines", "sk-lines\n\n", -1);
  write_file (fixture->directory, "crlf", "sk-crlf\r\n", -1);
  write_file (fixture->directory, "nul", "sk\0nul", 6);
  write_file (fixture->directory, "empty", "", 0);
  write_file (fixture->directory, "only-line", "\n", -1);
  write_file (fixture->directory, "sample", "<your key>\n", -1);

  g_assert_cmpstr (aip_key_store_get_name (store), ==, "credentials");
  g_assert_cmpint (aip_key_store_get_state (store), ==, AIP_KEY_STORE_LOADING);
  assert_secret (store, "plain", NULL);

  load_or_fail (store);
  assert_secret (store, "plain", "sk-plain");
  assert_secret (store, "line", "sk-line");
  assert_secret (store, "missing", NULL);
  assert_refused (store, "lines", "credentials lines holds a control character*");
  assert_refused (store, "crlf", "credentials crlf holds a control character*");
  assert_refused (store, "nul", "credentials nul holds a control character*");
  assert_refused (store, "empty", "credentials empty is empty*");
  assert_refused (store, "only-line", "credentials only-line is empty*");
  assert_refused (store, "sample", "credentials sample holds what an example shows*");

  write_file (fixture->directory, "plain", "sk-new", -1);
  assert_secret (store, "plain", "sk-plain");
  load_or_fail (store);
  assert_secret (store, "plain", "sk-new");
}

static void
test_credentials_names (Fixture *fixture, const void *data)
{
  static const char *const bad[] = { "", ".", "..", ".hidden", "../secret", "a/b", "/etc/hostname" };

  write_file (fixture->directory, ".hidden", "sk-hidden", -1);
  load_or_fail (fixture->store);

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_refused (fixture->store, bad[i], "*cannot be a credential's name*");
}

static void
test_credentials_size (Fixture *fixture, const void *data)
{
  g_autofree char *text = g_strnfill (MAX_LENGTH + 1, 'k');
  g_autofree char *largest = g_strnfill (MAX_LENGTH, 'k');

  write_file (fixture->directory, "largest", text, MAX_LENGTH);
  write_file (fixture->directory, "too-large", text, MAX_LENGTH + 1);
  load_or_fail (fixture->store);

  assert_secret (fixture->store, "largest", largest);
  assert_refused (fixture->store, "too-large", "the credential too-large is longer than 64 KiB*");
}

static void
test_credentials_kinds (Fixture *fixture, const void *data)
{
  g_autofree char *link = g_build_filename (fixture->directory, "link", NULL);
  g_autofree char *fifo = g_build_filename (fixture->directory, "fifo", NULL);
  g_autofree char *folder = g_build_filename (fixture->directory, "folder", NULL);

  write_file (fixture->directory, "plain", "sk-plain", -1);
  g_assert_cmpint (symlink ("plain", link), ==, 0);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  load_or_fail (fixture->store);

  assert_refused (fixture->store, "link", "cannot open the credential link: *");
  assert_refused (fixture->store, "fifo", "cannot open the credential fifo: *");
  assert_refused (fixture->store, "folder", "cannot open the credential folder: *");
}

static void
test_credentials_absent (void)
{
  g_autoptr (AipKeyStore) none = NULL;
  g_autoptr (AipKeyStore) gone = aip_key_store_credentials_new ("/nonexistent/credentials");
  g_autoptr (GError) error = NULL;
  guint n_changes = 0;

  g_unsetenv ("CREDENTIALS_DIRECTORY");
  none = aip_key_store_credentials_new (NULL);
  g_signal_connect (none, "changed", G_CALLBACK (count_cb), &n_changes);
  g_assert_false (load (none, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE);
  g_assert_cmpint (aip_key_store_get_state (none), ==, AIP_KEY_STORE_UNAVAILABLE);
  g_assert_cmpuint (n_changes, ==, 1);
  assert_secret (none, "plain", NULL);
  g_clear_error (&error);

  g_assert_false (load (gone, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE);
  g_assert_nonnull (strstr (error->message, "/nonexistent/credentials"));
}

static void
test_credentials_variable (Fixture *fixture, const void *data)
{
  g_setenv ("CREDENTIALS_DIRECTORY", fixture->directory, TRUE);
  g_autoptr (AipKeyStore) store = aip_key_store_credentials_new (NULL);

  g_unsetenv ("CREDENTIALS_DIRECTORY");
  write_file (fixture->directory, "plain", "sk-plain", -1);
  load_or_fail (store);
  assert_secret (store, "plain", "sk-plain");
}

static void
test_credentials_descriptors (Fixture *fixture, const void *data)
{
  int before = dup (0);

  close (before);
  write_file (fixture->directory, "plain", "sk-plain", -1);
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (AipKeyStore) store = aip_key_store_credentials_new (fixture->directory);

      load_or_fail (store);
      load_or_fail (store);
      assert_secret (store, "plain", "sk-plain");
    }

  int after = dup (0);
  close (after);
  /* The first load may start GLib's thread pool and its wakeup descriptors. */
  g_assert_cmpint (after - before, <=, 2);
}

static void
add_credentials_test (const char *path, void (*func) (Fixture *fixture, const void *data))
{
  g_test_add (path, Fixture, NULL, set_up, func, tear_down);
}

static void
test_list (void)
{
  g_autoptr (AipKeyStore) store = aip_key_store_memory_new ();
  g_autoptr (AipKeyStore) environment = aip_key_store_environment_new ();
  g_autoptr (AipSecret) secret = aip_secret_new ("sk-1", -1);
  g_auto (GStrv) unknown = aip_key_store_list (environment);
  g_auto (GStrv) none = aip_key_store_list (store);
  g_auto (GStrv) refs = NULL;
  g_autofree char *text = NULL;

  g_assert_cmpuint (g_strv_length (unknown), ==, 0);
  g_assert_cmpuint (g_strv_length (none), ==, 0);
  aip_key_store_memory_set (store, "b", secret);
  aip_key_store_memory_set (store, "client:a", secret);
  aip_key_store_memory_set (store, "a", secret);
  refs = aip_key_store_list (store);
  text = g_strjoinv (" ", refs);
  g_assert_cmpstr (text, ==, "a b client:a");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* g_test_expect_message () does not see structured messages. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_log_set_writer_func (log_cb, NULL, NULL);

  g_test_add_func ("/keys/environment", test_environment);
  g_test_add_func ("/keys/memory", test_memory);
  g_test_add_func ("/keys/memory/write", test_memory_write);
  add_credentials_test ("/keys/credentials/read", test_credentials);
  add_credentials_test ("/keys/credentials/names", test_credentials_names);
  add_credentials_test ("/keys/credentials/size", test_credentials_size);
  add_credentials_test ("/keys/credentials/kinds", test_credentials_kinds);
  g_test_add_func ("/keys/credentials/absent", test_credentials_absent);
  g_test_add_func ("/keys/store/list", test_list);
  add_credentials_test ("/keys/credentials/variable", test_credentials_variable);
  add_credentials_test ("/keys/credentials/descriptors", test_credentials_descriptors);

  return g_test_run ();
}
