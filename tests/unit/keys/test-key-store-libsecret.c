/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include <string.h>
#include <time.h>

#include "keyring-session.h"
#include "keyring-store.h"
#include "keys/aip-keyring.h"

/*
 * The keyring's store with gnome-keyring, in the kind of session that the argument names.
 */

#define KEY_SCHEMA "org.example.AIProxy.UpstreamKey"
#define MANY_KEYS 1000
#define MAX_LENGTH (8 * 1024)

static KeyringSession *session;

static void
count_cb (AipKeyStore *store, void *user_data)
{
  (*(guint *) user_data)++;
}

static gboolean
probe (GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  aip_keyring_probe_async (NULL, result_cb, &result);
  return aip_keyring_probe_finish (wait_for_result (&result), error);
}

static void
assert_probe_fails (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (probe (&error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE);
}

static void
test_write (void)
{
  g_autoptr (AipKeyStore) store = new_loaded_store ();
  g_autoptr (AipKeyStore) other = NULL;
  g_autofree char *found = NULL;
  g_autofree char *label = NULL;
  g_autofree char *gone = NULL;
  guint n_changes = 0;

  g_assert_true (probe (NULL));
  g_assert_cmpstr (aip_key_store_get_name (store), ==, "libsecret");
  g_assert_true (aip_key_store_is_writable (store));
  assert_secret (store, "openai-1", NULL);
  g_signal_connect (store, "changed", G_CALLBACK (count_cb), &n_changes);

  store_or_fail (store, "openai-1", "sk-one");
  g_assert_cmpuint (n_changes, ==, 1);
  assert_secret (store, "openai-1", "sk-one");
  store_or_fail (store, "openai-1", "sk-two");
  store_or_fail (store, "client:cli", "aip-token");
  g_assert_cmpuint (n_changes, ==, 3);
  assert_secret (store, "openai-1", "sk-two");
  assert_secret (store, "client:cli", "aip-token");
  assert_secret (store, "cli", NULL);

  found = run_tool (NULL, "lookup", "xdg:schema", KEY_SCHEMA, "key-id", "openai-1", NULL);
  g_assert_cmpstr (found, ==, "sk-two");
  label = run_tool (NULL, "search", "--all", "xdg:schema", KEY_SCHEMA, NULL);
  g_assert_nonnull (strstr (label, "label = AI Proxy: key openai-1\n"));
  /* Replaced, not added. */
  g_assert_null (strstr (label, "sk-one"));

  other = new_loaded_store ();
  assert_secret (other, "openai-1", "sk-two");
  assert_secret (other, "client:cli", "aip-token");

  remove_or_fail (store, "openai-1");
  remove_or_fail (store, "client:cli");
  remove_or_fail (store, "client:cli");
  assert_secret (store, "openai-1", NULL);
  assert_secret (store, "client:cli", NULL);
  gone = run_tool (NULL, "search", "--all", "xdg:schema", KEY_SCHEMA, NULL);
  g_assert_cmpstr (gone, ==, "");
  wait_for_secret (other, "openai-1", NULL);
  wait_for_secret (other, "client:cli", NULL);
}

static void
tool_store (const char *key, const char *secret)
{
  g_autofree char *output =
      run_tool (secret, "store", "--label", "by hand", "xdg:schema", KEY_SCHEMA, "key-id", key, NULL);

  g_assert_cmpstr (output, ==, "");
}

static void
tool_clear (const char *key)
{
  g_autofree char *output = run_tool (NULL, "clear", "xdg:schema", KEY_SCHEMA, "key-id", key, NULL);

  g_assert_cmpstr (output, ==, "");
}

/* What other programs do to the keyring. */
static void
test_others (void)
{
  g_autoptr (AipKeyStore) store = new_loaded_store ();
  g_autoptr (AipKeyStore) other = new_loaded_store ();
  guint n_changes = 0;

  g_signal_connect (store, "changed", G_CALLBACK (count_cb), &n_changes);
  tool_store ("by-hand", "sk-1");
  wait_for_secret (store, "by-hand", "sk-1");
  g_assert_cmpuint (n_changes, ==, 1);
  tool_store ("by-hand", "sk-2");
  wait_for_secret (store, "by-hand", "sk-2");
  g_assert_cmpuint (n_changes, ==, 2);
  tool_clear ("by-hand");
  wait_for_secret (store, "by-hand", NULL);
  g_assert_cmpuint (n_changes, ==, 3);

  store_or_fail (other, "of-other", "sk-3");
  wait_for_secret (store, "of-other", "sk-3");
  remove_or_fail (other, "of-other");
  wait_for_secret (store, "of-other", NULL);
}

/* What no key can be, put there by others. */
static void
test_unusable (void)
{
  g_autoptr (AipKeyStore) store = NULL;
  g_autofree char *plain = keyring_open_plain_session ();
  g_autofree char *largest = g_strnfill (MAX_LENGTH - 1, 'k');
  g_autofree char *too_large = g_strnfill (MAX_LENGTH + 1, 'k');

  tool_store ("fine", largest);
  tool_store ("lines", "sk-1\r\nX-Evil: 1");
  keyring_create_item ("/org/freedesktop/secrets/aliases/default", plain, "large", too_large);
  tool_store ("client:cli", "sk-2");
  tool_store ("odd name", "sk-3");
  tool_store ("", "sk-4");

  store = new_loaded_store ();
  assert_secret (store, "fine", largest);
  assert_secret (store, "lines", NULL);
  assert_secret (store, "large", NULL);
  assert_secret (store, "client:cli", NULL);
  assert_secret (store, "odd name", NULL);
  assert_secret (store, "", NULL);

  for (const char *const *key =
           (const char *const[]){ "fine", "lines", "large", "client:cli", "odd name", "", NULL };
       *key != NULL; key++)
    tool_clear (*key);
}

static void
test_refused (void)
{
  static const char *const refs[] = { "",           "a b",  "a/b",      "client:",
                                      "client:a:b", "a\nb", "\xff\xfe", "schl\303\274ssel" };
  g_autoptr (AipKeyStore) store = new_loaded_store ();
  g_autofree char *long_ref = g_strnfill (129, 'r');
  g_autofree char *largest = g_strnfill (MAX_LENGTH + 1, 'k');
  guint n_changes = 0;

  g_signal_connect (store, "changed", G_CALLBACK (count_cb), &n_changes);
  for (gsize i = 0; i < G_N_ELEMENTS (refs); i++)
    {
      assert_secret (store, refs[i], NULL);
      assert_store_fails (store, refs[i], "sk-1", -1, AIP_ERROR_INVALID_ARGUMENT);
      assert_remove_fails (store, refs[i], AIP_ERROR_INVALID_ARGUMENT);
    }
  assert_store_fails (store, long_ref, "sk-1", -1, AIP_ERROR_INVALID_ARGUMENT);
  assert_store_fails (store, "key", "", -1, AIP_ERROR_INVALID_ARGUMENT);
  assert_store_fails (store, "key", "sk-1\n", -1, AIP_ERROR_INVALID_ARGUMENT);
  assert_store_fails (store, "key", "sk\0-1", 5, AIP_ERROR_INVALID_ARGUMENT);
  assert_store_fails (store, "key", "your-api-key-1", -1, AIP_ERROR_INVALID_ARGUMENT);
  assert_store_fails (store, "key", largest, MAX_LENGTH + 1, AIP_ERROR_INVALID_ARGUMENT);
  assert_secret (store, "key", NULL);
  g_assert_cmpuint (n_changes, ==, 0);

  g_assert_true (store_secret (store, "key", largest, MAX_LENGTH, NULL));
  remove_or_fail (store, "key");
}

static void
test_lock (void)
{
  g_autoptr (AipKeyStore) store = new_loaded_store ();

  store_or_fail (store, "key", "sk-1");
  keyring_lock ();
  wait_for_state (store, AIP_KEY_STORE_LOCKED);
  assert_secret (store, "key", NULL);
  assert_store_fails (store, "key", "sk-2", -1, AIP_ERROR_LOCKED);
  assert_remove_fails (store, "key", AIP_ERROR_LOCKED);
  assert_load_fails (store, AIP_ERROR_LOCKED, AIP_KEY_STORE_LOCKED);

  keyring_unlock ();
  wait_for_state (store, AIP_KEY_STORE_READY);
  assert_secret (store, "key", "sk-1");
  remove_or_fail (store, "key");
}

static void
load_with_report (AipKeyStore *store, const char *what)
{
  gint64 start = g_get_monotonic_time ();
  clock_t cpu = clock ();

  g_assert_true (load (store, NULL));
  g_test_message ("%u keys loaded %s: %.0f ms, of which this process takes %.0f", MANY_KEYS, what,
                  (double) (g_get_monotonic_time () - start) / 1000,
                  (double) (clock () - cpu) * 1000 / CLOCKS_PER_SEC);
}

/* A collection of its own, which lies in the keyring's memory alone. */
static void
test_many (void)
{
  static const char collection[] = "/org/freedesktop/secrets/collection/session";
  g_autofree char *plain = keyring_open_plain_session ();
  g_autoptr (AipKeyStore) store = NULL;

  for (guint i = 0; i < MANY_KEYS; i++)
    {
      g_autofree char *key = g_strdup_printf ("key-%u", i);
      g_autofree char *secret = g_strdup_printf ("sk-%048u", i);

      keyring_create_item (collection, plain, key, secret);
    }

  store = aip_key_store_libsecret_new (0);
  load_with_report (store, "for the first time");
  load_with_report (store, "again");

  for (guint i = 0; i < MANY_KEYS; i++)
    {
      g_autofree char *key = g_strdup_printf ("key-%u", i);
      g_autofree char *secret = g_strdup_printf ("sk-%048u", i);

      assert_secret (store, key, secret);
    }

  /* What lies in two collections: the default one's counts. */
  store_or_fail (store, "key-7", "sk-seven");
  g_assert_true (load (store, NULL));
  assert_secret (store, "key-7", "sk-seven");
  remove_or_fail (store, "key-7");
  g_assert_true (load (store, NULL));
  assert_secret (store, "key-7", NULL);
  tool_clear ("key-8");
  wait_for_secret (store, "key-8", NULL);
}

static void
test_restart (void)
{
  g_autoptr (AipKeyStore) store = new_loaded_store ();

  store_or_fail (store, "key", "sk-1");
  keyring_daemon_kill ();
  wait_for_state (store, AIP_KEY_STORE_UNAVAILABLE);
  assert_secret (store, "key", "sk-1");
  assert_store_fails (store, "key", "sk-2", -1, AIP_ERROR_UNAVAILABLE);
  assert_remove_fails (store, "key", AIP_ERROR_UNAVAILABLE);
  assert_unlock_fails (store, AIP_ERROR_UNAVAILABLE);
  assert_secret (store, "key", "sk-1");

  keyring_daemon_start (session);
  wait_for_state (store, AIP_KEY_STORE_READY);
  assert_secret (store, "key", "sk-1");
  store_or_fail (store, "key", "sk-3");
  assert_secret (store, "key", "sk-3");
  remove_or_fail (store, "key");
}

/* The last one: there is no other bus after it. */
static void
test_bus_lost (void)
{
  g_autoptr (AipKeyStore) store = new_loaded_store ();

  store_or_fail (store, "key", "sk-1");
  keyring_bus_kill ();
  wait_for_state (store, AIP_KEY_STORE_UNAVAILABLE);
  assert_secret (store, "key", "sk-1");
  assert_load_fails (store, AIP_ERROR_UNAVAILABLE, AIP_KEY_STORE_UNAVAILABLE);
  assert_store_fails (store, "key", "sk-2", -1, AIP_ERROR_UNAVAILABLE);
  assert_secret (store, "key", "sk-1");
}

static void
test_locked_at_start (void)
{
  g_autoptr (AipKeyStore) store = aip_key_store_libsecret_new (0);
  guint n_changes = 0;

  g_signal_connect (store, "changed", G_CALLBACK (count_cb), &n_changes);
  assert_load_fails (store, AIP_ERROR_LOCKED, AIP_KEY_STORE_LOCKED);
  g_assert_cmpuint (n_changes, ==, 1);
  assert_secret (store, "key", NULL);
  assert_store_fails (store, "key", "sk-1", -1, AIP_ERROR_LOCKED);
  /* There is nothing that could show gnome-keyring's prompt. */
  assert_unlock_fails (store, AIP_ERROR_CANCELLED);
  g_assert_cmpint (aip_key_store_get_state (store), ==, AIP_KEY_STORE_LOCKED);

  keyring_unlock ();
  wait_for_state (store, AIP_KEY_STORE_READY);
  g_assert_true (unlock (store, NULL, NULL));
  store_or_fail (store, "key", "sk-1");
}

static void
test_absent (void)
{
  g_autoptr (AipKeyStore) store = aip_key_store_libsecret_new (0);

  assert_probe_fails ();
  assert_load_fails (store, AIP_ERROR_UNAVAILABLE, AIP_KEY_STORE_UNAVAILABLE);
  assert_store_fails (store, "key", "sk-1", -1, AIP_ERROR_UNAVAILABLE);
  assert_remove_fails (store, "key", AIP_ERROR_UNAVAILABLE);
  assert_unlock_fails (store, AIP_ERROR_UNAVAILABLE);

  keyring_daemon_start (session);
  g_assert_true (probe (NULL));
  wait_for_state (store, AIP_KEY_STORE_READY);
  store_or_fail (store, "key", "sk-1");
  assert_secret (store, "key", "sk-1");
}

static void
test_activatable (void)
{
  g_autoptr (AipKeyStore) store = aip_key_store_libsecret_new (0);

  g_assert_true (probe (NULL));
  assert_load_fails (store, AIP_ERROR_UNAVAILABLE, AIP_KEY_STORE_UNAVAILABLE);
  assert_store_fails (store, "key", "sk-1", -1, AIP_ERROR_UNAVAILABLE);
  remove_or_fail (store, "key");
  /* It would prompt for the new collection's password. */
  assert_unlock_fails (store, AIP_ERROR_CANCELLED);
}

static void
test_no_bus (void)
{
  g_autoptr (AipKeyStore) store = aip_key_store_libsecret_new (0);

  assert_probe_fails ();
  assert_load_fails (store, AIP_ERROR_UNAVAILABLE, AIP_KEY_STORE_UNAVAILABLE);
  assert_secret (store, "key", NULL);
  assert_store_fails (store, "key", "sk-1", -1, AIP_ERROR_UNAVAILABLE);
  assert_remove_fails (store, "key", AIP_ERROR_UNAVAILABLE);
  assert_unlock_fails (store, AIP_ERROR_UNAVAILABLE);
}

static void
add_unlocked_tests (void)
{
  g_test_add_func ("/keyring/unlocked/write", test_write);
  g_test_add_func ("/keyring/unlocked/others", test_others);
  g_test_add_func ("/keyring/unlocked/unusable", test_unusable);
  g_test_add_func ("/keyring/unlocked/refused", test_refused);
  g_test_add_func ("/keyring/unlocked/lock", test_lock);
  g_test_add_func ("/keyring/unlocked/many", test_many);
  g_test_add_func ("/keyring/unlocked/restart", test_restart);
  g_test_add_func ("/keyring/unlocked/bus-lost", test_bus_lost);
}

static const struct
{
  const char *name;
  void (*add) (void);
  const char *path;
  void (*test) (void);
} modes[] = {
  { "unlocked", add_unlocked_tests },
  { "locked", NULL, "/keyring/locked", test_locked_at_start },
  { "absent", NULL, "/keyring/absent", test_absent },
  { "activatable", NULL, "/keyring/activatable", test_activatable },
  { "no-bus", NULL, "/keyring/no-bus", test_no_bus },
};

static int
run_mode (gsize i)
{
  if (modes[i].add != NULL)
    modes[i].add ();
  else
    g_test_add_func (modes[i].path, modes[i].test);

  session = keyring_session_start (modes[i].name);

  int status = g_test_run ();

  keyring_session_stop (session);
  return status;
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* Warnings are part of what is tested. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);

  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    if (argc > 1 && g_str_equal (argv[1], modes[i].name))
      return run_mode (i);

  g_error ("name one of the modes in the source");
}
