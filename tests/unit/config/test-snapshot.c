/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-snapshot"

#include "config/aip-config.h"

#include <string.h>

#include "config-problems.h"

#define N_THREADS 4
#define N_TURNS 20000

static const char text[] = "[provider a]\nmodels=x;y\nheaders=A: b\n[key k]\nprovider=a\nsecret=env:X\n"
                           "[mapping m@a]\ntarget=x\n[tenant t]\n[client c]\ntenant=t\n"
                           "token-sha256=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
                           "[model x]\ncapabilities=tools\n";

static AipConfig *
make (void)
{
  g_autofree char *problems = NULL;
  AipConfig *config = parse (text, &problems);

  g_assert_cmpstr (problems, ==, "");
  return config;
}

/* The leak checkers see whether the last one frees all. */
static void
test_references (void)
{
  AipConfig *config = make ();
  AipConfig *same = aip_config_ref (config);

  g_assert_true (same == config);
  aip_config_unref (config);
  g_assert_cmpstr (aip_config_find_provider (same, "a")->models[1], ==, "y");
  aip_config_unref (same);
}

static gpointer
use (gpointer data)
{
  AipConfig *config = data;

  for (guint i = 0; i < N_TURNS; i++)
    {
      g_autoptr (AipConfig) held = aip_config_ref (config);

      g_assert_nonnull (aip_config_find_provider (held, "a"));
    }
  aip_config_unref (config);
  return NULL;
}

static void
test_threads (void)
{
  AipConfig *config = make ();
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("user", use, aip_config_ref (config));
  aip_config_unref (config);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
}

static void
test_refused_is_freed (void)
{
  g_autofree char *broken = g_strconcat (text, "[server]\nworkers=x\n", NULL);
  g_autofree char *problems = NULL;

  g_assert_null (parse (broken, &problems));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/snapshot/references", test_references);
  g_test_add_func ("/config/snapshot/threads", test_threads);
  g_test_add_func ("/config/snapshot/refused-is-freed", test_refused_is_freed);
  return g_test_run ();
}
