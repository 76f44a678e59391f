/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-number"

#include "server/aip-number.h"

/**
 * aip_number_append:
 * @out: text, added to
 * @number: a number
 * @base: 10 or 16
 *
 * Writes a number as each answer needs several of; printf () takes ten times as long.
 */
void
aip_number_append (GString *out, guint64 number, guint base)
{
  char digits[20];
  int n = G_N_ELEMENTS (digits);

  do
    digits[--n] = "0123456789abcdef"[number % base];
  while ((number /= base) > 0);
  g_string_append_len (out, digits + n, G_N_ELEMENTS (digits) - n);
}
