/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include "server/aip-chunks.h"

#include "fuzz.h"

/* What came of one way to cut the input: how it ended, where, and the body. */
typedef struct
{
  AipChunksResult result;
  gsize used;
  GString *body;
} Decoded;

/* TRUE: more is wanted. */
static gboolean
feed (AipChunks *chunks, Decoded *decoded, const char *data, gsize length)
{
  const char *rest = data;
  gsize left = length;

  do
    {
      const char *piece = NULL;
      gsize piece_length = 0;
      const char *before = rest;

      decoded->result = aip_chunks_next (chunks, &rest, &left, &piece, &piece_length);
      g_assert_true (rest >= before && (gsize) (rest - data) + left == length);
      if (decoded->result == AIP_CHUNKS_BEGIN)
        g_assert_cmpuint (chunks->left, >, 0);
      if (decoded->result == AIP_CHUNKS_DATA)
        {
          g_assert_true (piece >= before && piece + piece_length <= rest && piece_length > 0);
          g_string_append_len (decoded->body, piece, (gssize) piece_length);
        }
    }
  while (decoded->result == AIP_CHUNKS_BEGIN || decoded->result == AIP_CHUNKS_DATA);

  decoded->used += length - left;
  if (decoded->result == AIP_CHUNKS_MORE)
    g_assert_cmpuint (left, ==, 0);
  return decoded->result == AIP_CHUNKS_MORE;
}

static Decoded
decode (const char *data, gsize length, gsize first, gsize step)
{
  Decoded decoded = { .result = AIP_CHUNKS_MORE, .body = g_string_new (NULL) };
  AipChunks chunks;

  aip_chunks_init (&chunks);
  for (gsize at = 0, n = first; at < length; at += n, n = step)
    {
      n = MIN (n, length - at);
      if (!feed (&chunks, &decoded, data + at, n))
        break;
    }
  return decoded;
}

static void
check_same (const Decoded *whole, Decoded parts)
{
  g_assert_cmpint (parts.result, ==, whole->result);
  g_assert_cmpuint (parts.used, ==, whole->used);
  g_assert_cmpmem (parts.body->str, parts.body->len, whole->body->str, whole->body->len);
  g_string_free (parts.body, TRUE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  Decoded whole = decode (text, size, size, size);

  g_assert_cmpuint (whole.body->len, <=, whole.used);
  check_same (&whole, decode (text, size, 1, 1));
  check_same (&whole, decode (text, size, 1, size));
  check_same (&whole, decode (text, size, MAX (size / 2, 1), size));
  if (size > 0)
    check_same (&whole, decode (text, size, MAX (data[size - 1] % size, 1), MAX (data[0] % 8, 1)));
  g_string_free (whole.body, TRUE);
  return 0;
}
