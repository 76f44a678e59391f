/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routing/aip-near-names.h"

#include <string.h>

static char *
find (const char *names, const char *wanted, guint max)
{
  g_auto (GStrv) split = g_strsplit (names, " ", -1);
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  g_autoptr (GPtrArray) found = NULL;

  for (guint i = 0; split[i] != NULL; i++)
    g_ptr_array_add (list, split[i]);

  found = aip_near_names_find (list, wanted, max);
  g_ptr_array_add (found, NULL);

  return g_strjoinv (" ", (char **) found->pdata);
}

static void
test_find (void)
{
  static const char names[] =
      "gpt-4 gpt-4o gpt-4o-mini gpt-3.5-turbo claude-sonnet-4-5 claude-opus-4-1 o3 Qwen3";
  static const struct
  {
    const char *wanted;
    guint max;
    const char *found;
  } cases[] = {
    { "gpt-4o", 5, "gpt-4o gpt-4 gpt-4o-mini" },
    { "gpt4o", 5, "gpt-4o" },
    { "gpt-4o-mni", 5, "gpt-4o-mini" },
    { "gtp-4o", 5, "gpt-4o" },
    { "gpt", 5, "gpt-3.5-turbo gpt-4 gpt-4o gpt-4o-mini" },
    { "gpt", 2, "gpt-3.5-turbo gpt-4" },
    { "CLAUDE-SONNET-4-5", 5, "claude-sonnet-4-5" },
    { "claude", 5, "claude-opus-4-1 claude-sonnet-4-5" },
    { "qwen3", 5, "Qwen3" },
    { "o4", 5, "o3" },
    { "mistral-large", 5, "" },
    { "", 5, "" },
    { "gpt-4o", 0, "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *found = find (names, cases[i].wanted, cases[i].max);

      g_test_message ("%s", cases[i].wanted);
      g_assert_cmpstr (found, ==, cases[i].found);
    }
}

static guint
full_distance (const char *a, const char *b)
{
  guint table[16][16];
  gsize n_a = strlen (a);
  gsize n_b = strlen (b);

  for (gsize i = 0; i <= n_a; i++)
    for (gsize j = 0; j <= n_b; j++)
      {
        if (i == 0 || j == 0)
          table[i][j] = (guint) (i + j);
        else
          table[i][j] =
              MIN (table[i - 1][j - 1] + (a[i - 1] != b[j - 1]), MIN (table[i - 1][j], table[i][j - 1]) + 1);
      }

  return table[n_a][n_b];
}

static void
fill_random_name (char *name, gsize size)
{
  gsize length = (gsize) g_test_rand_int_range (1, (int) size - 1);

  for (gsize i = 0; i < length; i++)
    name[i] = (char) ('a' + g_test_rand_int_range (0, 3));
  name[length] = '\0';
}

/* Against the whole table, without the band and its short cuts. */
static void
test_distance (void)
{
  guint n_near = 0;

  for (guint i = 0; i < 20000; i++)
    {
      char wanted[15];
      char name[15];

      fill_random_name (wanted, sizeof wanted);
      fill_random_name (name, sizeof name);

      guint limit = CLAMP ((guint) strlen (wanted) / 3, 1, 5);
      gboolean near =
          full_distance (wanted, name) <= limit || (strlen (wanted) >= 3 && g_str_has_prefix (name, wanted));
      g_autofree char *found = find (name, wanted, 1);

      g_assert_cmpstr (found, ==, near ? name : "");
      n_near += near ? 1 : 0;
    }

  g_assert_cmpuint (n_near, >, 100);
}

static void
test_long (void)
{
  g_autofree char *allowed = g_strnfill (128, 'a');
  g_autofree char *too_long = g_strnfill (129, 'a');
  g_autofree char *huge = g_strnfill (1000000, 'a');
  g_autofree char *same = find (allowed, allowed, 5);
  g_autofree char *from_long = find (too_long, allowed, 5);
  g_autofree char *to_long = find (allowed, too_long, 5);
  g_autofree char *to_huge = find (allowed, huge, 5);

  g_assert_cmpstr (same, ==, allowed);
  g_assert_cmpstr (from_long, ==, "");
  g_assert_cmpstr (to_long, ==, "");
  g_assert_cmpstr (to_huge, ==, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing/near-names/find", test_find);
  g_test_add_func ("/routing/near-names/distance", test_distance);
  g_test_add_func ("/routing/near-names/long", test_long);

  return g_test_run ();
}
