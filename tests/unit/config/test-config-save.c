/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-config-save"

#include "config/aip-config-edit.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "save-fixture.h"

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

/* Microseconds of this thread alone. */
static gint64
get_cpu_time (void)
{
  struct timespec time;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

static void
test_many (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new (PROVIDER);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (text, "\n# number %u\n[key k%u]\nprovider=p\nweight=1\n", i, i);
  for (guint i = 0; i < 500; i++)
    g_string_append_printf (text, "\n[mapping m%u]\ntarget=t%u\n", i, i);
  write_file (fixture->high, text->str);

  for (guint i = 4; i >= 2; i--)
    {
      g_autofree char *weight = g_strdup_printf ("%u", i);
      g_autoptr (GError) error = NULL;
      gint64 start = get_cpu_time ();
      g_autoptr (AipConfig) config = save (fixture, "key k500", "weight", weight, &error);

      g_test_message ("one change took %" G_GINT64_FORMAT " us of CPU", get_cpu_time () - start);
      g_assert_no_error (error);
      g_assert_cmpuint (config->keys->len, ==, 1000);
    }

  before = g_strdup (strstr (text->str, "[key k500]"));
  after = g_strdup (before);
  strstr (after, "weight=1")[strlen ("weight=")] = '2';
  g_string_truncate (text, text->len - strlen (before));
  g_string_append (text, after);
  assert_file (fixture->high, text->str);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("save/new-file", test_new_file);
  ADD ("save/nothing-to-do", test_nothing_to_do);
  ADD ("save/merge", test_merge);
  ADD ("save/mode-and-owner", test_mode_and_owner);
  ADD ("save/links", test_links);
  ADD ("save/link-loop", test_link_loop);
  ADD ("save/invalid-change", test_invalid_change);
  ADD ("save/invalid-before", test_invalid_before);
  ADD ("save/not-text", test_not_text);
  ADD ("save/stronger-source", test_stronger_source);
  ADD ("save/groups-elsewhere", test_groups_elsewhere);
  ADD ("save/many", test_many);
  return g_test_run ();
}
