/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-ascii.h"

#include <string.h>

static void
test_table (void)
{
  static const struct
  {
    const char *text;
    const char *other;
    gboolean equal;
    gboolean prefix;
  } cases[] = {
    { "", "", TRUE, TRUE },
    { "a", "", FALSE, TRUE },
    { "", "a", FALSE, FALSE },
    { "Content-Length", "content-LENGTH", TRUE, TRUE },
    { "Content-Length", "Content-", FALSE, TRUE },
    { "Content", "Content-Length", FALSE, FALSE },
    { "x-ratelimit-limit", "x-rateLimit-", FALSE, TRUE },
    /* Only letters have two cases: these pairs differ in the same bit. */
    { "@", "`", FALSE, FALSE },
    { "[", "{", FALSE, FALSE },
    { "-", "\r", FALSE, FALSE },
    { "\311", "\351", FALSE, FALSE },
    { "K", "\342\204\252", FALSE, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize length = strlen (cases[i].text);

      g_test_message ("\"%s\" and \"%s\"", cases[i].text, cases[i].other);
      g_assert_true (aip_ascii_equal (cases[i].text, length, cases[i].other) == cases[i].equal);
      g_assert_true (aip_ascii_has_prefix (cases[i].text, length, cases[i].other) == cases[i].prefix);
      g_assert_true (aip_ascii_has_prefix (cases[i].text, G_MAXSIZE, cases[i].other) == cases[i].prefix);
    }
}

/* Bytes of the network may hold NUL, and need not end with one. */
static void
test_nul (void)
{
  static const struct
  {
    const char *text;
    gsize length;
    const char *other;
    gboolean equal;
    gboolean prefix;
  } cases[] = {
    { "a\0b", 3, "a", FALSE, TRUE }, { "\0", 1, "", FALSE, TRUE },    { "a\0b", 3, "ab", FALSE, FALSE },
    { "ab", 1, "A", TRUE, TRUE },    { "ab", 1, "AB", FALSE, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("case %" G_GSIZE_FORMAT, i);
      g_assert_true (aip_ascii_equal (cases[i].text, cases[i].length, cases[i].other) == cases[i].equal);
      g_assert_true (aip_ascii_has_prefix (cases[i].text, cases[i].length, cases[i].other) ==
                     cases[i].prefix);
    }
}

/* Each byte in each place of texts of each length. */
static void
test_control (void)
{
  char text[25];

  for (gsize length = 0; length <= sizeof text; length++)
    {
      memset (text, 'x', sizeof text);
      g_assert_false (aip_ascii_has_control (text, length));
      for (gsize i = 0; i < sizeof text; i++)
        {
          for (guint c = 0; c < 256; c++)
            {
              gboolean control = (c < 0x20 && c != '\t') || c == 0x7f;

              text[i] = (char) c;
              g_assert_true (aip_ascii_has_control (text, length) == (control && i < length));
            }
          text[i] = i % 2 == 0 ? '\t' : '\377';
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ascii/table", test_table);
  g_test_add_func ("/ascii/nul", test_nul);
  g_test_add_func ("/ascii/control", test_control);
  return g_test_run ();
}
