/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-glob.h"

#include <string.h>

static void
test_match (void)
{
  static const struct
  {
    const char *glob;
    const char *text;
    gboolean matches;
  } cases[] = {
    { "", "", TRUE },
    { "", "a", FALSE },
    { "a", "", FALSE },
    { "gpt-4o", "gpt-4o", TRUE },
    { "gpt-4o", "GPT-4o", FALSE },
    { "gpt-4o", "gpt-4o-mini", FALSE },
    { "gpt-4o-mini", "gpt-4o", FALSE },
    { "*", "", TRUE },
    { "*", "anything/at:all", TRUE },
    { "**", "x", TRUE },
    { "gpt-*", "gpt-", TRUE },
    { "gpt-*", "gpt-4o", TRUE },
    { "gpt-*", "xgpt-4o", FALSE },
    { "*-mini", "gpt-4o-mini", TRUE },
    { "*-mini", "gpt-4o-mini-2", FALSE },
    { "*-mini", "a-mini-mini", TRUE },
    { "a*b*c", "aXbYc", TRUE },
    { "a*b*c", "abcbc", TRUE },
    { "a*b*c", "acb", FALSE },
    { "gpt-?", "gpt-4", TRUE },
    { "gpt-?", "gpt-", FALSE },
    { "gpt-?", "gpt-45", FALSE },
    { "?", "\303\251", TRUE },
    { "??", "\303\251", FALSE },
    { "*??b", "\303\251bX", FALSE },
    { "*??X", "\303\251bX", TRUE },
    { "[a]", "[a]", TRUE },
    { "[a]", "a", FALSE },
    { "\\*", "\\x", TRUE },
    /* Not UTF-8: a lead byte with nothing behind it. */
    { "a?", "a\303", TRUE },
    { "a?b", "a\303", FALSE },
    { "*?", "\377", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    if (aip_glob_match (cases[i].glob, cases[i].text) != cases[i].matches)
      g_error ("`%s` and `%s`: not %d", cases[i].glob, cases[i].text, cases[i].matches);
}

static void
test_hostile (void)
{
  /* Exponential for a matcher that tries every star again. */
  g_autoptr (GString) glob = g_string_new (NULL);
  g_autofree char *text = g_strnfill (4000, 'a');

  for (guint i = 0; i < 40; i++)
    g_string_append (glob, "*a");
  g_string_append_c (glob, 'b');

  g_assert_false (aip_glob_match (glob->str, text));
}

static void
test_any (void)
{
  const char *const globs[] = { "gpt-*", "o?", NULL };
  const char *const none[] = { NULL };

  g_assert_true (aip_glob_match_any (globs, "gpt-4"));
  g_assert_true (aip_glob_match_any (globs, "o3"));
  g_assert_false (aip_glob_match_any (globs, "claude"));
  g_assert_false (aip_glob_match_any (none, "gpt-4"));
}

static void
test_is_exact (void)
{
  g_assert_true (aip_glob_is_exact ("gpt-4o"));
  g_assert_true (aip_glob_is_exact (""));
  g_assert_false (aip_glob_is_exact ("gpt-*"));
  g_assert_false (aip_glob_is_exact ("gpt-?"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/glob/match", test_match);
  g_test_add_func ("/base/glob/hostile", test_hostile);
  g_test_add_func ("/base/glob/any", test_any);
  g_test_add_func ("/base/glob/is-exact", test_is_exact);

  return g_test_run ();
}
