/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-builtin"

#include "wire/aip-builtin-private.h"

/**
 * aip_builtin_token_end:
 * @text: valid UTF-8, not empty
 *
 * The built-in model's tokens are words with the white space behind them, so that a text is the sum of its
 * tokens. White space at the very start belongs to the first one.
 *
 * Returns: the end of the first token of @text
 */
const char *
aip_builtin_token_end (const char *text)
{
  while (*text != '\0' && g_unichar_isspace (g_utf8_get_char (text)))
    text = g_utf8_next_char (text);
  while (*text != '\0' && !g_unichar_isspace (g_utf8_get_char (text)))
    text = g_utf8_next_char (text);
  while (*text != '\0' && g_unichar_isspace (g_utf8_get_char (text)))
    text = g_utf8_next_char (text);
  return text;
}

/**
 * aip_builtin_count_tokens:
 * @text: valid UTF-8
 *
 * Returns: how many tokens it has
 */
guint64
aip_builtin_count_tokens (const char *text)
{
  guint64 n = 0;

  for (; *text != '\0'; text = aip_builtin_token_end (text))
    n++;
  return n;
}
