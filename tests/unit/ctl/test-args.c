/* SPDX-License-Identifier: MIT */
#include "ctl/aip-ctl-args.h"

#include <string.h>

static const AipCtlOption first_options[] = {
  { "json", 0, NULL, "" },
  { "bus", 0, "BUS", "" },
  { NULL },
};

static const AipCtlOption second_options[] = {
  { "set", 0, "KEY=VALUE", "" },
  { "yes", 'y', NULL, "" },
  { NULL },
};

static const AipCtlOption *const tables[] = { first_options, second_options, NULL };

static AipCtlArgs *
parse (const char *line, GError **error)
{
  g_auto (GStrv) words = g_strsplit (line, " ", -1);
  g_autoptr (AipCtlArgs) args = aip_ctl_args_new ();

  return aip_ctl_args_parse (args, tables, words, error) ? g_steal_pointer (&args) : NULL;
}

static void
test_words_and_options (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AipCtlArgs) args =
      parse ("--json key --bus=system add --set a=1 name -y --set=b=2 - -- --json", &error);
  const char *const *sets;

  g_assert_no_error (error);
  g_assert_cmpuint (aip_ctl_args_count (args), ==, 5);
  g_assert_cmpstr (aip_ctl_args_nth (args, 0), ==, "key");
  g_assert_cmpstr (aip_ctl_args_nth (args, 2), ==, "name");
  g_assert_cmpstr (aip_ctl_args_nth (args, 3), ==, "-");
  g_assert_cmpstr (aip_ctl_args_nth (args, 4), ==, "--json");
  g_assert_null (aip_ctl_args_nth (args, 5));
  g_assert_true (aip_ctl_args_has (args, "json"));
  g_assert_true (aip_ctl_args_has (args, "yes"));
  g_assert_cmpstr (aip_ctl_args_get (args, "bus"), ==, "system");
  g_assert_cmpstr (aip_ctl_args_get (args, "set"), ==, "b=2");
  sets = aip_ctl_args_get_all (args, "set");
  g_assert_cmpstr (sets[0], ==, "a=1");
  g_assert_cmpstr (sets[1], ==, "b=2");
  g_assert_null (sets[2]);

  aip_ctl_args_drop (args, 2);
  g_assert_cmpstr (aip_ctl_args_nth (args, 0), ==, "name");
  g_assert_cmpstr (aip_ctl_args_from (args, 2)[0], ==, "--json");
  g_assert_null (aip_ctl_args_from (args, 3)[0]);
}

static void
test_nothing (void)
{
  g_autoptr (AipCtlArgs) args = aip_ctl_args_new ();

  g_assert_cmpuint (aip_ctl_args_count (args), ==, 0);
  g_assert_null (aip_ctl_args_nth (args, 0));
  g_assert_false (aip_ctl_args_has (args, "json"));
  g_assert_null (aip_ctl_args_get (args, "bus"));
  g_assert_null (aip_ctl_args_get_all (args, "set")[0]);
}

static void
test_a_value_may_look_like_an_option (void)
{
  g_autoptr (AipCtlArgs) args = parse ("--bus --json", NULL);

  g_assert_cmpstr (aip_ctl_args_get (args, "bus"), ==, "--json");
  g_assert_false (aip_ctl_args_has (args, "json"));
}

static void
test_wrong_options (void)
{
  static const char *const lines[] = { "--nonsense", "-x",    "--bus", "a --set",     "--json=yes", "--yes=1",
                                       "-yy",        "-json", "--y",   "-bus=system", "--=",        "--=x" };

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (AipCtlArgs) args = parse (lines[i], &error);

      g_assert_null (args);
      g_assert_true (error != NULL && error->domain == G_OPTION_ERROR);
    }
}

static void
test_a_near_option_is_told (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (parse ("--jsno", &error));
  g_assert_nonnull (strstr (error->message, "did you mean \"--json\"?"));
}

static void
test_how_many_arguments (void)
{
  static const struct
  {
    const char *arguments;
    guint min;
    guint max;
  } cases[] = {
    { "", 0, 0 },
    { "NAME", 1, 1 },
    { "[SECONDS]", 0, 1 },
    { "NAME KEY=VALUE...", 2, G_MAXUINT },
    { "NAME [KEY=VALUE]...", 1, G_MAXUINT },
    { "A B [C]", 2, 3 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint min, max;

      aip_ctl_arguments_count (cases[i].arguments, &min, &max);
      g_assert_cmpuint (min, ==, cases[i].min);
      g_assert_cmpuint (max, ==, cases[i].max);
    }
}

static void
check_nth (const char *arguments, guint n, const char *wanted)
{
  gsize length = 0;
  const char *name = aip_ctl_arguments_nth (arguments, n, &length);
  g_autofree char *copy = name != NULL ? g_strndup (name, length) : NULL;

  g_assert_cmpstr (copy, ==, wanted);
}

static void
test_what_an_argument_is_called (void)
{
  check_nth ("", 0, NULL);
  check_nth ("NAME", 0, "NAME");
  check_nth ("NAME", 1, NULL);
  check_nth ("[STRATEGY]", 0, "STRATEGY");
  check_nth ("NAME KEY=VALUE...", 0, "NAME");
  check_nth ("NAME KEY=VALUE...", 1, "KEY=VALUE");
  check_nth ("NAME KEY=VALUE...", 7, "KEY=VALUE");
  check_nth ("A B", 1, "B");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ctl/args/words-and-options", test_words_and_options);
  g_test_add_func ("/ctl/args/nothing", test_nothing);
  g_test_add_func ("/ctl/args/value-like-an-option", test_a_value_may_look_like_an_option);
  g_test_add_func ("/ctl/args/wrong-options", test_wrong_options);
  g_test_add_func ("/ctl/args/near-option", test_a_near_option_is_told);
  g_test_add_func ("/ctl/args/how-many", test_how_many_arguments);
  g_test_add_func ("/ctl/args/names", test_what_an_argument_is_called);
  return g_test_run ();
}
