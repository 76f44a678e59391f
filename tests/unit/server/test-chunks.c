/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server/aip-chunks.h"

#include <string.h>

typedef struct
{
  GString *body;
  AipChunksResult result; /* of the last call */
  gsize used;
  guint64 announced; /* of this chunk, and not come yet */
} Decoded;

static void
decoded_clear (Decoded *self)
{
  g_string_free (self->body, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Decoded, decoded_clear)

/* Feeds one piece; TRUE: more is wanted. */
static gboolean
feed (AipChunks *chunks, Decoded *decoded, const char *data, gsize length)
{
  g_autofree char *copy = g_memdup2 (data, length); /* exact, so that a read too far is seen */
  const char *rest = copy;
  gsize left = length;

  do
    {
      const char *piece = NULL;
      gsize piece_length = 0;

      decoded->result = aip_chunks_next (chunks, &rest, &left, &piece, &piece_length);
      g_assert_cmpuint ((gsize) (rest - copy) + left, ==, length);
      if (decoded->result == AIP_CHUNKS_BEGIN)
        {
          g_assert_cmpuint (decoded->announced, ==, 0);
          decoded->announced = chunks->left;
          g_assert_cmpuint (decoded->announced, >, 0);
        }
      if (decoded->result == AIP_CHUNKS_DATA)
        {
          g_assert_cmpuint (piece_length, >, 0);
          g_assert_cmpuint (piece_length, <=, decoded->announced);
          decoded->announced -= piece_length;
          g_string_append_len (decoded->body, piece, (gssize) piece_length);
        }
    }
  while (decoded->result == AIP_CHUNKS_BEGIN || decoded->result == AIP_CHUNKS_DATA);
  decoded->used += length - left;
  if (decoded->result == AIP_CHUNKS_MORE)
    g_assert_cmpuint (left, ==, 0);
  return decoded->result == AIP_CHUNKS_MORE;
}

/* The first @first bytes at once, then @step at a time. */
static Decoded
decode (const char *text, gsize length, gsize first, gsize step)
{
  Decoded decoded = { .body = g_string_new (NULL), .result = AIP_CHUNKS_MORE };
  AipChunks chunks;
  gsize at = MIN (first, length);

  aip_chunks_init (&chunks);
  if (at > 0 && !feed (&chunks, &decoded, text, at))
    return decoded;
  for (; at < length; at += MIN (step, length - at))
    if (!feed (&chunks, &decoded, text + at, MIN (step, length - at)))
      break;
  return decoded;
}

typedef struct
{
  const char *text;
  AipChunksResult result;
  const char *body;
  gsize behind; /* bytes that are not part of the body */
} Row;

static const Row rows[] = {
  { "0\r\n\r\n", AIP_CHUNKS_END, "", 0 },
  { "000\r\n\r\n", AIP_CHUNKS_END, "", 0 },
  { "5\r\nhello\r\n0\r\n\r\n", AIP_CHUNKS_END, "hello", 0 },
  { "5\r\nhello\r\n0\r\n\r\nGET /", AIP_CHUNKS_END, "hello", 5 },
  { "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", AIP_CHUNKS_END, "abc", 0 },
  { "a\r\n0123456789\r\n0\r\n\r\n", AIP_CHUNKS_END, "0123456789", 0 },
  { "A\r\n0123456789\r\n0\r\n\r\n", AIP_CHUNKS_END, "0123456789", 0 },
  { "010\r\n0123456789abcdef\r\n0\r\n\r\n", AIP_CHUNKS_END, "0123456789abcdef", 0 },
  { "4\r\n\r\n\r\n\r\n0\r\n\r\n", AIP_CHUNKS_END, "\r\n\r\n", 0 },
  { "1;a\r\nb\r\n0;c=d\r\n\r\n", AIP_CHUNKS_END, "b", 0 },
  { "1;\r\nb\r\n0\r\n\r\n", AIP_CHUNKS_END, "b", 0 },
  { "1; a=\"b;c\"\t\r\nb\r\n0\r\n\r\n", AIP_CHUNKS_END, "b", 0 },
  { "0\r\nA: b\r\n\r\n", AIP_CHUNKS_END, "", 0 },
  { "0\r\nA: b\r\nC: d\r\n\r\nX", AIP_CHUNKS_END, "", 1 },

  { "", AIP_CHUNKS_MORE, "", 0 },
  { "5", AIP_CHUNKS_MORE, "", 0 },
  { "5\r", AIP_CHUNKS_MORE, "", 0 },
  { "5\r\n", AIP_CHUNKS_MORE, "", 0 },
  { "5\r\nhel", AIP_CHUNKS_MORE, "hel", 0 },
  { "5\r\nhello", AIP_CHUNKS_MORE, "hello", 0 },
  { "5\r\nhello\r\n", AIP_CHUNKS_MORE, "hello", 0 },
  { "0\r\n", AIP_CHUNKS_MORE, "", 0 },
  { "0\r\n\r", AIP_CHUNKS_MORE, "", 0 },
  { "0\r\nA: b\r\n", AIP_CHUNKS_MORE, "", 0 },

  { "zz\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { " 5\r\nhello\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "5 \r\nhello\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "+5\r\nhello\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "-5\r\nhello\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "0x5\r\nhello\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "5,5\r\nhello\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { ";a\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "5\nhello\n0\n\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "5\r\r\nhello\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "5\rhello\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "5;a\nb\r\nhello\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "5;a\rb\r\nhello\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "5;\001\r\nhello\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "5\r\nhello\n0\r\n\r\n", AIP_CHUNKS_BROKEN, "hello", 0 },
  { "5\r\nhelloX0\r\n\r\n", AIP_CHUNKS_BROKEN, "hello", 0 },
  { "5\r\nhello\rX0\r\n\r\n", AIP_CHUNKS_BROKEN, "hello", 0 },
  { "5\r\nhello0\r\n\r\n", AIP_CHUNKS_BROKEN, "hello", 0 },
  { "0\r\n\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "0\r\n\rX", AIP_CHUNKS_BROKEN, "", 0 },
  { "0\r\nA: b\n\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "0\r\nA: b\rC\r\n\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "0\r\nA: \177\r\n\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "10000000000000000\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "FFFFFFFFFFFFFFFF\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "fffffffffffffff1\r\n", AIP_CHUNKS_BROKEN, "", 0 },
  { "0000000000000000000000000000000000000001\r\na", AIP_CHUNKS_BROKEN, "", 0 },
};

static void
check (const Row *row, gsize first, gsize step)
{
  gsize length = strlen (row->text);
  g_auto (Decoded) decoded = decode (row->text, length, first, step);

  if (decoded.result != row->result)
    g_error ("%d instead of %d at %zu, %zu: %s", decoded.result, row->result, first, step, row->text);
  g_assert_cmpstr (decoded.body->str, ==, row->body);
  if (row->result == AIP_CHUNKS_END)
    g_assert_cmpuint (decoded.used, ==, length - row->behind);
}

static void
test_whole (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    check (&rows[i], G_MAXSIZE, 1);
}

static void
test_each_split (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    for (gsize first = 0; first <= strlen (rows[i].text); first++)
      check (&rows[i], first, G_MAXSIZE);
}

static void
test_byte_by_byte (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    check (&rows[i], 0, 1);
}

/* Once it is over or broken it stays so, and takes nothing more. */
static void
test_stays (void)
{
  static const char *const texts[] = { "0\r\n\r\n", "x" };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_auto (Decoded) decoded = { .body = g_string_new (NULL) };
      AipChunks chunks;
      AipChunksResult result;

      aip_chunks_init (&chunks);
      g_assert_false (feed (&chunks, &decoded, texts[i], strlen (texts[i])));
      result = decoded.result;
      decoded.used = 0;
      g_assert_false (feed (&chunks, &decoded, "1\r\na\r\n", 6));
      g_assert_cmpint (decoded.result, ==, result);
      g_assert_cmpuint (decoded.used, ==, 0);
      g_assert_cmpuint (decoded.body->len, ==, 0);
    }
}

/* What is thrown away must not go on for ever, neither in one line nor in many. */
static void
test_bounds (void)
{
  static const struct
  {
    const char *start;
    const char *repeated;
    guint most;
  } bounds[] = {
    { "1;", "a", 16 * 1024 },
    { "0\r\nA: ", "a", 16 * 1024 },
    { "0\r\n", "A: b\r\n", 16 * 1024 },
    { "", "1;abcdefgh\r\nx\r\n", 16 * 1024 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bounds); i++)
    {
      g_autoptr (GString) text = g_string_new (bounds[i].start);

      while (text->len < 8 * bounds[i].most)
        g_string_append (text, bounds[i].repeated);
      g_auto (Decoded) decoded = decode (text->str, text->len, G_MAXSIZE, 1);
      g_assert_cmpint (decoded.result, ==, AIP_CHUNKS_BROKEN);
    }
}

/* Data has no bound here: many chunks, and a chunk of the largest size that can be said. */
static void
test_large (void)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (int i = 0; i < 10000; i++)
    g_string_append (text, "3\r\nabc\r\n");
  g_string_append (text, "0\r\n\r\n");
  g_auto (Decoded) many = decode (text->str, text->len, 0, 1000);
  g_assert_cmpint (many.result, ==, AIP_CHUNKS_END);
  g_assert_cmpuint (many.body->len, ==, 30000);

  g_auto (Decoded) one = decode ("fffffffffffffff\r\nabc", 20, G_MAXSIZE, 1);
  g_assert_cmpint (one.result, ==, AIP_CHUNKS_MORE);
  g_assert_cmpstr (one.body->str, ==, "abc");
}

static void
test_binary (void)
{
  static const char text[] = "4\r\n\0\xff\n\r\r\n0\r\n\r\n";
  g_auto (Decoded) decoded = decode (text, sizeof text - 1, 0, 1);

  g_assert_cmpint (decoded.result, ==, AIP_CHUNKS_END);
  g_assert_cmpmem (decoded.body->str, decoded.body->len, "\0\xff\n\r", 4);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/chunks/whole", test_whole);
  g_test_add_func ("/server/chunks/each-split", test_each_split);
  g_test_add_func ("/server/chunks/byte-by-byte", test_byte_by_byte);
  g_test_add_func ("/server/chunks/stays", test_stays);
  g_test_add_func ("/server/chunks/bounds", test_bounds);
  g_test_add_func ("/server/chunks/large", test_large);
  g_test_add_func ("/server/chunks/binary", test_binary);

  return g_test_run ();
}
