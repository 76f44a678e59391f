/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ascii"

#include "base/aip-ascii.h"

static const guint8 token_chars[256] = {
  ['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['0' ... '9'] = 1, ['!'] = 1, ['#'] = 1, ['$'] = 1,
  ['%'] = 1,         ['&'] = 1,         ['\''] = 1,        ['*'] = 1, ['+'] = 1, ['-'] = 1,
  ['.'] = 1,         ['^'] = 1,         ['_'] = 1,         ['`'] = 1, ['|'] = 1, ['~'] = 1,
};

/**
 * aip_ascii_is_token:
 * @text: any bytes
 * @length: how many
 *
 * Returns: whether they are a token: RFC 9110 5.6.2
 */
gboolean
aip_ascii_is_token (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (token_chars[(guchar) text[i]] == 0)
      return FALSE;
  return length > 0;
}

/**
 * aip_ascii_has_control:
 * @text: any bytes
 * @length: how many
 *
 * Returns: whether one of them may not stand in a header's value: a control character other than a tab (RFC
 * 9110 5.5)
 */
gboolean
aip_ascii_has_control (const char *text, gsize length)
{
  guint found = 0;

  /* All of them, without a way out: so compilers look at many bytes at once. */
  for (gsize i = 0; i < length; i++)
    {
      guchar c = (guchar) text[i];

      found |= (guint) (c < 0x20) & (guint) (c != '\t');
      found |= (guint) (c == 0x7f);
    }
  return found != 0;
}
