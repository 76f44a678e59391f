/* SPDX-License-Identifier: MIT */
#include "ctl/aip-ctl-table.h"

#include <string.h>

static const char *const titles[] = { "NAME", "WEIGHT", "TEXT", NULL };
static const char *const no_titles[] = { "", "", NULL };

static void
test_columns_are_aligned (void)
{
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (titles);
  g_autofree char *text = NULL;

  aip_ctl_table_align_right (table, 1);
  aip_ctl_table_add (table, "a");
  aip_ctl_table_add (table, "1");
  aip_ctl_table_add (table, "first");
  aip_ctl_table_add (table, "longer-name");
  aip_ctl_table_add (table, "1000");
  aip_ctl_table_add (table, "");
  text = aip_ctl_table_format (table, FALSE);
  g_assert_cmpuint (aip_ctl_table_count (table), ==, 2);
  g_assert_cmpstr (text, ==,
                   "NAME         WEIGHT  TEXT\n"
                   "a                 1  first\n"
                   "longer-name    1000\n");
}

static void
test_empty_cells_leave_no_blanks_behind (void)
{
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (titles);
  g_autofree char *text = NULL;

  aip_ctl_table_align_right (table, 1);
  aip_ctl_table_add (table, "");
  aip_ctl_table_add (table, "");
  aip_ctl_table_add (table, "");
  aip_ctl_table_add (table, "");
  aip_ctl_table_add (table, "");
  aip_ctl_table_add (table, "x");
  text = aip_ctl_table_format (table, FALSE);
  g_assert_cmpstr (text, ==, "NAME  WEIGHT  TEXT\n\n              x\n");
}

static void
test_wide_and_narrow_characters (void)
{
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (no_titles);
  g_autofree char *text = NULL;

  aip_ctl_table_add (table, "模型"); /* two columns each */
  aip_ctl_table_add (table, "x");
  aip_ctl_table_add (table, "abcd");
  aip_ctl_table_add (table, "x");
  aip_ctl_table_add (table, "e\xcc\x81"); /* a combining accent takes none */
  aip_ctl_table_add (table, "x");
  text = aip_ctl_table_format (table, FALSE);
  g_assert_cmpstr (text, ==, "模型  x\nabcd  x\ne\xcc\x81     x\n");
  g_assert_cmpuint (aip_ctl_print_width ("模型"), ==, 4);
}

static void
test_styles_take_no_width (void)
{
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (no_titles);
  g_autofree char *plain = NULL;
  g_autofree char *coloured = NULL;

  aip_ctl_table_add_styled (table, "ok", AIP_CTL_STYLE_GOOD);
  aip_ctl_table_add (table, "x");
  aip_ctl_table_add_styled (table, "failed", AIP_CTL_STYLE_BAD);
  aip_ctl_table_add (table, "y");
  plain = aip_ctl_table_format (table, FALSE);
  coloured = aip_ctl_table_format (table, TRUE);
  g_assert_cmpstr (plain, ==, "ok      x\nfailed  y\n");
  g_assert_cmpstr (coloured, ==, "\033[32mok\033[0m      x\n\033[31mfailed\033[0m  y\n");
}

static void
test_what_a_terminal_would_obey_is_spelled_out (void)
{
  static const char *const cases[][2] = {
    { "plain text", "plain text" },
    { "a\033[2Jb", "a\\u{1b}[2Jb" },
    { "line\nbreak\r\t", "line\\u{a}break\\u{d}\\u{9}" },
    { "\xc2\x9b", "\\u{9b}" },
    { "\xe2\x80\xae", "\\u{202e}" },
    { "ünïcode 模", "ünïcode 模" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GString) out = g_string_new (NULL);

      aip_ctl_print_append (out, cases[i][0]);
      g_assert_cmpstr (out->str, ==, cases[i][1]);
    }
}

static void
test_broken_text (void)
{
  g_autoptr (GString) out = g_string_new (NULL);

  aip_ctl_print_append (out, "a\xff\xfe");
  g_assert_true (g_utf8_validate (out->str, -1, NULL));
  g_assert_true (g_str_has_prefix (out->str, "a"));
}

static void
test_durations (void)
{
  static const struct
  {
    gint64 us;
    const char *text;
  } cases[] = {
    { -1, "-" },
    { 0, "0 us" },
    { 999, "999 us" },
    { 1000, "1 ms" },
    { 999999, "999 ms" },
    { G_USEC_PER_SEC, "1.0 s" },
    { 61 * G_USEC_PER_SEC, "1 m 1 s" },
    { G_GINT64_CONSTANT (3661) * G_USEC_PER_SEC, "1 h 1 m" },
    { G_GINT64_CONSTANT (90000) * G_USEC_PER_SEC, "1 d 1 h" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = aip_ctl_print_duration (cases[i].us);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ctl/table/aligned", test_columns_are_aligned);
  g_test_add_func ("/ctl/table/empty-cells", test_empty_cells_leave_no_blanks_behind);
  g_test_add_func ("/ctl/table/wide-characters", test_wide_and_narrow_characters);
  g_test_add_func ("/ctl/table/styles", test_styles_take_no_width);
  g_test_add_func ("/ctl/print/control-characters", test_what_a_terminal_would_obey_is_spelled_out);
  g_test_add_func ("/ctl/print/broken-text", test_broken_text);
  g_test_add_func ("/ctl/print/durations", test_durations);
  return g_test_run ();
}
