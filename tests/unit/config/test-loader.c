/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-loader"

#include "config/aip-config-loader.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config-problems.h"

typedef struct
{
  char *directory;
  char *low;
  char *high;
  GPtrArray *problems;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = g_dir_make_tmp ("aiproxy-test-XXXXXX", NULL);
  g_assert_nonnull (fixture->directory);
  fixture->low = g_build_filename (fixture->directory, "low.conf", NULL);
  fixture->high = g_build_filename (fixture->directory, "high.conf", NULL);
  fixture->problems = aip_config_problems_new ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_remove (fixture->low);
  g_remove (fixture->high);
  g_rmdir (fixture->directory);
  g_free (fixture->directory);
  g_free (fixture->low);
  g_free (fixture->high);
  g_ptr_array_unref (fixture->problems);
}

static void
write_file (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static AipConfig *
load (Fixture *fixture, const char *const *environment, const AipConfigOverrides *overrides)
{
  const char *paths[] = { fixture->low, fixture->high, NULL };

  return aip_config_load (paths, environment, overrides, fixture->problems);
}

static void
test_layers (Fixture *fixture, gconstpointer data)
{
  static const char *const environment[] = { "AIPROXY_RETRY_MAX_ATTEMPTS=6", "AIPROXY_SERVER_WORKERS=4",
                                             NULL };
  static const char *const listen[] = { "127.0.0.1:1", "unix:/run/a;b", NULL };
  static const AipConfigOverrides overrides = { .listen = listen };
  g_autoptr (AipConfig) config = NULL;

  write_file (fixture->low, "[server]\nworkers=2\nmax-connections=10\nlisten=127.0.0.1:5\n"
                            "[provider b]\n[provider a]\nweight=2\npriority=1\n[retry]\nmax-attempts=4\n");
  write_file (fixture->high,
              "[server]\nworkers=3\n[provider a]\nweight=3\n[provider c]\n[retry]\nmax-attempts=5\n");
  config = load (fixture, environment, &overrides);

  g_assert_cmpuint (fixture->problems->len, ==, 0);
  g_assert_cmpuint (config->server.max_connections, ==, 10);
  g_assert_cmpuint (config->server.workers, ==, 4);
  g_assert_cmpuint (config->retry.max_attempts, ==, 6);
  g_assert_cmpuint (g_strv_length (config->server.listen), ==, 2);
  g_assert_cmpstr (config->server.listen[1], ==, "unix:/run/a;b");
  g_assert_false (config->server.listen_is_default);
  g_assert_cmpuint (config->providers->len, ==, 3);
  g_assert_cmpstr (((AipProviderConfig *) config->providers->pdata[0])->name, ==, "b");
  g_assert_cmpstr (((AipProviderConfig *) config->providers->pdata[1])->name, ==, "a");
  g_assert_cmpstr (((AipProviderConfig *) config->providers->pdata[2])->name, ==, "c");
  g_assert_cmpuint (aip_config_find_provider (config, "a")->weight, ==, 3);
  g_assert_cmpint (aip_config_find_provider (config, "a")->priority, ==, 1);
  g_assert_null (aip_config_find_provider (config, "d"));
}

static void
test_no_files (Fixture *fixture, gconstpointer data)
{
  g_autofree char *below_file = g_build_filename (fixture->low, "x", NULL);
  const char *paths[] = { fixture->low, fixture->high, below_file, NULL };
  g_autoptr (AipConfig) config = NULL;

  write_file (fixture->low, "");
  config = aip_config_load (paths, NULL, NULL, fixture->problems);
  g_assert_nonnull (config);
  g_assert_cmpuint (fixture->problems->len, ==, 0);
  g_assert_true (config->server.listen_is_default);
}

static void
test_demo (Fixture *fixture, gconstpointer data)
{
  static const AipConfigOverrides overrides = { .demo = TRUE };
  g_autoptr (AipConfig) config = load (fixture, NULL, &overrides);
  const AipProviderConfig *provider = aip_config_find_provider (config, "demo");

  g_assert_cmpuint (fixture->problems->len, ==, 0);
  g_assert_cmpstr (provider->dialect, ==, "builtin");
  g_assert_cmpstr (provider->base_url, ==, "");
  g_assert_cmpuint (g_strv_length (provider->models), ==, 0);
  g_assert_true (config->server.listen_is_default);
}

static void
test_problems_name_their_file (Fixture *fixture, gconstpointer data)
{
  static const char *const environment[] = { "AIPROXY_SERVER_WORKERS=x", "AIPROXY_BANANAS=x", NULL };
  static const char *const listen[] = { "nowhere", NULL };
  static const AipConfigOverrides overrides = { .listen = listen };
  g_autofree char *all = NULL;
  g_autofree char *expected = NULL;

  write_file (fixture->low, "[log]\n\nlevel=loud\n[server]\nworkers=y\n");
  write_file (fixture->high, "[key a]\nprovider=b\n");
  g_assert_null (load (fixture, environment, &overrides));

  /* The weaker value of workers is not what counts, so it is not what is reported. */
  all = problems_join (fixture->problems);
  expected = g_strdup_printf (
      "%s:2: [key a] provider: there is no [provider NAME] of this name; there is none yet\n"
      "%s:3: [log] level: has no such value; there are: error, warning, message, info, debug\n"
      "command line: [server] listen: has an address without a port; write ADDRESS:PORT, such as "
      "127.0.0.1:8000, "
      "with a port from 0 (any free one) to 65535\n"
      "environment: warning: AIPROXY_BANANAS: stands for no setting and is not used; variables are called "
      "AIPROXY_GROUP_SETTING, or AIPROXY_PROVIDER_NAME_SETTING for a group that a file has\n"
      "environment: [server] workers: is not a number in range; write a whole number from 0 to 256",
      fixture->high, fixture->low);
  g_assert_cmpstr (all, ==, expected);
}

static void
test_unreadable (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;
  g_autofree char *expected = g_strdup_printf (
      "%s: cannot be read: Is a directory; make it a file that this user may read", fixture->high);

  g_assert_cmpint (g_mkdir (fixture->high, 0700), ==, 0);
  g_assert_null (load (fixture, NULL, NULL));
  text = problems_join (fixture->problems);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_pipe (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;

  g_assert_cmpint (mkfifo (fixture->high, 0600), ==, 0);
  g_assert_null (load (fixture, NULL, NULL));
  text = problems_join (fixture->problems);
  g_assert_nonnull (strstr (text, "cannot be read"));
}

static void
test_too_large (Fixture *fixture, gconstpointer data)
{
  g_autofree char *much = g_strnfill (5 * 1024 * 1024, '\n');
  g_autofree char *text = NULL;

  write_file (fixture->low, much);
  g_assert_null (load (fixture, NULL, NULL));
  text = problems_join (fixture->problems);
  g_assert_nonnull (strstr (text, "cannot be read: File too large"));
}

static void
test_default_paths (void)
{
  g_auto (GStrv) paths = aip_config_dup_default_paths ();
  g_autofree char *own = g_build_filename (g_get_user_config_dir (), "aiproxy", "aiproxy.conf", NULL);

  g_assert_cmpuint (g_strv_length (paths), ==, 2);
  g_assert_true (g_str_has_suffix (paths[0], "etc/aiproxy/aiproxy.conf"));
  g_assert_cmpstr (paths[1], ==, own);
}

#define ADD(name, test) g_test_add ("/config/loader/" name, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("layers", test_layers);
  ADD ("no-files", test_no_files);
  ADD ("demo", test_demo);
  ADD ("problems-name-their-file", test_problems_name_their_file);
  ADD ("unreadable", test_unreadable);
  ADD ("pipe", test_pipe);
  ADD ("too-large", test_too_large);
  g_test_add_func ("/config/loader/default-paths", test_default_paths);
  return g_test_run ();
}
