/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-json"

#include "base/aip-json-text.h"

#include <string.h>

#include "base/aip-json-peek.h"

static inline gboolean
is_plain (guchar c)
{
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static inline const guchar *
skip_plain (const guchar *pos, const guchar *end)
{
  while (end - pos >= AIP_JSON_BLOCK)
    {
      guint64 special = aip_json_text_find_special (pos);

      if (special != 0)
        return pos + aip_json_text_first_special (special);

      pos += AIP_JSON_BLOCK;
    }

  while (pos < end && is_plain (*pos))
    pos++;

  return pos;
}

static inline gboolean
is_continuation (guchar c)
{
  return (c & 0xc0) == 0x80;
}

/* The three bytes at once: their marks, and from the lead and the second byte whether the sequence is
 * overlong or a surrogate. Most text that is not ASCII comes here. */
static inline gboolean
is_triple (const guchar *pos)
{
  guint32 bytes = pos[0] | (guint32) pos[1] << 8 | (guint32) pos[2] << 16;
  guint32 range = bytes & 0x00200f;

  return (bytes & 0xc0c0f0) == 0x8080e0 && range != 0x000000 && range != 0x00200d;
}

/* The length of the sequence at @pos as in the table of RFC 3629 section 4, or 0 if it is not in there:
 * overlong, a surrogate, above U+10FFFF, or cut. @pos has a byte from 0x80. */
static inline guint
sequence_length (const guchar *pos, const guchar *end)
{
  gsize left = (gsize) (end - pos);
  guchar lead = pos[0];

  if (lead >= 0xe0 && left >= 3 && is_triple (pos))
    return 3;

  if (left >= 2 && lead >= 0xc2 && lead <= 0xdf)
    return is_continuation (pos[1]) ? 2 : 0;

  if (left >= 4 && lead >= 0xf0 && lead <= 0xf4)
    {
      guchar low = lead == 0xf0 ? 0x90 : 0x80;
      guchar high = lead == 0xf4 ? 0x8f : 0xbf;

      return pos[1] >= low && pos[1] <= high && is_continuation (pos[2]) && is_continuation (pos[3]) ? 4 : 0;
    }

  return 0;
}

static const guchar *
scan_sequences (const guchar *pos, const guchar *end, const char **fault)
{
  while (pos < end && *pos >= 0x80)
    {
      guint length = sequence_length (pos, end);

      if (length == 0)
        {
          *fault = "invalid UTF-8 in a string";
          break;
        }

      pos += length;
    }

  return pos;
}

/* The four digits of a \u escape, or -1. */
static gint32
read_hex (const guchar *pos, const guchar *end)
{
  gint32 value = 0;

  if (end - pos < 4)
    return -1;

  for (guint i = 0; i < 4; i++)
    {
      int digit = g_ascii_xdigit_value ((char) pos[i]);

      if (digit < 0)
        return -1;

      value = value * 16 + digit;
    }

  return value;
}

/* The code point of the escape \uXXXX or \uXXXX\uXXXX at @pos and its length; a length of 0: malformed. */
static gunichar
read_unicode_escape (const guchar *pos, const guchar *end, guint *length, const char **fault)
{
  gint32 first = read_hex (pos + 2, end);

  *length = 0;
  *fault = "invalid escape in a string";
  if (first < 0)
    return 0;

  if (first < 0xd800 || first > 0xdfff)
    {
      *length = 6;
      *fault = NULL;
      return (gunichar) first;
    }

  *fault = "lone surrogate in a string";
  if (first > 0xdbff || end - pos < 12 || pos[6] != '\\' || pos[7] != 'u')
    return 0;

  gint32 second = read_hex (pos + 8, end);
  if (second < 0xdc00 || second > 0xdfff)
    return 0;

  *length = 12;
  *fault = NULL;
  return 0x10000 + (((gunichar) first - 0xd800) << 10) + ((gunichar) second - 0xdc00);
}

/* The character for the letter of a two-byte escape, or NUL. */
static char
simple_escape (guchar letter)
{
  static const char values[256] = { ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t' };

  return values[letter];
}

static const guchar *
scan_escape (const guchar *pos, const guchar *end, const char **fault)
{
  guint length = 2;

  if (end - pos < 2)
    *fault = "the text ends inside a string";
  else if (pos[1] == 'u')
    read_unicode_escape (pos, end, &length, fault);
  else if (simple_escape (pos[1]) == '\0')
    *fault = "invalid escape in a string";

  return *fault == NULL ? pos + length : pos;
}

/**
 * aip_json_text_scan:
 * @pos: behind the opening quote of a string
 * @end: the end of the document
 * @escaped: (inout): set to %TRUE if there is an escape, else left alone
 * @fault: (out): what is wrong with the string, or %NULL
 *
 * Checks a string as RFC 8259 section 7 has it, and its UTF-8 as RFC 3629 has it. Escapes of lone
 * surrogates, which RFC 8259 leaves open, are refused.
 *
 * Returns: the place behind the closing quote, or the place of the fault
 */
const guchar *
aip_json_text_scan (const guchar *pos, const guchar *end, gboolean *escaped, const char **fault)
{
  *fault = NULL;

  while (*fault == NULL)
    {
      pos = skip_plain (pos, end);

      if (pos == end)
        *fault = "the text ends inside a string";
      else if (*pos == '"')
        return pos + 1;
      else if (*pos >= 0x80)
        pos = scan_sequences (pos, end, fault);
      else if (*pos == '\\')
        {
          *escaped = TRUE;
          pos = scan_escape (pos, end, fault);
        }
      else
        *fault = *pos == '\0' ? "NUL byte in a string" : "control character in a string";
    }

  return pos;
}

/**
 * aip_json_text_decode:
 * @text: what stands between the quotes of a string that aip_json_text_scan () accepted
 * @length: its length in bytes
 * @decoded_length: (out): length of the result in bytes; it may contain NUL
 *
 * Returns: (transfer full): the string without escapes, with a NUL behind it
 */
char *
aip_json_text_decode (const char *text, gsize length, gsize *decoded_length)
{
  const guchar *pos = (const guchar *) text;
  const guchar *end = pos + length;
  char *decoded = g_malloc (length + 1); /* no escape is shorter than what it stands for */
  char *out = decoded;

  while (pos < end)
    {
      const guchar *backslash = memchr (pos, '\\', (gsize) (end - pos));
      gsize n_plain = (gsize) ((backslash != NULL ? backslash : end) - pos);
      guint n_escape = 2;
      const char *fault = NULL;

      memcpy (out, pos, n_plain);
      out += n_plain;
      pos += n_plain;
      if (backslash == NULL)
        break;

      if (pos[1] == 'u')
        out += g_unichar_to_utf8 (read_unicode_escape (pos, end, &n_escape, &fault), out);
      else
        *out++ = simple_escape (pos[1]);

      g_assert (fault == NULL);
      pos += n_escape;
    }

  *out = '\0';
  *decoded_length = (gsize) (out - decoded);
  return decoded;
}

static void
append_escape (GString *out, guchar c)
{
  switch (c)
    {
    case '"':
    case '\\':
      g_string_append_c (out, '\\');
      g_string_append_c (out, (char) c);
      break;

    case '\n':
      g_string_append (out, "\\n");
      break;

    case '\r':
      g_string_append (out, "\\r");
      break;

    case '\t':
      g_string_append (out, "\\t");
      break;

    default:
      g_string_append_printf (out, "\\u%04x", c);
      break;
    }
}

/**
 * aip_json_append_string:
 * @out: where to append
 * @value: any bytes
 * @length: how many, or -1 when @value ends with NUL
 *
 * Appends a JSON string with its quotes. Each byte that is not part of valid UTF-8 becomes U+FFFD.
 */
void
aip_json_append_string (GString *out, const char *value, gssize length)
{
  g_return_if_fail (out != NULL);
  g_return_if_fail (value != NULL || length == 0);

  const guchar *pos = (const guchar *) value;
  const guchar *end = pos + (length < 0 ? strlen (value) : (gsize) length);

  g_string_append_c (out, '"');
  while (pos < end)
    {
      const char *fault = NULL;
      const guchar *plain = scan_sequences (skip_plain (pos, end), end, &fault);

      g_string_append_len (out, (const char *) pos, plain - pos);
      pos = plain;

      if (pos == end || is_plain (*pos))
        continue;

      if (fault != NULL)
        g_string_append (out, "\357\277\275");
      else
        append_escape (out, *pos);

      pos++;
    }

  g_string_append_c (out, '"');
}
