/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-watch"

#include "config/aip-config-watch.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "config-files.h"

typedef struct
{
  char *directory;
  char *path;
  char *other;
  AipConfigWatch *watch;
  guint calls;
  gboolean free_it;
} Fixture;

static void
changed_cb (void *user_data)
{
  Fixture *fixture = user_data;

  fixture->calls++;
  if (fixture->free_it)
    g_clear_pointer (&fixture->watch, aip_config_watch_free);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = g_dir_make_tmp ("aiproxy-test-XXXXXX", NULL);
  g_assert_nonnull (fixture->directory);
  fixture->path = g_build_filename (fixture->directory, "aiproxy.conf", NULL);
  fixture->other = g_build_filename (fixture->directory, "other", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->watch, aip_config_watch_free);
  remove_tree (fixture->directory);
  g_free (fixture->directory);
  g_free (fixture->path);
  g_free (fixture->other);
}

static void
watch (Fixture *fixture)
{
  const char *paths[] = { fixture->path, NULL };

  fixture->watch = aip_config_watch_new (paths, changed_cb, fixture);
}

static void
wait_for_call (Fixture *fixture)
{
  while (fixture->calls == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (fixture->calls, ==, 1);
  fixture->calls = 0;
}

static void
test_write (Fixture *fixture, gconstpointer data)
{
  write_file (fixture->path, "a");
  watch (fixture);
  write_file (fixture->path, "ab");
  wait_for_call (fixture);
  write_file (fixture->path, "abc");
  wait_for_call (fixture);
}

static void
test_burst (Fixture *fixture, gconstpointer data)
{
  write_file (fixture->path, "");
  watch (fixture);
  for (guint i = 0; i < 20; i++)
    write_file (fixture->path, i % 2 == 0 ? "a" : "bc");
  wait_for_call (fixture);
}

static void
test_rename_over (Fixture *fixture, gconstpointer data)
{
  write_file (fixture->path, "a");
  watch (fixture);
  for (guint i = 0; i < 2; i++)
    {
      write_file (fixture->other, "b");
      g_assert_cmpint (g_rename (fixture->other, fixture->path), ==, 0);
      wait_for_call (fixture);
    }
}

static void
test_delete_and_create (Fixture *fixture, gconstpointer data)
{
  write_file (fixture->path, "a");
  watch (fixture);
  g_assert_cmpint (g_remove (fixture->path), ==, 0);
  wait_for_call (fixture);
  write_file (fixture->path, "a");
  wait_for_call (fixture);
}

static void
test_create (Fixture *fixture, gconstpointer data)
{
  watch (fixture);
  write_file (fixture->path, "a");
  wait_for_call (fixture);
}

static gboolean
flag_cb (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Longer than the watch waits after a change that is done. */
static void
expect_no_call (Fixture *fixture)
{
  g_autoptr (GSource) later = g_timeout_source_new (500);
  gboolean done = FALSE;

  g_source_set_callback (later, flag_cb, &done, NULL);
  g_source_attach (later, NULL);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (fixture->calls, ==, 0);
}

/* Proves an absence by something that is told later on the same way. */
static void
test_neighbour (Fixture *fixture, gconstpointer data)
{
  write_file (fixture->path, "a");
  watch (fixture);
  write_file (fixture->other, "b");
  expect_no_call (fixture);

  write_file (fixture->path, "ab");
  wait_for_call (fixture);
}

static void
write_some (int fd, const char *text)
{
  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize) strlen (text));
}

/* A file is empty, then half there, before it is whole. */
static void
write_slowly (Fixture *fixture, const char *path)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  expect_no_call (fixture);
  write_some (fd, "half ");
  expect_no_call (fixture);
  write_some (fd, "whole");
  g_close (fd, NULL);
  wait_for_call (fixture);
}

static void
test_half_written (Fixture *fixture, gconstpointer data)
{
  write_file (fixture->path, "a");
  watch (fixture);
  write_slowly (fixture, fixture->path);
  write_slowly (fixture, fixture->path);
}

static void
test_half_created (Fixture *fixture, gconstpointer data)
{
  watch (fixture);
  write_slowly (fixture, fixture->path);
}

static void
test_half_written_elsewhere (Fixture *fixture, gconstpointer data)
{
  write_file (fixture->other, "a");
  g_assert_cmpint (symlink ("other", fixture->path), ==, 0);
  watch (fixture);
  write_slowly (fixture, fixture->other);
}

/* Who replaces a file does not wait for whoever still writes into the one that was there. */
static void
test_half_written_and_replaced (Fixture *fixture, gconstpointer data)
{
  int fd;

  write_file (fixture->path, "a");
  watch (fixture);
  fd = open (fixture->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  write_file (fixture->other, "b");
  g_assert_cmpint (g_rename (fixture->other, fixture->path), ==, 0);
  wait_for_call (fixture);
  g_close (fd, NULL);
}

/* A config map: the file is a link into a folder which is a link that is turned. */
static void
test_config_map (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = g_build_filename (fixture->directory, "..1", NULL);
  g_autofree char *second = g_build_filename (fixture->directory, "..2", NULL);
  g_autofree char *first_file = g_build_filename (first, "aiproxy.conf", NULL);
  g_autofree char *second_file = g_build_filename (second, "aiproxy.conf", NULL);
  g_autofree char *turned = g_build_filename (fixture->directory, "..data", NULL);
  g_autofree char *turning = g_build_filename (fixture->directory, "..data_tmp", NULL);

  g_assert_cmpint (g_mkdir (first, 0700), ==, 0);
  g_assert_cmpint (g_mkdir (second, 0700), ==, 0);
  write_file (first_file, "a");
  write_file (second_file, "a");
  g_assert_cmpint (symlink ("..1", turned), ==, 0);
  g_assert_cmpint (symlink ("..data/aiproxy.conf", fixture->path), ==, 0);
  watch (fixture);

  g_assert_cmpint (symlink ("..2", turning), ==, 0);
  g_assert_cmpint (g_rename (turning, turned), ==, 0);
  wait_for_call (fixture);

  write_file (second_file, "ab");
  wait_for_call (fixture);
}

static void
test_link_elsewhere (Fixture *fixture, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (fixture->directory, "elsewhere", NULL);
  g_autofree char *file = g_build_filename (folder, "real.conf", NULL);

  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  write_file (file, "a");
  g_assert_cmpint (symlink (file, fixture->path), ==, 0);
  watch (fixture);
  write_file (file, "ab");
  wait_for_call (fixture);
}

/* GIO looks for directories that are missing every few seconds. */
static void
test_directory_made_later (Fixture *fixture, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (fixture->directory, "aiproxy", NULL);

  g_free (fixture->path);
  fixture->path = g_build_filename (folder, "aiproxy.conf", NULL);
  watch (fixture);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  write_file (fixture->path, "a");
  wait_for_call (fixture);
}

static void
test_free_from_callback (Fixture *fixture, gconstpointer data)
{
  fixture->free_it = TRUE;
  watch (fixture);
  write_file (fixture->path, "a");
  wait_for_call (fixture);
  g_assert_null (fixture->watch);
}

static void
test_free_while_settling (Fixture *fixture, gconstpointer data)
{
  watch (fixture);
  write_file (fixture->path, "a");
  g_main_context_iteration (NULL, TRUE);
  g_clear_pointer (&fixture->watch, aip_config_watch_free);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpuint (fixture->calls, ==, 0);
}

#define ADD(name, test) g_test_add ("/config/watch/" name, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("write", test_write);
  ADD ("burst", test_burst);
  ADD ("rename-over", test_rename_over);
  ADD ("delete-and-create", test_delete_and_create);
  ADD ("create", test_create);
  ADD ("neighbour", test_neighbour);
  ADD ("half-written", test_half_written);
  ADD ("half-created", test_half_created);
  ADD ("half-written-elsewhere", test_half_written_elsewhere);
  ADD ("half-written-and-replaced", test_half_written_and_replaced);
  ADD ("config-map", test_config_map);
  ADD ("link-elsewhere", test_link_elsewhere);
  ADD ("directory-made-later", test_directory_made_later);
  ADD ("free-from-callback", test_free_from_callback);
  ADD ("free-while-settling", test_free_while_settling);
  return g_test_run ();
}
