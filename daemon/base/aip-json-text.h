/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

G_BEGIN_DECLS

/* Private to the JSON peek: the strings of RFC 8259, as they stand in a document. A byte is plain if it is
 * ASCII and stands for itself. What looks for others in a block is here, so that the hot loop of the peek
 * reads a short string without a call. */

#ifdef __SSE2__

#define AIP_JSON_BLOCK 16
#define AIP_JSON_FLAG_BITS 1

/* Flags the bytes of the block at @pos that are not plain. As signed bytes, control characters and bytes from
 * 0x80 are below the blank. */
static inline guint
aip_json_text_find_special (const guchar *pos)
{
  __m128i block = _mm_loadu_si128 ((const __m128i *) pos);
  __m128i quote = _mm_cmpeq_epi8 (block, _mm_set1_epi8 ('"'));
  __m128i backslash = _mm_cmpeq_epi8 (block, _mm_set1_epi8 ('\\'));
  __m128i beyond = _mm_cmpgt_epi8 (_mm_set1_epi8 (' '), block);

  return (guint) _mm_movemask_epi8 (_mm_or_si128 (_mm_or_si128 (quote, backslash), beyond));
}

#else

#define AIP_JSON_BLOCK 8
#define AIP_JSON_FLAG_BITS 8
#define EACH_BYTE(value) (G_GUINT64_CONSTANT (0x0101010101010101) * (value))

/* Flags the bytes of the block at @pos that are not plain. The subtractions borrow only from a byte that they
 * flag, so the first flag is always right. */
static inline guint64
aip_json_text_find_special (const guchar *pos)
{
  guint64 block;

  memcpy (&block, pos, sizeof block);
  block = GUINT64_FROM_LE (block);

  guint64 quote = (block ^ EACH_BYTE ('"')) - EACH_BYTE (1);
  guint64 backslash = (block ^ EACH_BYTE ('\\')) - EACH_BYTE (1);
  guint64 control = block - EACH_BYTE (0x20);

  return (block | quote | backslash | control) & EACH_BYTE (0x80);
}

#endif

/* The index of the first byte flagged; @special is not zero. */
static inline guint
aip_json_text_first_special (guint64 special)
{
  return (guint) __builtin_ctzll (special) / AIP_JSON_FLAG_BITS;
}

const guchar *
aip_json_text_scan (const guchar *pos, const guchar *end, gboolean *escaped, const char **fault);
char *aip_json_text_decode (const char *text, gsize length, gsize *decoded_length);

G_END_DECLS
