/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Names of headers and media types, in any case: RFC 9110 5.1. Here, as each request makes hundreds of such
 * comparisons, and nearly all end with the first byte. */

static inline gboolean
aip_ascii_same (char a, char b)
{
  guchar folded = (guchar) a | 0x20;

  return a == b || ((a ^ b) == 0x20 && folded >= 'a' && folded <= 'z');
}

/**
 * aip_ascii_has_prefix:
 * @text: any bytes
 * @length: how many; G_MAXSIZE: up to a NUL
 * @prefix: letters in any case, or other ASCII
 *
 * Returns: whether @text begins with @prefix, but for the case of letters, whatever the locale
 */
static inline gboolean
aip_ascii_has_prefix (const char *text, gsize length, const char *prefix)
{
  gsize i = 0;

  while (prefix[i] != '\0')
    {
      if (i == length || !aip_ascii_same (text[i], prefix[i]))
        return FALSE;
      i++;
    }
  return TRUE;
}

/**
 * aip_ascii_equal:
 * @text: any bytes
 * @length: how many
 * @other: letters in any case, or other ASCII
 *
 * Returns: whether @text is @other, but for the case of letters, whatever the locale
 */
static inline gboolean
aip_ascii_equal (const char *text, gsize length, const char *other)
{
  gsize i = 0;

  while (i < length && other[i] != '\0' && aip_ascii_same (text[i], other[i]))
    i++;
  return i == length && other[i] == '\0';
}

gboolean aip_ascii_is_token (const char *text, gsize length);
gboolean aip_ascii_has_control (const char *text, gsize length);

G_END_DECLS
