/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-config-save-faults"

#include "config/aip-config-edit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "save-fixture.h"

/* What somebody else does while a file is being saved. */
static struct
{
  const char *path;
  guint syncs; /* of files, so far */
  guint edits; /* at how many of them the file is edited by hand */
  int sync_errno;
} meanwhile;

/* In place of libc's: between it and the rename nothing else is called that a test could wait for. */
int
fsync (int fd)
{
  struct stat status;

  if (meanwhile.path != NULL && fstat (fd, &status) == 0 && S_ISREG (status.st_mode))
    {
      g_autofree char *text = g_strdup_printf ("# hand edit %u\n" PROVIDER, meanwhile.syncs);

      if (meanwhile.sync_errno != 0)
        {
          errno = meanwhile.sync_errno;
          return -1;
        }
      if (meanwhile.syncs++ < meanwhile.edits)
        write_file (meanwhile.path, text);
    }
  return (int) syscall (SYS_fsync, fd);
}

static void
begin (Fixture *fixture, gconstpointer data)
{
  set_up (fixture, data);
  memset (&meanwhile, 0, sizeof meanwhile);
  meanwhile.path = fixture->high;
}

static void
end (Fixture *fixture, gconstpointer data)
{
  meanwhile.path = NULL;
  tear_down (fixture, data);
}

/* For a while, root is somebody without rights. */
static void
drop_rights (void)
{
  g_assert_cmpint (setegid (4321), ==, 0);
  g_assert_cmpint (seteuid (4321), ==, 0);
}

static void
regain_rights (void)
{
  g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_cmpint (setegid (0), ==, 0);
}

static void
test_foreign_owner (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autofree char *expected = g_strdup_printf (
      "%s belongs to another user or group, and would no longer if it was written: Operation not permitted; "
      "change it as that user and reload, or give it to this user. Nothing was changed",
      fixture->high);

  if (geteuid () != 0)
    {
      g_test_skip ("only root can give a file to another user");
      return;
    }
  write_file (fixture->high, PROVIDER);
  g_assert_cmpint (chown (fixture->high, 1234, 5678), ==, 0);
  g_assert_cmpint (chmod (fixture->high, 0644), ==, 0);
  g_assert_cmpint (chmod (fixture->folder, 0777), ==, 0);
  aip_config_edit_set (edit, "provider p", "weight", "2");
  drop_rights ();
  assert_refused (fixture, edit, NULL, NULL, AIP_ERROR_FAILED, expected);
  regain_rights ();
}

/* Somebody saves the file while it is being saved: both edits are there in the end. */
static void
test_overtaken (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AipConfig) config = NULL;

  write_file (fixture->high, PROVIDER);
  meanwhile.edits = 3;
  config = save (fixture, "provider p", "weight", "2", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (meanwhile.syncs, ==, 4);
  g_assert_cmpuint (aip_config_find_provider (config, "p")->weight, ==, 2);
  assert_file (fixture->high, "# hand edit 2\n" PROVIDER "weight=2\n");
}

static void
test_overtaken_when_new (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AipConfig) config = NULL;

  meanwhile.edits = 1;
  config = save (fixture, "log", "level", "info", &error);
  g_assert_no_error (error);
  assert_file (fixture->high, "# hand edit 0\n" PROVIDER "\n[log]\nlevel=info\n");
}

static void
test_overtaken_always (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *expected = g_strdup_printf ("%s is being changed by somebody else all the time; try again "
                                               "when that is done. Nothing was changed",
                                               fixture->high);

  write_file (fixture->high, PROVIDER);
  meanwhile.edits = G_MAXUINT;
  g_assert_null (save (fixture, "provider p", "weight", "2", &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==, expected);
  assert_file (fixture->high, "# hand edit 4\n" PROVIDER);
}

static void
assert_write_fails (Fixture *fixture, const char *problem)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autofree char *expected =
      g_strdup_printf ("%s cannot be written: %s. Nothing was changed", fixture->high, problem);

  aip_config_edit_set (edit, "log", "level", "info");
  assert_refused (fixture, edit, NULL, NULL, AIP_ERROR_FAILED, expected);
}

/* A limit on the size of files ends in the same place as a full disk, for root too. */
static void
test_full_disk (Fixture *fixture, gconstpointer data)
{
  struct rlimit before;
  struct rlimit small;

  write_file (fixture->high, PROVIDER);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  small = before;
  small.rlim_cur = 20;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  {
    g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
    g_autoptr (GError) error = NULL;
    AipConfig *config;

    aip_config_edit_set (edit, "log", "level", "info");
    config = save_with (fixture, edit, NULL, NULL, &error);
    g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
    g_assert_null (config);
    g_assert_error (error, AIP_ERROR, AIP_ERROR_FAILED);
    g_assert_nonnull (strstr (error->message, "File too large; make room on the disk. Nothing was changed"));
  }
  assert_file (fixture->high, PROVIDER);
}

static void
test_sync_fails (Fixture *fixture, gconstpointer data)
{
  write_file (fixture->high, PROVIDER);
  meanwhile.sync_errno = EIO;
  assert_write_fails (fixture, "Input/output error");
  meanwhile.sync_errno = ENOSPC;
  assert_write_fails (fixture, "No space left on device; make room on the disk");
}

static void
test_read_only_mount (Fixture *fixture, gconstpointer data)
{
  if (mount ("tmpfs", fixture->folder, "tmpfs", 0, "size=64k") != 0)
    {
      g_test_skip (g_strerror (errno));
      return;
    }
  write_file (fixture->high, PROVIDER);
  g_assert_cmpint (mount ("tmpfs", fixture->folder, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), ==, 0);
  assert_write_fails (fixture, "Read-only file system; let this user write to its folder, or change the file "
                               "by hand and reload");
  g_assert_cmpint (umount (fixture->folder), ==, 0);
}

static void
test_read_only_folder (Fixture *fixture, gconstpointer data)
{
  gboolean root = geteuid () == 0;

  write_file (fixture->high, PROVIDER);
  g_assert_cmpint (chmod (fixture->high, 0644), ==, 0);
  g_assert_cmpint (chmod (fixture->folder, 0555), ==, 0);
  if (root)
    drop_rights ();
  assert_write_fails (fixture, "Permission denied; let this user write to its folder, or change the file by "
                               "hand and reload");
  if (root)
    regain_rights ();
  g_assert_cmpint (chmod (fixture->folder, 0755), ==, 0);
}

static void
test_too_large (Fixture *fixture, gconstpointer data)
{
  g_autofree char *much = g_strnfill (4 * 1024 * 1024 - 6, '\n');
  g_autofree char *text = g_strconcat ("[log]\n", much, NULL);
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autofree char *expected = g_strdup_printf (
      "%s would be larger than 4 MiB, which is more than is read; remove something first", fixture->high);

  write_file (fixture->high, text);
  aip_config_edit_set (edit, "log", "level", "info");
  assert_refused (fixture, edit, NULL, NULL, AIP_ERROR_TOO_LARGE, expected);
}

static void
changed_cb (void *user_data)
{
  (*(guint *) user_data)++;
}

static gboolean
later_cb (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Longer than the watch waits for a burst of changes to end. */
static void
run_for_a_while (void)
{
  gboolean over = FALSE;

  g_timeout_add (600, later_cb, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
}

/* Our own writing is not told of, others' is. */
static void
test_watch (Fixture *fixture, gconstpointer data)
{
  const char *paths[] = { fixture->low, fixture->high, NULL };
  guint calls = 0;
  g_autoptr (AipConfigWatch) watch = aip_config_watch_new (paths, changed_cb, &calls);
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autoptr (GError) error = NULL;

  aip_config_edit_set (edit, "log", "level", "info");
  aip_config_edit_set_watch (edit, watch);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (AipConfig) config = save_with (fixture, edit, NULL, NULL, &error);

      g_assert_no_error (error);
      g_assert_nonnull (config);
      run_for_a_while ();
      g_assert_cmpuint (calls, ==, 0);
      aip_config_edit_set (edit, "log", "level", "debug");
    }

  write_file (fixture->high, "[log]\nlevel=error\n");
  while (calls == 0)
    g_main_context_iteration (NULL, TRUE);
  aip_config_edit_set_watch (edit, NULL);
  {
    g_autoptr (AipConfig) config = save_with (fixture, edit, NULL, NULL, &error);

    g_assert_nonnull (config);
    while (calls == 1)
      g_main_context_iteration (NULL, TRUE);
  }
  g_assert_cmpuint (calls, ==, 2);
}

#undef ADD
#define ADD(name, test) g_test_add ("/config/save-faults/" name, Fixture, NULL, begin, test, end)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("foreign-owner", test_foreign_owner);
  ADD ("overtaken", test_overtaken);
  ADD ("overtaken-when-new", test_overtaken_when_new);
  ADD ("overtaken-always", test_overtaken_always);
  ADD ("full-disk", test_full_disk);
  ADD ("sync-fails", test_sync_fails);
  ADD ("read-only-mount", test_read_only_mount);
  ADD ("read-only-folder", test_read_only_folder);
  ADD ("too-large", test_too_large);
  ADD ("watch", test_watch);
  return g_test_run ();
}
