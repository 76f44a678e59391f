/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-print"

#include "ctl/aip-ctl-print.h"

#include <string.h>
#include <unistd.h>

static const char *const style_codes[] = {
  [AIP_CTL_STYLE_PLAIN] = "",        [AIP_CTL_STYLE_BOLD] = "\033[1m",     [AIP_CTL_STYLE_DIM] = "\033[2m",
  [AIP_CTL_STYLE_GOOD] = "\033[32m", [AIP_CTL_STYLE_WARNING] = "\033[33m", [AIP_CTL_STYLE_BAD] = "\033[31m",
};

G_STATIC_ASSERT (G_N_ELEMENTS (style_codes) == AIP_CTL_N_STYLES);

/**
 * aip_ctl_print_wants_colour:
 * @fd: where output goes
 *
 * Returns: whether it is a terminal that shows colours, and NO_COLOR does not forbid them
 */
gboolean
aip_ctl_print_wants_colour (int fd)
{
  const char *no_colour = g_getenv ("NO_COLOR");
  const char *term = g_getenv ("TERM");

  return isatty (fd) && (no_colour == NULL || no_colour[0] == '\0') && term != NULL && term[0] != '\0' &&
         !g_str_equal (term, "dumb");
}

/**
 * aip_ctl_print_append:
 * @out: where to append
 * @text: text from anywhere, in UTF-8
 *
 * Appends @text; what is no visible character (control characters, which a terminal would obey) is written as
 * \u{HEX}, so that no name or model can play tricks.
 */
void
aip_ctl_print_append (GString *out, const char *text)
{
  g_autofree char *valid = NULL;

  g_return_if_fail (out != NULL);
  g_return_if_fail (text != NULL);

  valid = g_utf8_make_valid (text, -1);
  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (g_unichar_isprint (c))
        g_string_append_unichar (out, c);
      else
        g_string_append_printf (out, "\\u{%x}", c);
    }
}

/**
 * aip_ctl_print_append_styled:
 * @out: where to append
 * @text: text from anywhere
 * @style: how to show it
 * @colour: whether styles can be shown at all
 *
 * As aip_ctl_print_append (), with a style around it.
 */
void
aip_ctl_print_append_styled (GString *out, const char *text, AipCtlStyle style, gboolean colour)
{
  g_return_if_fail (out != NULL);
  g_return_if_fail (style < AIP_CTL_N_STYLES);

  colour = colour && style != AIP_CTL_STYLE_PLAIN;
  g_string_append (out, colour ? style_codes[style] : "");
  aip_ctl_print_append (out, text);
  g_string_append (out, colour ? "\033[0m" : "");
}

/**
 * aip_ctl_print_width:
 * @text: text as aip_ctl_print_append () leaves it
 *
 * Returns: how many columns of a terminal it takes
 */
gsize
aip_ctl_print_width (const char *text)
{
  gsize width = 0;

  g_return_val_if_fail (text != NULL, 0);

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (!g_unichar_iszerowidth (c))
        width += g_unichar_iswide (c) ? 2 : 1;
    }
  return width;
}

/**
 * aip_ctl_print_append_padding:
 * @out: where to append
 * @width: how many blanks
 */
void
aip_ctl_print_append_padding (GString *out, gsize width)
{
  g_return_if_fail (out != NULL);

  for (gsize i = 0; i < width; i++)
    g_string_append_c (out, ' ');
}

static int
compare_names (const void *a, const void *b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/**
 * aip_ctl_print_lookup:
 * @dictionary: (a{sv})
 * @key: a key
 *
 * Returns: (transfer none): the text there; "" where there is none
 */
const char *
aip_ctl_print_lookup (GVariant *dictionary, const char *key)
{
  const char *text = "";

  g_return_val_if_fail (dictionary != NULL, "");
  g_return_val_if_fail (key != NULL, "");

  (void) g_variant_lookup (dictionary, key, "&s", &text);
  return text;
}

/**
 * aip_ctl_print_sort_names:
 * @dictionary: (a{sv})
 *
 * Returns: (transfer full) (element-type utf8): its keys by the alphabet, so that output is stable whatever
 * the bus does. They are copies: looking something up in a dictionary may move its keys.
 */
GPtrArray *
aip_ctl_print_sort_names (GVariant *dictionary)
{
  GPtrArray *names;
  GVariantIter iter;
  char *name;

  g_return_val_if_fail (dictionary != NULL, NULL);

  names = g_ptr_array_new_with_free_func (g_free);
  g_variant_iter_init (&iter, dictionary);
  while (g_variant_iter_next (&iter, "{sv}", &name, NULL))
    g_ptr_array_add (names, name);
  g_ptr_array_sort (names, compare_names);
  return names;
}

/**
 * aip_ctl_print_value:
 * @value: a value of a property or a result
 *
 * Returns: (transfer full): how people write it: yes or no, numbers, texts, lists with ", " between
 */
char *
aip_ctl_print_value (GVariant *value)
{
  g_return_val_if_fail (value != NULL, NULL);

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    return g_strdup (g_variant_get_boolean (value) ? "yes" : "no");
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return g_variant_dup_string (value, NULL);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    {
      g_autofree const char **items = g_variant_get_strv (value, NULL);

      return g_strjoinv (", ", (char **) items);
    }
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_DOUBLE))
    return g_strdup_printf ("%g", g_variant_get_double (value));
  return g_variant_print (value, FALSE);
}

/**
 * aip_ctl_print_duration:
 * @us: microseconds; negative: unknown
 *
 * Returns: (transfer full): in a unit that fits: "850 us", "12 ms", "1.5 s", "3 m 20 s", "2 d 4 h"
 */
char *
aip_ctl_print_duration (gint64 us)
{
  gint64 s = us / G_USEC_PER_SEC;

  if (us < 0)
    return g_strdup ("-");
  if (us < 1000)
    return g_strdup_printf ("%d us", (int) us);
  if (us < G_USEC_PER_SEC)
    return g_strdup_printf ("%d ms", (int) (us / 1000));
  if (s < 60)
    return g_strdup_printf ("%.1f s", (double) us / G_USEC_PER_SEC);
  if (s < 3600)
    return g_strdup_printf ("%d m %d s", (int) (s / 60), (int) (s % 60));
  if (s < 86400)
    return g_strdup_printf ("%d h %d m", (int) (s / 3600), (int) (s / 60 % 60));
  return g_strdup_printf ("%" G_GINT64_FORMAT " d %d h", s / 86400, (int) (s / 3600 % 24));
}
