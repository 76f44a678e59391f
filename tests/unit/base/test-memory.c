/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-memory.h"

#include <gio/gio.h>
#include <string.h>

/* Constants that fill pages of their own. */
static const char constants[64 * 1024] = "constants";

static guint64
read_status (const char *field)
{
  g_autofree char *status = NULL;
  g_autoptr (GError) error = NULL;
  const char *value;

  g_file_get_contents ("/proc/self/status", &status, NULL, &error);
  g_assert_no_error (error);
  value = strstr (status, field);
  g_assert_nonnull (value);
  return g_ascii_strtoull (value + strlen (field), NULL, 10);
}

static gboolean
is_traced (void)
{
  return read_status ("\nTracerPid:\t") != 0;
}

static guint
use_libraries (void)
{
  g_autofree char *text = g_strdup_printf ("%s %d", constants, 5);
  g_autoptr (GFile) file = g_file_new_for_path ("/");
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *iso = g_date_time_format_iso8601 (now);
  g_autofree char *uri = g_file_get_uri (file);

  return g_str_hash (text) ^ g_str_hash (uri) ^ (guint) strlen (iso);
}

static void
test_code_goes_and_comes_back (void)
{
  guint before_hash = use_libraries ();
  guint64 before = read_status ("\nRssFile:");

  if (is_traced ())
    {
      g_test_skip ("a debugger is attached");
      return;
    }
  aip_memory_trim ();
  g_assert_cmpuint (read_status ("\nRssFile:"), <, before);
  g_assert_cmpuint (use_libraries (), ==, before_hash);
  aip_memory_trim ();
  aip_memory_trim ();
  g_assert_cmpuint (use_libraries (), ==, before_hash);
}

/* What was written stays: data, heap, stack. */
static void
test_what_was_written_stays (void)
{
  static char data[64 * 1024];
  char stack[64 * 1024];
  g_autofree char *heap = g_malloc (sizeof data);

  memset (data, 'd', sizeof data);
  memset (stack, 's', sizeof stack);
  memset (heap, 'h', sizeof data);
  aip_memory_trim ();
  for (gsize i = 0; i < sizeof data; i++)
    g_assert_true (data[i] == 'd' && stack[i] == 's' && heap[i] == 'h');
}

static gpointer
trim_main (gpointer data)
{
  for (guint i = 0; i < 20; i++)
    aip_memory_trim ();
  return NULL;
}

/* Others run, allocate and free meanwhile. */
static void
test_threads (void)
{
  GThread *threads[2];
  guint expected = use_libraries ();

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("trim", trim_main, NULL);
  for (guint i = 0; i < 2000; i++)
    g_assert_cmpuint (use_libraries (), ==, expected);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/memory/code-goes-and-comes-back", test_code_goes_and_comes_back);
  g_test_add_func ("/base/memory/what-was-written-stays", test_what_was_written_stays);
  g_test_add_func ("/base/memory/threads", test_threads);

  return g_test_run ();
}
