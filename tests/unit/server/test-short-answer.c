/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server/aip-short-answer.h"

#include <string.h>

typedef struct
{
  guint status;
  const char *name;
  const char *value;
  const char *data;
  AipShortAnswerResult begun;
  AipShortAnswerResult added;
  AipShortAnswerResult ended;
  const char *body;
} Row;

#define MORE AIP_SHORT_ANSWER_MORE
#define WHOLE AIP_SHORT_ANSWER_WHOLE
#define BROKEN AIP_SHORT_ANSWER_BROKEN
#define LENGTH "content-length"
#define CODING "Transfer-Encoding", "chunked"

static const Row rows[] = {
  { 401, LENGTH, "2", "no", MORE, WHOLE, BROKEN, "no" },
  { 401, LENGTH, "2", "not", MORE, WHOLE, BROKEN, "no" },
  { 401, LENGTH, "3", "no", MORE, MORE, BROKEN, "no" },
  { 401, LENGTH, "0", "", WHOLE, MORE, BROKEN, "" },
  { 401, LENGTH, "-1", "", BROKEN, MORE, WHOLE, "" },
  { 401, LENGTH, "0x2", "", BROKEN, MORE, WHOLE, "" },
  { 401, LENGTH, "65537", "", BROKEN, MORE, BROKEN, "" },
  { 401, LENGTH, "65536", "", MORE, MORE, BROKEN, "" },
  { 204, "X", "y", "", WHOLE, MORE, WHOLE, "" },
  { 304, LENGTH, "5", "", WHOLE, MORE, BROKEN, "" },
  { 401, "X", "y", "no", MORE, MORE, WHOLE, "no" },
  { 401, CODING, "1\r\nn\r\n1\r\no\r\n0\r\n\r\nmore", MORE, WHOLE, BROKEN, "no" },
  { 401, CODING, "1\r\nn\r\n1\r\no", MORE, MORE, BROKEN, "no" },
  { 401, CODING, "zz\r\n", MORE, BROKEN, BROKEN, "" },
};

static AipShortAnswerResult
add (AipShortAnswer *answer, const char *data, gsize step)
{
  AipShortAnswerResult result = MORE;

  for (; *data != '\0' && result == MORE; data += MIN (step, strlen (data)))
    result = aip_short_answer_add (answer, data, MIN (step, strlen (data)));
  return result;
}

static void
test_row (const Row *row, gsize step)
{
  AipShortAnswer answer = { 0 };
  AipHeaderView view = { row->name, strlen (row->name), row->value, strlen (row->value) };

  g_test_message ("%s: %s", row->value, row->data);
  g_assert_cmpint (aip_short_answer_begin (&answer, row->status, &view, 1), ==, row->begun);
  if (row->begun == MORE)
    g_assert_cmpint (add (&answer, row->data, step), ==, row->added);
  g_assert_cmpint (aip_short_answer_end (&answer), ==, row->ended);
  g_assert_cmpmem (answer.body->data, answer.body->len, row->body, strlen (row->body));
  aip_short_answer_clear (&answer);
}

static void
test_table (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      test_row (&rows[i], G_MAXSIZE);
      test_row (&rows[i], 1);
    }
}

/* The limit holds where no length is told, too. */
static void
test_large (void)
{
  AipShortAnswer answer = { 0 };
  g_autofree char *piece = g_malloc0 (16 * 1024);

  g_assert_cmpint (aip_short_answer_begin (&answer, 401, NULL, 0), ==, MORE);
  for (int i = 0; i < 4; i++)
    g_assert_cmpint (aip_short_answer_add (&answer, piece, 16 * 1024), ==, MORE);
  g_assert_cmpint (aip_short_answer_add (&answer, piece, 1), ==, BROKEN);
  aip_short_answer_clear (&answer);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/short-answer/table", test_table);
  g_test_add_func ("/server/short-answer/large", test_large);

  return g_test_run ();
}
