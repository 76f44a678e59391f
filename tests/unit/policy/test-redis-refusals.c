/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "policy/aip-redis-refusals.h"

#include <string.h>

#include "base/aip-clock.h"

#define MINUTE (60 * G_USEC_PER_SEC)
#define REFUSES "redis refuses to keep limits: "
#define KEEPS "redis keeps limits again"

static GString *told;

static GLogWriterOutput
writer (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE)) == 0)
    return g_log_writer_default (level, fields, n_fields, user_data);
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      g_string_append_printf (told, "%s\n", (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

/* That this was said since the last call, and nothing else. */
static void
assert_told (const char *text)
{
  g_assert_cmpstr (told->str, ==, text);
  g_string_truncate (told, 0);
}

static void
wait_until_told (void)
{
  while (told->len == 0)
    g_main_context_iteration (NULL, TRUE);
}

static AipRedisRefusals *
make (void)
{
  g_string_truncate (told, 0);
  aip_clock_set_fake (MINUTE, MINUTE);
  return aip_redis_refusals_new ();
}

static void
test_repeated (void)
{
  g_autoptr (AipRedisRefusals) refusals = make ();

  aip_redis_refusals_note (refusals, "OOM");
  assert_told (REFUSES "OOM\n");
  for (guint i = 0; i < 10; i++)
    aip_redis_refusals_note (refusals, "OOM");
  aip_clock_set_fake (2 * MINUTE - 1, MINUTE);
  aip_redis_refusals_note (refusals, "OOM");
  assert_told ("");
  aip_clock_set_fake (2 * MINUTE, MINUTE);
  aip_redis_refusals_note (refusals, "READONLY");
  assert_told ("redis still refuses to keep limits, 12 more times: READONLY\n");
  aip_redis_refusals_note (refusals, "READONLY");
  assert_told ("");
}

/* Also within the minute in which it refused before. */
static void
test_recovery (void)
{
  g_autoptr (AipRedisRefusals) refusals = make ();

  aip_redis_refusals_note_success (refusals);
  assert_told ("");
  for (guint i = 0; i < 3; i++)
    {
      aip_redis_refusals_note (refusals, "OOM");
      assert_told (REFUSES "OOM\n");
      aip_redis_refusals_note_success (refusals);
      wait_until_told ();
      assert_told (KEEPS ": limits are shared\n");
    }
  aip_redis_refusals_note (refusals, "OOM");
  aip_redis_refusals_note (refusals, "OOM");
  assert_told (REFUSES "OOM\n");
  aip_redis_refusals_note_success (refusals);
  wait_until_told ();
  assert_told (KEEPS ", after 1 more refusals: limits are shared\n");
}

/* One account's key is of another type there: that is no change with each request. */
static void
test_now_this_now_that (void)
{
  g_autoptr (AipRedisRefusals) refusals = make ();

  aip_redis_refusals_note (refusals, "WRONGTYPE");
  assert_told (REFUSES "WRONGTYPE\n");
  for (guint i = 0; i < 1000; i++)
    {
      aip_redis_refusals_note_success (refusals);
      g_main_context_iteration (NULL, FALSE);
      aip_redis_refusals_note (refusals, "WRONGTYPE");
    }
  assert_told ("");
  g_assert_false (g_main_context_pending (NULL));
}

static void
test_another_one (void)
{
  g_autoptr (AipRedisRefusals) refusals = make ();

  for (guint i = 0; i < 2; i++)
    {
      aip_redis_refusals_note (refusals, "NOAUTH");
      assert_told (REFUSES "NOAUTH\n");
      aip_redis_refusals_note_success (refusals);
      aip_redis_refusals_forget (refusals);
      assert_told ("");
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  told = g_string_new (NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  g_log_set_writer_func (writer, NULL, NULL);

  g_test_add_func ("/policy/redis-refusals/repeated", test_repeated);
  g_test_add_func ("/policy/redis-refusals/recovery", test_recovery);
  g_test_add_func ("/policy/redis-refusals/now-this-now-that", test_now_this_now_that);
  g_test_add_func ("/policy/redis-refusals/another-one", test_another_one);

  return g_test_run ();
}
