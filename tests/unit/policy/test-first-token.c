/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "policy/aip-first-token.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aip-error.h"

#define N_DAEMONS 8
#define GOOD_TOKEN "aip-0123456789abcdefghijABCDEFGHIJ0123456789-_x"

typedef struct
{
  char *parent;
  char *directory; /* below parent, not there yet */
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, const void *data)
{
  g_autoptr (GError) error = NULL;

  fixture->parent = g_dir_make_tmp ("aip-state-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->directory = g_build_filename (fixture->parent, "state", "aiproxy", NULL);
  fixture->path = g_build_filename (fixture->directory, "token", NULL);
}

static void
tear_down (Fixture *fixture, const void *data)
{
  g_autofree char *middle = g_path_get_dirname (fixture->directory);

  g_remove (fixture->path);
  g_rmdir (fixture->directory);
  g_rmdir (middle);
  /* Fails when something else was left behind. */
  g_assert_cmpint (g_rmdir (fixture->parent), ==, 0);
  g_free (fixture->path);
  g_free (fixture->directory);
  g_free (fixture->parent);
}

static void
test_make (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < 100; i++)
    {
      char *token = aip_first_token_make ();
      g_autofree char *base64 = g_strconcat (token + 4, "=", NULL);
      gsize length = 0;

      g_assert_true (g_str_has_prefix (token, "aip-"));
      g_assert_cmpuint (strlen (token), ==, 47);
      g_assert_cmpuint (strspn (token + 4, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_"), ==, 43);
      g_strdelimit (base64, "-", '+');
      g_strdelimit (base64, "_", '/');
      g_free (g_base64_decode (base64, &length));
      g_assert_cmpuint (length, ==, 32);
      g_assert_true (g_hash_table_add (seen, token));
    }
}

static guint
get_mode (const char *path)
{
  struct stat st;

  g_assert_cmpint (stat (path, &st), ==, 0);

  return st.st_mode & 07777;
}

static void
test_create (Fixture *fixture, const void *data)
{
  g_autoptr (GError) error = NULL;
  gboolean created = FALSE;
  mode_t old_mask = umask (0);

  g_assert_false (aip_first_token_exists (fixture->directory));
  g_autofree char *first = aip_first_token_load_or_create (fixture->directory, &created, &error);

  umask (old_mask);
  g_assert_no_error (error);
  g_assert_true (created);
  g_assert_cmpuint (strlen (first), ==, 47);
  g_assert_cmpuint (get_mode (fixture->directory), ==, 0700);
  g_assert_cmpuint (get_mode (fixture->path), ==, 0600);

  g_assert_true (aip_first_token_exists (fixture->directory));
  g_autofree char *second = aip_first_token_load_or_create (fixture->directory, &created, &error);
  g_assert_no_error (error);
  g_assert_false (created);
  g_assert_cmpstr (first, ==, second);

  g_autofree char *content = NULL;
  g_autofree char *expected = g_strconcat (first, "\n", NULL);
  g_assert_true (g_file_get_contents (fixture->path, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, expected);

  /* Nothing but the token lies there. */
  g_autoptr (GDir) dir = g_dir_open (fixture->directory, 0, NULL);
  g_assert_cmpstr (g_dir_read_name (dir), ==, "token");
  g_assert_null (g_dir_read_name (dir));
}

static void
write_token (Fixture *fixture, const char *text, gssize length, guint mode)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (fixture->directory, 0700), ==, 0);
  g_file_set_contents (fixture->path, text, length, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_chmod (fixture->path, (int) mode), ==, 0);
}

static void
assert_refused (Fixture *fixture, const char *part)
{
  g_autoptr (GError) error = NULL;
  gboolean created = TRUE;
  char *token = aip_first_token_load_or_create (fixture->directory, &created, &error);

  g_assert_null (token);
  g_assert_false (created);
  g_assert_error (error, AIP_ERROR, AIP_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, fixture->path));
  g_assert_nonnull (strstr (error->message, part));
  g_assert_null (strstr (error->message, "0123456789"));
}

static void
test_content (Fixture *fixture, const void *data)
{
  static const struct
  {
    const char *text;
    gssize length;
    gboolean good;
  } cases[] = {
    { GOOD_TOKEN, -1, TRUE },
    { GOOD_TOKEN "\n", -1, TRUE },
    { GOOD_TOKEN "\n\n", -1, FALSE },
    { GOOD_TOKEN " ", -1, FALSE },
    { GOOD_TOKEN "x", -1, FALSE },
    { GOOD_TOKEN "\0x", 49, FALSE },
    { "aip-0123456789", -1, FALSE },
    { "sk_-0123456789abcdefghijABCDEFGHIJ0123456789-_x", -1, FALSE },
    { "aip-0123456789abcdefghijABCDEFGHIJ0123456789+/x", -1, FALSE },
    { "aip-0123456789abcdefghij\0BCDEFGHIJ0123456789-_x", 47, FALSE },
    { "", 0, FALSE },
    { "\n", -1, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("case %" G_GSIZE_FORMAT, i);
      write_token (fixture, cases[i].text, cases[i].length, 0600);
      if (!cases[i].good)
        {
          assert_refused (fixture, "holds no token");
          continue;
        }

      g_autoptr (GError) error = NULL;
      gboolean created = TRUE;
      g_autofree char *token = aip_first_token_load_or_create (fixture->directory, &created, &error);
      g_assert_no_error (error);
      g_assert_false (created);
      g_assert_cmpstr (token, ==, GOOD_TOKEN);
    }
}

static void
test_mode (Fixture *fixture, const void *data)
{
  static const guint modes[] = { 0644, 0640, 0604, 0620, 0601 };

  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      write_token (fixture, GOOD_TOKEN, -1, modes[i]);
      assert_refused (fixture, "chmod 600 ");
    }
}

static void
test_kinds (Fixture *fixture, const void *data)
{
  g_autofree char *target = g_build_filename (fixture->parent, "target", NULL);

  g_assert_cmpint (g_mkdir_with_parents (fixture->directory, 0700), ==, 0);

  g_assert_cmpint (mkfifo (fixture->path, 0600), ==, 0);
  assert_refused (fixture, "is not a file");
  g_remove (fixture->path);

  /* A link would let whoever made it choose the token. */
  g_assert_true (g_file_set_contents (target, GOOD_TOKEN, -1, NULL));
  g_assert_cmpint (g_chmod (target, 0600), ==, 0);
  g_assert_cmpint (symlink (target, fixture->path), ==, 0);
  assert_refused (fixture, "cannot open");
  g_remove (target);
}

static void
test_no_folder (void)
{
  g_autoptr (GError) error = NULL;
  gboolean created = TRUE;

  g_assert_null (aip_first_token_load_or_create ("/proc/nonexistent/aiproxy", &created, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_FAILED);
  g_assert_false (created);
  g_assert_nonnull (strstr (error->message, "/proc/nonexistent/aiproxy"));
}

typedef struct
{
  const char *directory;
  char *token;
  gboolean created;
} Daemon;

static void *
start_cb (void *data)
{
  Daemon *daemon = data;

  daemon->token = aip_first_token_load_or_create (daemon->directory, &daemon->created, NULL);

  return NULL;
}

static void
test_at_once (Fixture *fixture, const void *data)
{
  Daemon daemons[N_DAEMONS] = { 0 };
  GThread *threads[N_DAEMONS];
  guint n_created = 0;

  for (guint i = 0; i < N_DAEMONS; i++)
    {
      daemons[i].directory = fixture->directory;
      threads[i] = g_thread_new ("start", start_cb, &daemons[i]);
    }

  for (guint i = 0; i < N_DAEMONS; i++)
    {
      g_thread_join (threads[i]);
      g_assert_nonnull (daemons[i].token);
      g_assert_cmpstr (daemons[i].token, ==, daemons[0].token);
      n_created += daemons[i].created ? 1 : 0;
    }

  g_assert_cmpuint (n_created, ==, 1);
  for (guint i = 0; i < N_DAEMONS; i++)
    g_free (daemons[i].token);
}

static void
add_test (const char *path, void (*func) (Fixture *fixture, const void *data))
{
  g_test_add (path, Fixture, NULL, set_up, func, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/policy/first-token/make", test_make);
  add_test ("/policy/first-token/create", test_create);
  add_test ("/policy/first-token/content", test_content);
  add_test ("/policy/first-token/mode", test_mode);
  add_test ("/policy/first-token/kinds", test_kinds);
  g_test_add_func ("/policy/first-token/no-folder", test_no_folder);
  add_test ("/policy/first-token/at-once", test_at_once);

  return g_test_run ();
}
