/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-config-save"

#include "config/aip-config-edit.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/aip-error.h"
#include "config-problems.h"
#include "config/aip-config-clear-secret.h"

#define PROVIDER "[provider p]\nbase-url=https://p.example/v1\n"

typedef struct
{
  char *folder;
  char *low;
  char *high;
  guint syncs;      /* of files, so far */
  guint hand_edits; /* how many of them somebody else's edit comes in at */
  int sync_errno;
} Fixture;

static Fixture *current;

static void
write_file (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;
  FILE *stream = g_fopen (path, "w");

  g_assert_nonnull (stream);
  g_assert_cmpint (fputs (text, stream), >=, 0);
  g_assert_cmpint (fclose (stream), ==, 0);
}

static void
assert_file (const char *path, const char *expected)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, expected);
}

/* In place of libc's: between it and the rename nothing else is called that a test could wait for. */
int
fsync (int fd)
{
  struct stat status;

  if (current != NULL && fstat (fd, &status) == 0 && S_ISREG (status.st_mode))
    {
      g_autofree char *text = g_strdup_printf ("# hand edit %u\n" PROVIDER, current->syncs);

      if (current->sync_errno != 0)
        {
          errno = current->sync_errno;
          return -1;
        }
      if (current->syncs++ < current->hand_edits)
        write_file (current->high, text);
    }
  return (int) syscall (SYS_fsync, fd);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->folder = g_dir_make_tmp ("aiproxy-test-XXXXXX", NULL);
  g_assert_nonnull (fixture->folder);
  fixture->low = g_build_filename (fixture->folder, "low.conf", NULL);
  fixture->high = g_build_filename (fixture->folder, "high.conf", NULL);
  current = fixture;
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) folder = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  g_remove (path);
}

/* Whatever happened, no temporary file is left. */
static void
assert_no_rest (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_assert_false (g_str_has_prefix (name, "."));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  current = NULL;
  assert_no_rest (fixture->high);
  remove_tree (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->low);
  g_free (fixture->high);
}

static AipConfig *
save_with (Fixture *fixture,
           const AipConfigEdit *edit,
           const char *const *environment,
           const AipConfigOverrides *overrides,
           GError **error)
{
  const char *paths[] = { fixture->low, fixture->high, NULL };

  return aip_config_edit_save (edit, paths, environment, overrides, error);
}

/* Sets one setting; @key NULL: adds the group. */
static AipConfig *
save (Fixture *fixture, const char *group, const char *key, const char *value, GError **error)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();

  if (key == NULL)
    aip_config_edit_add_group (edit, group);
  else if (value == NULL)
    aip_config_edit_unset (edit, group, key);
  else
    aip_config_edit_set (edit, group, key, value);
  return save_with (fixture, edit, NULL, NULL, error);
}

/* The same, which must fail with @format, where %s is the file's path. */
static void
assert_refused (Fixture *fixture,
                const AipConfigEdit *edit,
                const char *const *environment,
                const AipConfigOverrides *overrides,
                AipError code,
                const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  g_file_get_contents (fixture->high, &before, NULL, NULL);
  g_assert_null (save_with (fixture, edit, environment, overrides, &error));
  g_assert_error (error, AIP_ERROR, (int) code);
  g_assert_cmpstr (error->message, ==, expected);
  g_file_get_contents (fixture->high, &after, NULL, NULL);
  g_assert_cmpstr (before, ==, after);
  assert_no_rest (fixture->high);
}

static void
test_new_file (Fixture *fixture, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (fixture->folder, "a", "b", NULL);
  g_autofree char *path = g_build_filename (folder, "aiproxy.conf", NULL);
  const char *paths[] = { path, NULL };
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (AipConfig) config = NULL;
  struct stat status;

  aip_config_edit_set (edit, "retry", "max-attempts", "7");
  config = aip_config_edit_save (edit, paths, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (config->retry.max_attempts, ==, 7);
  assert_file (path, "[retry]\nmax-attempts=7\n");
  g_assert_cmpint (stat (path, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 07777, ==, 0600);
  g_assert_cmpint (stat (folder, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 07777, ==, 0700);
  assert_no_rest (path);
}

static void
test_nothing_to_do (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AipConfig) config = save (fixture, "retry", "max-attempts", NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (config);
  g_assert_false (g_file_test (fixture->high, G_FILE_TEST_EXISTS));
}

/* What somebody wrote since the file was last loaded stays, and counts. */
static void
test_merge (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AipConfig) first = NULL;
  g_autoptr (AipConfig) second = NULL;

  write_file (fixture->low, "[retry]\nmax-attempts=9\n");
  write_file (fixture->high, PROVIDER);
  first = save (fixture, "provider p", "weight", "2", &error);
  write_file (fixture->high, "# mine\n" PROVIDER "weight=2\npriority=3\n");
  second = save (fixture, "provider p", "weight", "5", &error);
  g_assert_no_error (error);
  g_assert_cmpint (aip_config_find_provider (second, "p")->priority, ==, 3);
  g_assert_cmpuint (aip_config_find_provider (second, "p")->weight, ==, 5);
  g_assert_cmpuint (second->retry.max_attempts, ==, 9);
  assert_file (fixture->high, "# mine\n" PROVIDER "weight=5\npriority=3\n");
}

static void
test_mode_and_owner (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AipConfig) config = NULL;
  struct stat status;
  gboolean root = geteuid () == 0;

  write_file (fixture->high, PROVIDER);
  if (root)
    g_assert_cmpint (chown (fixture->high, 1234, 5678), ==, 0);
  g_assert_cmpint (chmod (fixture->high, 0640), ==, 0);
  config = save (fixture, "provider p", "weight", "2", &error);
  g_assert_no_error (error);
  g_assert_cmpint (stat (fixture->high, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 07777, ==, 0640);
  g_assert_cmpuint (status.st_uid, ==, root ? 1234 : geteuid ());
  g_assert_true (!root || status.st_gid == 5678);
}

/* A process of its own gives up being root, or there would be no way back. */
static void
test_foreign_owner (Fixture *fixture, gconstpointer data)
{
  g_autofree char *expected = g_strdup_printf (
      "%s belongs to another user or group, and would no longer if it was written: Operation not permitted; "
      "change it as that user and reload, or give it to this user. Nothing was changed",
      fixture->high);
  int result;
  pid_t child;

  if (geteuid () != 0)
    {
      g_test_skip ("only root can give a file to another user");
      return;
    }
  write_file (fixture->high, PROVIDER);
  g_assert_cmpint (chown (fixture->high, 1234, 5678), ==, 0);
  g_assert_cmpint (chmod (fixture->high, 0644), ==, 0);
  g_assert_cmpint (chmod (fixture->folder, 0777), ==, 0);
  child = fork ();
  if (child == 0)
    {
      GError *error = NULL;

      if (setgid (4321) != 0 || setuid (4321) != 0)
        _exit (2);
      _exit (save (fixture, "provider p", "weight", "2", &error) != NULL ||
             strcmp (error->message, expected) != 0);
    }
  g_assert_cmpint (waitpid (child, &result, 0), ==, child);
  g_assert_cmpint (result, ==, 0);
  assert_file (fixture->high, PROVIDER);
}

static void
test_links (Fixture *fixture, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (fixture->folder, "real", NULL);
  g_autofree char *target = g_build_filename (folder, "target", NULL);
  g_autofree char *middle = g_build_filename (fixture->folder, "middle", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (AipConfig) first = NULL;
  g_autoptr (AipConfig) second = NULL;

  /* The last one leads to what is not there yet. */
  g_assert_cmpint (symlink (target, middle), ==, 0);
  g_assert_cmpint (symlink ("middle", fixture->high), ==, 0);
  first = save (fixture, "log", "level", "info", &error);
  g_assert_no_error (error);
  assert_file (target, "[log]\nlevel=info\n");
  second = save (fixture, "log", "level", "debug", &error);
  g_assert_no_error (error);
  assert_file (target, "[log]\nlevel=debug\n");
  g_assert_true (g_file_test (fixture->high, G_FILE_TEST_IS_SYMLINK));
  g_assert_true (g_file_test (middle, G_FILE_TEST_IS_SYMLINK));
  assert_no_rest (target);
}

static void
test_link_loop (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *expected =
      g_strdup_printf ("%s cannot be read: Too many levels of symbolic links; make it a file that this user "
                       "may read",
                       fixture->high);

  g_assert_cmpint (symlink ("high.conf", fixture->high), ==, 0);
  g_assert_null (save (fixture, "log", "level", "info", &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==, expected);
}

/* Lines are those of the file as it stands, not of the text that was not written. */
static void
test_invalid_change (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipConfigEdit) value = aip_config_edit_new ();
  g_autoptr (AipConfigEdit) reference = aip_config_edit_new ();
  g_autoptr (AipConfigEdit) fresh = aip_config_edit_new ();
  g_autofree char *expected = NULL;
  g_autofree char *expected_reference = NULL;
  g_autofree char *expected_fresh = NULL;

  write_file (fixture->high, "[provider q]\nweight=1\n\n" PROVIDER "weight=1\n\n[key a]\nprovider=p\n");
  aip_config_edit_remove_group (value, "provider q");
  aip_config_edit_set (value, "provider p", "weight", "s3cret");
  expected =
      g_strdup_printf ("%s:6: [provider p] weight: is not a number in range; write a whole number from "
                       "0 to 1000",
                       fixture->high);
  assert_refused (fixture, value, NULL, NULL, AIP_ERROR_INVALID_CONFIG, expected);

  aip_config_edit_remove_group (reference, "provider p");
  expected_reference = g_strdup_printf (
      "%s:9: [key a] provider: there is no [provider NAME] of this name; there are: q", fixture->high);
  assert_refused (fixture, reference, NULL, NULL, AIP_ERROR_INVALID_CONFIG, expected_reference);

  aip_config_edit_set (fresh, "key b", "provider", "p");
  aip_config_edit_set (fresh, "key b", "weight", "-1");
  expected_fresh = g_strdup_printf ("%s: [key b] weight: is not a number in range; write a whole number from "
                                    "0 to 1000",
                                    fixture->high);
  assert_refused (fixture, fresh, NULL, NULL, AIP_ERROR_INVALID_CONFIG, expected_fresh);
}

static void
test_invalid_before (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autoptr (AipConfigEdit) mend = aip_config_edit_new ();
  g_autoptr (AipConfig) config = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *expected = NULL;

  write_file (fixture->high, PROVIDER "weight=x\nbogus\n");
  aip_config_edit_set (edit, "log", "level", "info");
  expected =
      g_strdup_printf ("the configuration has to be mended before it can be changed:\n"
                       "%s:3: [provider p] weight: is not a number in range; write a whole number from "
                       "0 to 1000\n"
                       "%s:4: is neither [group], key=value nor a comment; comments begin with \"#\"",
                       fixture->high, fixture->high);
  assert_refused (fixture, edit, NULL, NULL, AIP_ERROR_INVALID_CONFIG, expected);

  /* The edit itself may be what mends it. */
  write_file (fixture->high, PROVIDER "weight=x\n");
  aip_config_edit_set (mend, "provider p", "weight", "2");
  config = save_with (fixture, mend, NULL, NULL, &error);
  g_assert_no_error (error);
  assert_file (fixture->high, PROVIDER "weight=2\n");
}

static void
test_not_text (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *expected =
      g_strdup_printf ("the configuration has to be mended before it can be changed:\n"
                       "%s:2: is not UTF-8 text; save the file as UTF-8",
                       fixture->high);

  g_assert_true (g_file_set_contents (fixture->high, "[log]\n\0level=info\n", 18, NULL));
  aip_config_edit_set (edit, "log", "level", "info");
  g_assert_null (save_with (fixture, edit, NULL, NULL, &error));
  g_assert_cmpstr (error->message, ==, expected);
}

static void
test_stronger_source (Fixture *fixture, gconstpointer data)
{
  static const char *const environment[] = { "AIPROXY_RETRY_MAX_ATTEMPTS=6", "AIPROXY_PROVIDER_P_WEIGHT=3",
                                             "LOG_LEVEL=info", NULL };
  static const char *const listen[] = { "127.0.0.1:1", NULL };
  static const AipConfigOverrides overrides = { .listen = listen, .plain_names = TRUE, .demo = TRUE };
  static const struct
  {
    const char *group;
    const char *key;
    const char *value;
    const char *source;
  } cases[] = {
    { "retry", "max-attempts", "5", "the environment variable AIPROXY_RETRY_MAX_ATTEMPTS" },
    { "retry", "max-attempts", NULL, "the environment variable AIPROXY_RETRY_MAX_ATTEMPTS" },
    { "provider p", "weight", "3", "the environment variable AIPROXY_PROVIDER_P_WEIGHT" },
    { "log", "level", "debug", "the environment, which --env lets speak" },
    { "server", "listen", "127.0.0.1:2", "the command line" },
  };

  write_file (fixture->high, PROVIDER);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
      g_autofree char *expected =
          g_strdup_printf ("[%s] %s: is set by %s, which is stronger than %s; change it there",
                           cases[i].group, cases[i].key, cases[i].source, fixture->high);

      if (cases[i].value == NULL)
        aip_config_edit_unset (edit, cases[i].group, cases[i].key);
      else
        aip_config_edit_set (edit, cases[i].group, cases[i].key, cases[i].value);
      assert_refused (fixture, edit, environment, &overrides, AIP_ERROR_FORBIDDEN, expected);
    }
}

static void
test_groups_elsewhere (Fixture *fixture, gconstpointer data)
{
  static const AipConfigOverrides overrides = { .demo = TRUE };
  g_autoptr (AipConfigEdit) remove = aip_config_edit_new ();
  g_autoptr (AipConfigEdit) remove_demo = aip_config_edit_new ();
  g_autoptr (AipConfigEdit) add_again = aip_config_edit_new ();
  g_autoptr (AipConfigEdit) unset = aip_config_edit_new ();
  g_autoptr (AipConfigEdit) change = aip_config_edit_new ();
  g_autoptr (AipConfigEdit) uncover = aip_config_edit_new ();
  g_autoptr (AipConfig) config = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *removed = g_strdup_printf (
      "[provider p] comes from %s, line 2, which is not written from here; remove it there", fixture->low);
  g_autofree char *added = g_strdup_printf ("there is a [provider p] already, from %s, line 2", fixture->low);
  g_autofree char *kept = g_strdup_printf ("[provider p] weight: is set in %s, line 4, which is not written "
                                           "from here; set another value to be used in its place",
                                           fixture->low);

  write_file (fixture->low, "\n" PROVIDER "weight=4\n");
  aip_config_edit_remove_group (remove, "provider p");
  aip_config_edit_remove_group (remove_demo, "provider demo");
  aip_config_edit_add_group (add_again, "provider p");
  aip_config_edit_unset (unset, "provider p", "weight");
  aip_config_edit_set (change, "provider p", "weight", "5");
  aip_config_edit_unset (uncover, "provider p", "weight");

  assert_refused (fixture, remove, NULL, NULL, AIP_ERROR_FORBIDDEN, removed);
  assert_refused (
      fixture, remove_demo, NULL, &overrides, AIP_ERROR_FORBIDDEN,
      "[provider demo] comes from the command line, which is not written from here; remove it there");
  assert_refused (fixture, remove_demo, NULL, NULL, AIP_ERROR_NOT_FOUND,
                  "there is no [provider demo] in the file");
  assert_refused (fixture, add_again, NULL, NULL, AIP_ERROR_EXISTS, added);
  assert_refused (fixture, unset, NULL, NULL, AIP_ERROR_FORBIDDEN, kept);

  /* A value over it is this file's to set, and to take away again. */
  config = save_with (fixture, change, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (aip_config_find_provider (config, "p")->weight, ==, 5);
  assert_refused (fixture, remove, NULL, NULL, AIP_ERROR_FORBIDDEN, removed);
  g_clear_pointer (&config, aip_config_unref);
  config = save_with (fixture, uncover, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (aip_config_find_provider (config, "p")->weight, ==, 4);
  assert_file (fixture->high, "[provider p]\n");
}

/* Somebody saves the file while it is being saved: both edits are there in the end. */
static void
test_overtaken (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AipConfig) config = NULL;

  write_file (fixture->high, PROVIDER);
  fixture->hand_edits = 3;
  config = save (fixture, "provider p", "weight", "2", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (fixture->syncs, ==, 4);
  g_assert_cmpuint (aip_config_find_provider (config, "p")->weight, ==, 2);
  assert_file (fixture->high, "# hand edit 2\n" PROVIDER "weight=2\n");
}

static void
test_overtaken_when_new (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AipConfig) config = NULL;

  fixture->hand_edits = 1;
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
  fixture->hand_edits = G_MAXUINT;
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
  fixture->sync_errno = EIO;
  assert_write_fails (fixture, "Input/output error");
  fixture->sync_errno = ENOSPC;
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
  g_assert_cmpint (mount (NULL, fixture->folder, NULL, MS_REMOUNT | MS_RDONLY, NULL), ==, 0);
  assert_write_fails (fixture, "Read-only file system; let this user write to its folder, or change the file "
                               "by hand and reload");
  g_assert_cmpint (umount (fixture->folder), ==, 0);
}

static void
test_read_only_folder (Fixture *fixture, gconstpointer data)
{
  int result;
  pid_t child;

  write_file (fixture->high, PROVIDER);
  g_assert_cmpint (chmod (fixture->high, 0644), ==, 0);
  g_assert_cmpint (chmod (fixture->folder, 0555), ==, 0);
  child = fork ();
  if (child == 0)
    {
      if (geteuid () == 0 && (setgid (4321) != 0 || setuid (4321) != 0))
        _exit (2);
      assert_write_fails (fixture, "Permission denied; let this user write to its folder, or change the file "
                                   "by hand and reload");
      _exit (0);
    }
  g_assert_cmpint (waitpid (child, &result, 0), ==, child);
  g_assert_cmpint (result, ==, 0);
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

/* --- a key in clear --- */

#define CLEAR_KEY "sk-9f8e7d6c5b4a39281706f5e4d3c2b1a0"

static void
test_clear_secret (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipSecret) secret = NULL;
  g_autoptr (AipConfigEdit) other = aip_config_edit_new ();
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autoptr (AipConfig) config = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *expected = g_strdup_printf (
      "the configuration has to be mended before it can be changed:\n"
      "%s:4: [key a] secret: is none of keyring, env:VARIABLE and credential:NAME; a key never stands in "
      "this "
      "file: write secret=keyring and put the key into the keyring with: aiproxyctl key secret a",
      fixture->high);

  write_file (fixture->high, PROVIDER "[key a]\nsecret = " CLEAR_KEY "\nprovider=p\n");
  aip_config_edit_set (other, "log", "level", "info");
  assert_refused (fixture, other, NULL, NULL, AIP_ERROR_INVALID_CONFIG, expected);

  secret = aip_config_take_clear_secret (fixture->high, "a", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (aip_secret_peek (secret, NULL), ==, CLEAR_KEY);
  aip_config_edit_set (edit, "key a", "secret", "keyring");
  config = save_with (fixture, edit, NULL, NULL, &error);
  g_assert_no_error (error);
  assert_file (fixture->high, PROVIDER "[key a]\nsecret = keyring\nprovider=p\n");
}

static void
test_clear_secret_forms (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *line;
    const char *secret; /* NULL: an error */
    AipError code;
    const char *message;
  } cases[] = {
    { "secret=a\\\\b\\sc", "a\\b c", 0, NULL },
    { "secret=x;y=z#", "x;y=z#", 0, NULL },
    { "secret=keyring", NULL, AIP_ERROR_NOT_FOUND, "holds no key in clear" },
    { "secret=env:KEY", NULL, AIP_ERROR_NOT_FOUND, "holds no key in clear" },
    { "secret=credential:a-key", NULL, AIP_ERROR_NOT_FOUND, "holds no key in clear" },
    { "secret=", NULL, AIP_ERROR_NOT_FOUND, "is empty" },
    { "weight=1", NULL, AIP_ERROR_NOT_FOUND, "is not set" },
    { "secret=env:" CLEAR_KEY, NULL, AIP_ERROR_INVALID_CONFIG,
      "is neither a name nor a key; write env:VARIABLE, credential:NAME or keyring" },
    { "secret=credential:" CLEAR_KEY, NULL, AIP_ERROR_INVALID_CONFIG,
      "is neither a name nor a key; write env:VARIABLE, credential:NAME or keyring" },
    { "secret=" CLEAR_KEY "\\x", NULL, AIP_ERROR_INVALID_CONFIG,
      "has a \"\\\" that means nothing; write \\\\ for a \"\\\"" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf ("[key a]\n%s\n[key b]\nsecret=other\n", cases[i].line);
      g_autoptr (GError) error = NULL;
      g_autoptr (AipSecret) secret = NULL;
      g_autofree char *expected = g_strdup_printf ("%s: [key a] secret: %s", fixture->high, cases[i].message);

      write_file (fixture->high, text);
      secret = aip_config_take_clear_secret (fixture->high, "a", &error);
      if (cases[i].secret != NULL)
        {
          g_assert_no_error (error);
          g_assert_cmpstr (aip_secret_peek (secret, NULL), ==, cases[i].secret);
          continue;
        }
      g_assert_error (error, AIP_ERROR, (int) cases[i].code);
      g_assert_cmpstr (error->message, ==, expected);
    }
}

/* --- the watch --- */

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

    while (calls == 1)
      g_main_context_iteration (NULL, TRUE);
  }
  g_assert_cmpuint (calls, ==, 2);
}

/* --- size --- */

static void
test_many (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new (PROVIDER);
  g_autoptr (AipConfig) config = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  gint64 start;

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (text, "\n# number %u\n[key k%u]\nprovider=p\nweight=1\n", i, i);
  for (guint i = 0; i < 500; i++)
    g_string_append_printf (text, "\n[mapping m%u]\ntarget=t%u\n", i, i);
  write_file (fixture->high, text->str);

  start = g_get_monotonic_time ();
  config = save (fixture, "key k500", "weight", "2", &error);
  g_test_message ("one change: %" G_GINT64_FORMAT " us", g_get_monotonic_time () - start);
  g_assert_no_error (error);
  g_assert_cmpuint (config->keys->len, ==, 1000);

  before = g_strdup (strstr (text->str, "[key k500]"));
  after = g_strdup (before);
  strstr (after, "weight=1")[strlen ("weight=")] = '2';
  g_string_truncate (text, text->len - strlen (before));
  g_string_append (text, after);
  assert_file (fixture->high, text->str);
}

#define ADD(name, test) g_test_add ("/config/save/" name, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("new-file", test_new_file);
  ADD ("nothing-to-do", test_nothing_to_do);
  ADD ("merge", test_merge);
  ADD ("mode-and-owner", test_mode_and_owner);
  ADD ("foreign-owner", test_foreign_owner);
  ADD ("links", test_links);
  ADD ("link-loop", test_link_loop);
  ADD ("invalid-change", test_invalid_change);
  ADD ("invalid-before", test_invalid_before);
  ADD ("not-text", test_not_text);
  ADD ("stronger-source", test_stronger_source);
  ADD ("groups-elsewhere", test_groups_elsewhere);
  ADD ("overtaken", test_overtaken);
  ADD ("overtaken-when-new", test_overtaken_when_new);
  ADD ("overtaken-always", test_overtaken_always);
  ADD ("full-disk", test_full_disk);
  ADD ("sync-fails", test_sync_fails);
  ADD ("read-only-mount", test_read_only_mount);
  ADD ("read-only-folder", test_read_only_folder);
  ADD ("too-large", test_too_large);
  ADD ("clear-secret", test_clear_secret);
  ADD ("clear-secret-forms", test_clear_secret_forms);
  ADD ("watch", test_watch);
  ADD ("many", test_many);
  return g_test_run ();
}
