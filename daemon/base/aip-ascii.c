/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ascii"

#include "base/aip-ascii.h"

#include <string.h>

#define EIGHT_TIMES(byte) (G_GUINT64_CONSTANT (0x0101010101010101) * (byte))

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

/* Whether one of eight bytes is below 0x20 or 0x7f: subtracting takes the highest bit of its byte from below.
 */
static inline gboolean
may_have_control (guint64 eight)
{
  guint64 deletes = eight ^ EIGHT_TIMES (0x7f);
  guint64 below = (eight - EIGHT_TIMES (0x20)) & ~eight;
  guint64 zero = (deletes - EIGHT_TIMES (0x01)) & ~deletes;

  return ((below | zero) & EIGHT_TIMES (0x80)) != 0;
}

static gboolean
any_control (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    {
      guchar c = (guchar) text[i];

      if ((c < 0x20 && c != '\t') || c == 0x7f)
        return TRUE;
    }
  return FALSE;
}

static inline gboolean
any_control_in_eight (const char *text)
{
  guint64 eight;

  memcpy (&eight, text, sizeof eight);
  return may_have_control (eight) && any_control (text, sizeof eight);
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
  if (length < 8)
    return any_control (text, length);
  for (gsize i = 0; i < length - 8; i += 8)
    if (any_control_in_eight (text + i))
      return TRUE;
  return any_control_in_eight (text + length - 8);
}
