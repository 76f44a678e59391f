/* SPDX-License-Identifier: MIT */
#include "ctl/aip-ctl-near.h"

#include <string.h>

static const char *
find (const char *wanted)
{
  static const char *const all[] = { "status", "stats", "provider", "key", "openai", "model" };
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    g_ptr_array_add (names, (char *) all[i]);
  return aip_ctl_near_find (names, wanted);
}

static void
test_what_was_meant (void)
{
  static const char *const cases[][2] = {
    { "stauts", "status" }, { "stat", "status" },  { "kye", "key" },
    { "keys", "key" },      { "opnai", "openai" }, { "provder", "provider" },
    { "pro", "provider" },  { "modle", "model" },  { "banana", NULL },
    { "", NULL },           { "x", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpstr (find (cases[i][0]), ==, cases[i][1]);
}

static void
test_long_words (void)
{
  g_autofree char *longest = g_strnfill (64, 'a');
  g_autofree char *longer = g_strnfill (65, 'a');
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  g_ptr_array_add (names, longer);
  g_ptr_array_add (names, longest);
  g_assert_true (aip_ctl_near_find (names, longest) == longest ||
                 aip_ctl_near_find (names, longest) == longer);
  g_assert_null (aip_ctl_near_find (names, longer));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ctl/near/meant", test_what_was_meant);
  g_test_add_func ("/ctl/near/long", test_long_words);
  return g_test_run ();
}
