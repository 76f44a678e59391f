/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

G_BEGIN_DECLS

/* Private to the JSON peek: the strings of RFC 8259, as they stand in a document. */

static inline gboolean
aip_json_text_is_plain (guchar c)
{
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

#ifdef __SSE2__

#define AIP_JSON_BLOCK 16

/* Which bytes of a block are not plain, one bit each; bytes from 0x80 have their top bit set already. */
static inline guint
aip_json_text_find_special (const guchar *pos)
{
  __m128i block = _mm_loadu_si128 ((const __m128i *) pos);
  __m128i quote = _mm_cmpeq_epi8 (block, _mm_set1_epi8 ('"'));
  __m128i backslash = _mm_cmpeq_epi8 (block, _mm_set1_epi8 ('\\'));
  __m128i control = _mm_cmpeq_epi8 (_mm_min_epu8 (block, _mm_set1_epi8 (0x1f)), block);

  return (guint) _mm_movemask_epi8 (
      _mm_or_si128 (_mm_or_si128 (block, quote), _mm_or_si128 (backslash, control)));
}

#else

#define AIP_JSON_BLOCK 8
#define EACH_BYTE(value) (G_GUINT64_CONSTANT (0x0101010101010101) * (value))

/* Not zero if a byte of a block is not plain. The borrows of the subtractions can only flag a byte too
 * many, and the byte-wise loop of the caller looks again. */
static inline guint64
aip_json_text_find_special (const guchar *pos)
{
  guint64 block;

  memcpy (&block, pos, sizeof block);

  guint64 quote = (block ^ EACH_BYTE ('"')) - EACH_BYTE (1);
  guint64 backslash = (block ^ EACH_BYTE ('\\')) - EACH_BYTE (1);
  guint64 control = block - EACH_BYTE (0x20);

  return (block | quote | backslash | control) & EACH_BYTE (0x80);
}

#endif

/* Here, so that the hot loop of the peek ends a short string without a call. */
static inline const guchar *
aip_json_text_skip_plain (const guchar *pos, const guchar *end)
{
  while (end - pos >= AIP_JSON_BLOCK)
    {
      guint64 special = aip_json_text_find_special (pos);

#ifdef __SSE2__
      if (special != 0)
        return pos + __builtin_ctzll (special);
#else
      if (special != 0)
        break;
#endif

      pos += AIP_JSON_BLOCK;
    }

  while (pos < end && aip_json_text_is_plain (*pos))
    pos++;

  return pos;
}

const guchar *
aip_json_text_scan (const guchar *pos, const guchar *end, gboolean *escaped, const char **fault);
char *aip_json_text_decode (const char *text, gsize length, gsize *decoded_length);

G_END_DECLS
