/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "bus/aip-change.h"

#include <string.h>

#include "base/aip-error.h"
#include "keys/aip-key-store-backend.h"

/* A daemon that has secrets in memory and a file in a string. */
typedef struct
{
  AipKeyStore *store;
  AipChangeQueue *queue;
  char *text;
  gboolean fails; /* nothing can be written */
  guint applied;
  GString *order; /* who was called back, one letter each */
} Fixture;

static AipKeyStore *
get_key_store (void *data)
{
  return ((Fixture *) data)->store;
}

static gboolean
apply (AipConfigEdit *edit, GError **error, void *data)
{
  Fixture *fixture = data;
  char *text;

  fixture->applied++;
  if (fixture->fails)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED, "the disk is full");
      return FALSE;
    }
  text = aip_config_edit_apply (edit, fixture->text, error);
  if (text == NULL)
    return FALSE;
  g_free (fixture->text);
  fixture->text = text;
  return TRUE;
}

typedef struct
{
  AipSettledFunc func;
  void *user_data;
} Settling;

static gboolean
settled_cb (gpointer data)
{
  Settling *settling = data;

  settling->func (settling->user_data);
  return G_SOURCE_REMOVE;
}

static void
settle (AipSettledFunc func, void *user_data, void *data)
{
  Settling settling = { func, user_data };

  g_idle_add_full (G_PRIORITY_DEFAULT, settled_cb, g_memdup2 (&settling, sizeof settling), g_free);
}

static const AipBusHost host = { .get_key_store = get_key_store, .apply = apply, .settle = settle };

static void
put (Fixture *fixture, const char *ref, const char *text)
{
  g_autoptr (AipSecret) secret = aip_secret_new (text, -1);

  aip_key_store_memory_set (fixture->store, ref, secret);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->store = aip_key_store_memory_new ();
  fixture->queue = aip_change_queue_new (&host, fixture);
  fixture->text = g_strdup ("[key a]\nprovider=p\n");
  fixture->order = g_string_new (NULL);
  put (fixture, "a", "sk-old-a");
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  aip_change_queue_free (fixture->queue);
  g_object_unref (fixture->store);
  g_free (fixture->text);
  g_string_free (fixture->order, TRUE);
}

static void
result_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static gboolean
run (Fixture *fixture, AipChange *change, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  aip_change_queue_run_async (fixture->queue, change, result_cb, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return aip_change_queue_run_finish (result, error);
}

static void
ordered_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  Fixture *fixture = user_data;

  g_string_append_c (fixture->order, aip_change_queue_run_finish (result, NULL) ? 'y' : 'n');
}

static void
assert_secret (Fixture *fixture, const char *ref, const char *expected)
{
  g_autoptr (AipSecret) secret = aip_key_store_lookup (fixture->store, ref);

  g_assert_cmpstr (secret == NULL ? NULL : aip_secret_peek (secret, NULL), ==, expected);
}

static void
put_secret (AipChange *change, const char *ref, const char *text)
{
  g_autoptr (AipSecret) secret = aip_secret_new (text, -1);

  aip_change_put_secret (change, ref, secret);
}

/* Gives a, b and c new secrets, takes d away, and writes [key b]. */
static AipChange *
make_change (void)
{
  AipChange *change = aip_change_new ();

  put_secret (change, "a", "sk-new-a");
  put_secret (change, "b", "sk-new-b");
  aip_change_remove_secret (change, "d");
  aip_config_edit_set (aip_change_get_edit (change), "key b", "provider", "p");
  return change;
}

static void
test_done (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  put (fixture, "d", "sk-old-d");
  g_assert_true (run (fixture, make_change (), &error));
  g_assert_no_error (error);
  assert_secret (fixture, "a", "sk-new-a");
  assert_secret (fixture, "b", "sk-new-b");
  assert_secret (fixture, "d", NULL);
  g_assert_cmpstr (fixture->text, ==, "[key a]\nprovider=p\n\n[key b]\nprovider=p\n");
  g_assert_cmpuint (fixture->applied, ==, 1);
}

static void
assert_as_before (Fixture *fixture)
{
  assert_secret (fixture, "a", "sk-old-a");
  assert_secret (fixture, "b", NULL);
  assert_secret (fixture, "d", "sk-old-d");
  g_assert_cmpstr (fixture->text, ==, "[key a]\nprovider=p\n");
}

static void
test_undone_without_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  put (fixture, "d", "sk-old-d");
  fixture->fails = TRUE;
  g_assert_false (run (fixture, make_change (), &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==, "the disk is full");
  assert_as_before (fixture);
}

static void
test_undone_without_secret (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  AipChange *change = make_change ();

  put (fixture, "d", "sk-old-d");
  put_secret (change, "c", "your-api-key");
  g_assert_false (run (fixture, change, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT);
  assert_as_before (fixture);
  g_assert_cmpuint (fixture->applied, ==, 0);
}

/* The same secret twice in one change: the first one that was there comes back. */
static void
test_undone_in_reverse (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  AipChange *change = aip_change_new ();

  put_secret (change, "a", "sk-1");
  put_secret (change, "b", "sk-3");
  put_secret (change, "a", "sk-2");
  aip_change_get_edit (change);
  fixture->fails = TRUE;
  g_assert_false (run (fixture, change, &error));
  assert_secret (fixture, "a", "sk-old-a");
  assert_secret (fixture, "b", NULL);
}

static void
test_secret_alone (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  AipChange *change = aip_change_new ();

  put_secret (change, "a", "sk-new-a");
  fixture->fails = TRUE;
  g_assert_true (run (fixture, change, &error));
  g_assert_no_error (error);
  assert_secret (fixture, "a", "sk-new-a");
  g_assert_cmpuint (fixture->applied, ==, 0);
}

static void
test_nothing (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (run (fixture, aip_change_new (), &error));
  g_assert_no_error (error);
  g_assert_cmpuint (fixture->applied, ==, 0);
}

/* --- the order --- */

/* As a daemon would find it that is started after a kill right here: no key without its secret. */
static gboolean
apply_and_look (AipConfigEdit *edit, GError **error, void *data)
{
  assert_secret (data, "a", "sk-new-a");
  assert_secret (data, "b", "sk-new-b");
  assert_secret (data, "d", "sk-old-d");
  return apply (edit, error, data);
}

static void
test_order (Fixture *fixture, gconstpointer data)
{
  AipBusHost looking = host;
  g_autoptr (GError) error = NULL;

  looking.apply = apply_and_look;
  aip_change_queue_free (fixture->queue);
  fixture->queue = aip_change_queue_new (&looking, fixture);
  put (fixture, "d", "sk-old-d");
  g_assert_true (run (fixture, make_change (), &error));
  g_assert_cmpuint (fixture->applied, ==, 1);
  assert_secret (fixture, "d", NULL);
  aip_change_queue_free (fixture->queue);
  fixture->queue = aip_change_queue_new (&host, fixture);
}

static void
refuse_removal (AipKeyStore *store,
                const char *ref,
                GCancellable *cancellable,
                GAsyncReadyCallback callback,
                void *user_data)
{
  g_autoptr (GTask) task = g_task_new (store, cancellable, callback, user_data);

  g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_LOCKED, "it is locked");
}

static gboolean
finish_removal (AipKeyStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
test_refused_removal (Fixture *fixture, gconstpointer data)
{
  AipKeyStoreClass *class = AIP_KEY_STORE_GET_CLASS (fixture->store);
  AipKeyStoreClass usual = *class;
  g_autoptr (GError) error = NULL;

  put (fixture, "d", "sk-old-d");
  class->check_remove_async = refuse_removal;
  class->check_remove_finish = finish_removal;
  g_assert_false (run (fixture, make_change (), &error));
  *class = usual;
  g_assert_error (error, AIP_ERROR, AIP_ERROR_LOCKED);
  assert_as_before (fixture);
  g_assert_cmpuint (fixture->applied, ==, 0);
}

static guint n_warnings;

static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  n_warnings += (level & G_LOG_LEVEL_WARNING) != 0;
  return G_LOG_WRITER_HANDLED;
}

static void
test_failed_removal (Fixture *fixture, gconstpointer data)
{
  AipKeyStoreClass *class = AIP_KEY_STORE_GET_CLASS (fixture->store);
  AipKeyStoreClass usual = *class;
  AipChange *change = make_change ();
  g_autoptr (GError) error = NULL;

  put (fixture, "d", "sk-old-d");
  put (fixture, "e", "sk-old-e");
  aip_change_remove_secret (change, "e");
  class->remove_async = refuse_removal;
  g_assert_false (run (fixture, change, &error));
  *class = usual;
  g_assert_cmpuint (n_warnings, ==, 2);
  g_assert_error (error, AIP_ERROR, AIP_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "the change was made"));
  g_assert_nonnull (strstr (error->message, "d, e: it is locked"));
  assert_secret (fixture, "a", "sk-new-a");
  assert_secret (fixture, "d", "sk-old-d");
  g_assert_nonnull (strstr (fixture->text, "[key b]"));
  g_assert_cmpuint (fixture->applied, ==, 1);
}

/* --- what is checked when its turn has come --- */

static gboolean
check_key_a (AipChange *change, void *data, GError **error)
{
  Fixture *fixture = data;

  if (strstr (fixture->text, "[key a]") != NULL)
    return TRUE;
  g_set_error (error, AIP_ERROR, AIP_ERROR_NOT_FOUND, "there is no key a");
  return FALSE;
}

static AipChange *
make_removal (void)
{
  AipChange *change = aip_change_new ();

  aip_config_edit_remove_group (aip_change_get_edit (change), "key a");
  aip_change_remove_secret (change, "a");
  return change;
}

static void
test_put_behind_removal (Fixture *fixture, gconstpointer data)
{
  AipChange *change = aip_change_new ();
  g_autoptr (GError) error = NULL;

  put_secret (change, "a", "sk-late");
  aip_change_set_check (change, check_key_a, fixture, NULL);
  aip_change_queue_run_async (fixture->queue, make_removal (), ordered_cb, fixture);
  g_assert_false (run (fixture, change, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_NOT_FOUND);
  g_assert_cmpstr (fixture->order->str, ==, "y");
  assert_secret (fixture, "a", NULL);
}

static void
test_put_before_removal (Fixture *fixture, gconstpointer data)
{
  AipChange *change = aip_change_new ();
  g_autoptr (GError) error = NULL;

  put_secret (change, "a", "sk-early");
  aip_change_set_check (change, check_key_a, fixture, NULL);
  aip_change_queue_run_async (fixture->queue, change, ordered_cb, fixture);
  g_assert_true (run (fixture, make_removal (), &error));
  g_assert_no_error (error);
  g_assert_cmpstr (fixture->order->str, ==, "y");
  assert_secret (fixture, "a", NULL);
}

/* --- a store that has not been read yet: nothing is found in it --- */

static AipKeyStoreState
get_loading (AipKeyStore *store)
{
  return AIP_KEY_STORE_LOADING;
}

static AipSecret *
find_nothing (AipKeyStore *store, const char *ref)
{
  return NULL;
}

static void
test_undone_after_loading (Fixture *fixture, gconstpointer data)
{
  AipKeyStoreClass *class = AIP_KEY_STORE_GET_CLASS (fixture->store);
  AipKeyStoreClass ready = *class;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  put (fixture, "d", "sk-old-d");
  fixture->fails = TRUE;
  class->get_state = get_loading;
  class->lookup = find_nothing;
  aip_change_queue_run_async (fixture->queue, make_change (), result_cb, &result);
  aip_key_store_emit_changed (fixture->store);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_null (result);
  *class = ready;
  assert_as_before (fixture);

  aip_key_store_emit_changed (fixture->store);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (aip_change_queue_run_finish (result, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_FAILED);
  assert_as_before (fixture);
  g_assert_cmpuint (fixture->applied, ==, 1);
}

static void
test_dropped_while_loading (Fixture *fixture, gconstpointer data)
{
  AipKeyStoreClass *class = AIP_KEY_STORE_GET_CLASS (fixture->store);
  AipKeyStoreClass ready = *class;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  class->get_state = get_loading;
  aip_change_queue_run_async (fixture->queue, make_change (), result_cb, &result);
  *class = ready;
  aip_change_queue_free (fixture->queue);
  aip_key_store_emit_changed (fixture->store);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_false (aip_change_queue_run_finish (result, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_CANCELLED);
  assert_secret (fixture, "a", "sk-old-a");
  g_assert_cmpuint (fixture->applied, ==, 0);
  fixture->queue = aip_change_queue_new (&host, fixture);
}

/* --- several at once --- */

static void
next_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  Fixture *fixture = user_data;

  ordered_cb (source, result, user_data);
  aip_change_queue_run_async (fixture->queue, make_change (), ordered_cb, fixture);
}

static void
test_from_within_a_callback (Fixture *fixture, gconstpointer data)
{
  aip_change_queue_run_async (fixture->queue, make_change (), next_cb, fixture);
  while (fixture->order->len < 2)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpstr (fixture->order->str, ==, "yy");
  g_assert_cmpuint (fixture->applied, ==, 2);
}

static void
test_one_after_the_other (Fixture *fixture, gconstpointer data)
{
  for (int i = 0; i < 50; i++)
    {
      AipChange *change = aip_change_new ();
      g_autofree char *secret = g_strdup_printf ("sk-%d", i);
      g_autofree char *group = g_strdup_printf ("key n%d", i);

      put_secret (change, "a", i % 5 == 4 ? "" : secret);
      aip_config_edit_add_group (aip_change_get_edit (change), i % 5 == 3 ? "key a" : group);
      aip_change_queue_run_async (fixture->queue, change, ordered_cb, fixture);
    }
  while (fixture->order->len < 50)
    g_main_context_iteration (NULL, TRUE);
  for (int i = 0; i < 50; i++)
    {
      g_autofree char *line = g_strdup_printf ("[key n%d]\n", i);
      gboolean done = i % 5 < 3;

      g_assert_cmpint (fixture->order->str[i], ==, done ? 'y' : 'n');
      g_assert_cmpint (strstr (fixture->text, line) != NULL, ==, done);
    }
  /* The last one that was not undone. */
  assert_secret (fixture, "a", "sk-47");
}

/* What has begun is finished, what waits is refused. */
static void
test_end_of_the_queue (Fixture *fixture, gconstpointer data)
{
  for (int i = 0; i < 3; i++)
    aip_change_queue_run_async (fixture->queue, make_change (), ordered_cb, fixture);
  aip_change_queue_free (fixture->queue);
  fixture->queue = aip_change_queue_new (&host, fixture);
  g_assert_cmpuint (fixture->order->len, ==, 3);
  g_assert_cmpuint (fixture->applied, ==, 1);
  assert_secret (fixture, "a", "sk-new-a");
}

#define ADD(name, test) g_test_add ("/bus/change/" name, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  g_log_set_writer_func (count_warnings, NULL, NULL);

  ADD ("done", test_done);
  ADD ("undone-without-file", test_undone_without_file);
  ADD ("undone-without-secret", test_undone_without_secret);
  ADD ("undone-in-reverse", test_undone_in_reverse);
  ADD ("order", test_order);
  ADD ("refused-removal", test_refused_removal);
  ADD ("failed-removal", test_failed_removal);
  ADD ("put-behind-removal", test_put_behind_removal);
  ADD ("put-before-removal", test_put_before_removal);
  ADD ("undone-after-loading", test_undone_after_loading);
  ADD ("dropped-while-loading", test_dropped_while_loading);
  ADD ("secret-alone", test_secret_alone);
  ADD ("nothing", test_nothing);
  ADD ("from-within-a-callback", test_from_within_a_callback);
  ADD ("one-after-the-other", test_one_after_the_other);
  ADD ("end-of-the-queue", test_end_of_the_queue);

  return g_test_run ();
}
