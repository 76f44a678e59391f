/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

/* Names of headers and media types, in any case: RFC 9110 5.1. Here, as each request makes hundreds of such
 * comparisons, and nearly all end with the length, which compilers know of what is written out. */

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
  return length == strlen (other) && aip_ascii_has_prefix (text, length, other);
}

/**
 * AipAsciiName: letters in any case, or other ASCII, for tables that are searched often
 */
typedef struct
{
  const char *text;
  gsize length;
} AipAsciiName;

#define AIP_ASCII_NAME(text)                                                                                 \
  {                                                                                                          \
    (text), sizeof (text) - 1                                                                                \
  }

/**
 * aip_ascii_is:
 * @text: any bytes
 * @length: how many
 * @name: a name
 *
 * Returns: whether @text is @name, but for the case of letters, whatever the locale
 */
static inline gboolean
aip_ascii_is (const char *text, gsize length, const AipAsciiName *name)
{
  return length == name->length && aip_ascii_has_prefix (text, length, name->text);
}

gboolean aip_ascii_is_token (const char *text, gsize length);
gboolean aip_ascii_has_control (const char *text, gsize length);

G_END_DECLS
