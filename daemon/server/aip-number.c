/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-number"

#include "server/aip-number.h"

/**
 * aip_number_write:
 * @digits: (out caller-allocates): room for %AIP_NUMBER_SIZE bytes
 * @number: a number
 * @base: 10 or 16
 *
 * Writes a number as each request needs several of; printf () takes ten times as long.
 *
 * Returns: (transfer none): its text, within @digits, with a NUL at their end
 */
const char *
aip_number_write (char digits[AIP_NUMBER_SIZE], guint64 number, guint base)
{
  char *to = digits + AIP_NUMBER_SIZE - 1;

  *to = '\0';
  do
    *--to = "0123456789abcdef"[number % base];
  while ((number /= base) > 0);
  return to;
}

/**
 * aip_number_append:
 * @out: text, added to
 * @number: a number
 * @base: 10 or 16
 */
void
aip_number_append (GString *out, guint64 number, guint base)
{
  char digits[AIP_NUMBER_SIZE];
  const char *text = aip_number_write (digits, number, base);

  g_string_append_len (out, text, digits + sizeof digits - 1 - text);
}
