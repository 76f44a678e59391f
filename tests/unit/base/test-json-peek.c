/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-json-peek.h"

#include <string.h>

#include "base/aip-error.h"

/* A document in a literal may contain NUL. */
#define TEXT(literal) literal, sizeof (literal) - 1

typedef struct
{
  const char *text;
  gsize length;
  gsize offset;
  const char *fault;
} BadCase;

static const char *const good_cases[] = {
  "{}",
  " \t\r\n{ \t\r\n} \t\r\n",
  "{\"\":0}",
  "{\"a\":[]}",
  "{\"a\":[[],{},[{}]]}",
  "{\"a\":-0,\"b\":0.0,\"c\":1e5,\"d\":1E+5,\"e\":1.25e-7,\"f\":10,\"g\":-12.5}",
  "{\"a\":123456789012345678901234567890.123456789e999}",
  "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uFFff\"}",
  "{\"a\":\"\\ud83d\\ude00\\uDBFF\\uDFFF\"}",
  "{\"a\":\"\177\"}",
  "{\"a\":\"\302\200\337\277\340\240\200\355\237\277\356\200\200\357\277\277\"}",
  "{\"a\":\"\360\220\200\200\364\217\277\277\"}",
  "{\"a\":{\"b\":1,\"b\":2}}", /* only the top level is ours to judge */
  "{\"a\":1,\"A\":2,\"a \":3,\"\\u0061b\":4}",
};

static const BadCase bad_cases[] = {
  /* The frame */
  { TEXT (""), 0, "the document is empty; an object is expected" },
  { TEXT (" \n"), 2, "the document is empty; an object is expected" },
  { TEXT ("[]"), 0, "expected an object" },
  { TEXT ("\"a\""), 0, "expected an object" },
  { TEXT ("null"), 0, "expected an object" },
  { TEXT ("\357\273\277{}"), 0, "expected an object" },
  { TEXT ("\0{}"), 0, "expected an object" },
  { TEXT ("{}{}"), 2, "unexpected bytes after the object" },
  { TEXT ("{} x"), 3, "unexpected bytes after the object" },
  { TEXT ("{}\0"), 2, "unexpected bytes after the object" },
  { TEXT ("{\"model\": \"abcd\"} ]"), 18, "unexpected bytes after the object" },

  /* Members */
  { TEXT ("{"), 1, "the text ends before the object does" },
  { TEXT ("{\"a\""), 4, "expected ':' after the member's name" },
  { TEXT ("{\"a\":1,\"stream\"} x"), 15, "expected ':' after the member's name" },
  { TEXT ("{\"a\" 1}"), 5, "expected ':' after the member's name" },
  { TEXT ("{\"a\":"), 5, "the text ends before the object does" },
  { TEXT ("{\"a\":}"), 5, "expected a value" },
  { TEXT ("{\"a\":1"), 6, "the text ends before the object does" },
  { TEXT ("{\"a\":1,"), 7, "the text ends before the object does" },
  { TEXT ("{\"a\":1,}"), 7, "expected a member's name in double quotes" },
  { TEXT ("{,}"), 1, "expected a member's name in double quotes" },
  { TEXT ("{a:1}"), 1, "expected a member's name in double quotes" },
  { TEXT ("{'a':1}"), 1, "expected a member's name in double quotes" },
  { TEXT ("{1:1}"), 1, "expected a member's name in double quotes" },
  { TEXT ("{\"a\":1 \"b\":2}"), 7, "expected ',' or '}' after a member" },
  { TEXT ("{\"a\":1]"), 6, "expected ',' or '}' after a member" },
  { TEXT ("{\"a\":1}}"), 7, "unexpected bytes after the object" },
  { TEXT ("{\"a\":{}"), 7, "the text ends before the object does" },
  { TEXT ("{\"a\":{\"b\":1}\r\n"), 14, "the text ends before the object does" },
  { TEXT ("{\"a\":[{}"), 8, "the text ends before the object does" },
  { TEXT ("{\"a\":1,\"a\":2}"), 7, "the member's name is there twice" },
  { TEXT ("{\"model\":1,\"x\":0,\"mod\\u0065l\":2}"), 17, "the member's name is there twice" },
  { TEXT ("{\"\\u0000\":1,\"\\u0000\":2}"), 12, "the member's name is there twice" },
  { TEXT ("{/**/}"), 1, "expected a member's name in double quotes" },

  /* Arrays */
  { TEXT ("{\"a\":[1,]}"), 8, "expected a value" },
  { TEXT ("{\"a\":[,1]}"), 6, "expected a value" },
  { TEXT ("{\"a\":[1 2]}"), 8, "expected ',' or ']' after an element" },
  { TEXT ("{\"a\":[1}"), 7, "expected ',' or ']' after an element" },
  { TEXT ("{\"a\":[]"), 7, "the text ends before the object does" },
  { TEXT ("{\"a\":[1] "), 9, "the text ends before the object does" },
  { TEXT ("{]"), 1, "expected a member's name in double quotes" },
  { TEXT ("{\"a\":[1:2]}"), 7, "expected ',' or ']' after an element" },

  /* Literals and numbers */
  { TEXT ("{\"a\":True}"), 5, "expected a value" },
  { TEXT ("{\"a\":tru}"), 5, "expected a value" },
  { TEXT ("{\"a\":nul"), 5, "expected a value" },
  { TEXT ("{\"a\":truely}"), 9, "expected ',' or '}' after a member" },
  { TEXT ("{\"a\":NaN}"), 5, "expected a value" },
  { TEXT ("{\"a\":Infinity}"), 5, "expected a value" },
  { TEXT ("{\"a\":-Infinity}"), 6, "invalid number" },
  { TEXT ("{\"a\":+1}"), 5, "expected a value" },
  { TEXT ("{\"a\":.5}"), 5, "expected a value" },
  { TEXT ("{\"a\":-}"), 6, "invalid number" },
  { TEXT ("{\"a\":01}"), 6, "invalid number" },
  { TEXT ("{\"a\":-012}"), 7, "invalid number" },
  { TEXT ("{\"a\":1.}"), 7, "invalid number" },
  { TEXT ("{\"a\":1.e5}"), 7, "invalid number" },
  { TEXT ("{\"a\":1e}"), 7, "invalid number" },
  { TEXT ("{\"a\":1e+}"), 8, "invalid number" },
  { TEXT ("{\"a\":0x10}"), 6, "expected ',' or '}' after a member" },
  { TEXT ("{\"a\":1.5.5}"), 8, "expected ',' or '}' after a member" },
  { TEXT ("{\"a\":-"), 6, "invalid number" },

  /* Strings */
  { TEXT ("{\"a\":\""), 6, "the text ends inside a string" },
  { TEXT ("{\"a\":\"abc"), 9, "the text ends inside a string" },
  { TEXT ("{\"a\":\"\\\"}"), 9, "the text ends inside a string" },
  { TEXT ("{\"a\":\"}"), 7, "the text ends inside a string" },
  { TEXT ("{\"a\":\"0123456789abcde}"), 22, "the text ends inside a string" },
  { TEXT ("{\"0123456789abcde}"), 18, "the text ends inside a string" },
  { TEXT ("{\"a\":\"\\"), 6, "the text ends inside a string" },
  { TEXT ("{\"a\":\"b\nc\"}"), 7, "control character in a string" },
  { TEXT ("{\"a\":\"0123456789abcdef\037\"}"), 22, "control character in a string" },
  { TEXT ("{\"a\":\"b\0c\"}"), 7, "NUL byte in a string" },
  { TEXT ("{\"a\tb\":1}"), 3, "control character in a string" },
  { TEXT ("{\"a\":\"\\x41\"}"), 6, "invalid escape in a string" },
  { TEXT ("{\"a\":\"\\\0\"}"), 6, "invalid escape in a string" },
  { TEXT ("{\"a\":\"\\U0041\"}"), 6, "invalid escape in a string" },
  { TEXT ("{\"a\":\"\\u004\"}"), 6, "invalid escape in a string" },
  { TEXT ("{\"a\":\"\\u004g\"}"), 6, "invalid escape in a string" },
  { TEXT ("{\"a\":\"\\u00"), 6, "invalid escape in a string" },
  { TEXT ("{\"a\":\"\\ud800\"}"), 6, "lone surrogate in a string" },
  { TEXT ("{\"a\":\"\\udc00\"}"), 6, "lone surrogate in a string" },
  { TEXT ("{\"a\":\"\\ud800\\ud800\"}"), 6, "lone surrogate in a string" },
  { TEXT ("{\"a\":\"\\udc00\\udc00\"}"), 6, "lone surrogate in a string" },
  { TEXT ("{\"a\":\"\\ud800xudc00\"}"), 6, "lone surrogate in a string" },
  { TEXT ("{\"a\":\"\\ud800\\udc0"), 6, "lone surrogate in a string" },

  /* UTF-8 */
  { TEXT ("{\"a\":\"\200\"}"), 6, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":\"\300\200\"}"), 6, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":\"\301\277\"}"), 6, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":\"\302\"}"), 6, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":\"\340\237\277\"}"), 6, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":\"\355\240\200\"}"), 6, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":\"\344\270\"}"), 6, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":\"\344\270"), 6, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":\"\360\217\277\277\"}"), 6, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":\"\364\220\200\200\"}"), 6, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":\"\365\200\200\200\"}"), 6, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":\"\377\"}"), 6, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":\"\344\270\255\344\270\"}"), 9, "invalid UTF-8 in a string" },
  { TEXT ("{\"\377\":1}"), 2, "invalid UTF-8 in a string" },
  { TEXT ("{\"a\":1,\302\240\"b\":2}"), 7, "expected a member's name in double quotes" },
};

/* Peeks into an exact copy, so that a sanitizer sees each byte read too far. */
static gboolean
peek_copy (const char *text, gsize length, AipJsonMember *members, gsize n_members, GError **error)
{
  g_autofree char *copy = g_memdup2 (text, length);

  return aip_json_peek (copy, length, members, n_members, error);
}

static void
test_good (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good_cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", good_cases[i]);
      g_assert_true (peek_copy (good_cases[i], strlen (good_cases[i]), NULL, 0, &error));
      g_assert_no_error (error);
    }
}

static void
test_bad (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad_cases); i++)
    {
      const BadCase *bad = &bad_cases[i];
      AipJsonMember member = { .name = "a", .type = AIP_JSON_TRUE, .start = 7, .end = 7 };
      g_autoptr (GError) error = NULL;
      g_autofree char *message =
          g_strdup_printf ("invalid JSON at byte %" G_GSIZE_FORMAT ": %s", bad->offset, bad->fault);

      g_test_message ("%u", i);
      g_assert_false (peek_copy (bad->text, bad->length, &member, 1, &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT);
      g_assert_cmpstr (error->message, ==, message);
      g_assert_cmpint (member.type, ==, AIP_JSON_ABSENT);
      g_assert_cmpuint (member.start, ==, 0);
      g_assert_cmpuint (member.end, ==, 0);
    }
}

/* A fault is found wherever in a block of the fast scan it lies. */
static void
test_each_place (void)
{
  static const char *const faults[] = { "\001", "\037", "\\x", "\377", "\342\202" };

  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    for (guint n_before = 0; n_before < 40; n_before++)
      {
        g_autofree char *before = g_strnfill (n_before, ' ');
        g_autofree char *text = g_strdup_printf ("{\"a\":\"%s%s%40s\"}", before, faults[i], "");
        g_autofree char *place = g_strdup_printf ("byte %u:", n_before + 6);
        g_autoptr (GError) error = NULL;

        g_assert_false (peek_copy (text, strlen (text), NULL, 0, &error));
        g_assert_nonnull (strstr (error->message, place));
      }
}

/* Wherever a document is cut: it is invalid, and nothing behind the cut is read. */
static void
test_each_end (void)
{
  static const char text[] =
      "{\"s\": \"x\\\"y\\ud83d\\ude00\344\270\255\", \"n\": -1.5e+30, \"o\": {\"t\": true, \"f\": [false, "
      "null, {}]},\n"
      "  \"a name longer than a block\" : [[], [1, [2]] , \"a value longer than a block\"], \"z\":0}";

  for (gsize length = 0; length < strlen (text); length++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (peek_copy (text, length, NULL, 0, &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT);
    }

  g_assert_true (peek_copy (text, strlen (text), NULL, 0, NULL));
}

static void
test_check (void)
{
  static const struct
  {
    const char *text;
    const char *fault; /* NULL: none */
  } cases[] = {
    { "{}", NULL },
    { " {\"a\":1,\"a\":[{}]} ", NULL },
    { "[1,[2]]\n", NULL },
    { "\"a\"", NULL },
    { "-1.5e3", NULL },
    { "0", NULL },
    { " true ", NULL },
    { "null", NULL },
    { "", "byte 0: the document is empty; an object is expected" },
    { "12 3", "byte 3: unexpected bytes after the object" },
    { "[]]", "byte 2: unexpected bytes after the object" },
    { "]", "byte 0: expected a value" },
    { "nul", "byte 0: expected a value" },
    { "\"a", "byte 2: the text ends inside a string" },
    { "-", "byte 1: invalid number" },
    { "[[1]", "byte 4: the text ends before the object does" },
    { "[1", "byte 2: the text ends before the object does" },
    { "[1}", "byte 2: expected ',' or ']' after an element" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *copy = g_memdup2 (cases[i].text, strlen (cases[i].text));
      g_autofree char *message = g_strconcat ("invalid JSON at ", cases[i].fault, NULL);
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", cases[i].text);
      g_assert_cmpint (aip_json_check (copy, strlen (cases[i].text), &error), ==, cases[i].fault == NULL);
      if (cases[i].fault == NULL)
        g_assert_no_error (error);
      else
        g_assert_cmpstr (error->message, ==, message);
    }
}

static void
test_members (void)
{
  static const char text[] =
      "{\"s\": \"x\\\"y\", \"n\": -1.5e3, \"t\":true, \"f\" :false, \"z\": null,\n"
      " \"o\": {\"s\": 1, \"q\": []}, \"l\": [ 1, {\"s\": 2} ], \"\\u0065\\ud83d\\ude00\": \"\"}";
  static const struct
  {
    const char *name;
    AipJsonType type;
    const char *value;
  } wanted[] = {
    { "s", AIP_JSON_STRING, "\"x\\\"y\"" },
    { "n", AIP_JSON_NUMBER, "-1.5e3" },
    { "t", AIP_JSON_TRUE, "true" },
    { "f", AIP_JSON_FALSE, "false" },
    { "z", AIP_JSON_NULL, "null" },
    { "o", AIP_JSON_OBJECT, "{\"s\": 1, \"q\": []}" },
    { "l", AIP_JSON_ARRAY, "[ 1, {\"s\": 2} ]" },
    { "e\360\237\230\200", AIP_JSON_STRING, "\"\"" },
    { "q", AIP_JSON_ABSENT, "" },
    { "", AIP_JSON_ABSENT, "" },
  };
  AipJsonMember members[G_N_ELEMENTS (wanted)];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    members[i] = (AipJsonMember){ .name = wanted[i].name };

  g_assert_true (aip_json_peek (text, strlen (text), members, G_N_ELEMENTS (members), &error));
  g_assert_no_error (error);

  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    {
      g_assert_cmpint (members[i].type, ==, wanted[i].type);
      g_assert_cmpmem (text + members[i].start, members[i].end - members[i].start, wanted[i].value,
                       strlen (wanted[i].value));
    }
}

static void
check_depth (guint depth, gboolean valid)
{
  g_autoptr (GString) text = g_string_new ("{\"a\":");
  g_autoptr (GError) error = NULL;

  for (guint i = 1; i < depth; i++)
    g_string_append (text, i % 3 == 0 ? "{\"b\":" : "[");

  g_string_append_c (text, '1');
  for (guint i = depth - 1; i > 0; i--)
    g_string_append_c (text, i % 3 == 0 ? '}' : ']');

  g_string_append_c (text, '}');
  g_assert_cmpint (peek_copy (text->str, text->len, NULL, 0, &error), ==, valid);
  if (!valid)
    g_assert_nonnull (strstr (error->message, "nested too deeply"));
}

static void
test_depth (void)
{
  check_depth (2, TRUE);
  check_depth (63, TRUE);
  check_depth (66, TRUE);
  check_depth (AIP_JSON_MAX_DEPTH, TRUE);
  check_depth (AIP_JSON_MAX_DEPTH + 1, FALSE);
  check_depth (100 * 1000, FALSE);
}

/* @twice: the index of the member whose name the last one has again, or -1 */
static char *
make_members (guint n_members, int twice)
{
  GString *text = g_string_new ("{");

  for (guint i = 0; i + 1 < n_members; i++)
    g_string_append_printf (text, "\"name-%u\":%u,", i, i);

  if (twice < 0)
    g_string_append (text, "\"last\":0}");
  else
    g_string_append_printf (text, "\"n\\u0061me-%d\":0}", twice);

  return g_string_free (text, FALSE);
}

static void
test_many_members (void)
{
  static const guint counts[] = { 2, 3, 31, 32, 33, 500, AIP_JSON_MAX_MEMBERS };

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      g_autofree char *good = make_members (counts[i], -1);
      g_autoptr (GError) error = NULL;

      g_assert_true (aip_json_peek (good, strlen (good), NULL, 0, &error));
      g_assert_no_error (error);

      for (guint twice = 0; twice + 1 < counts[i]; twice += 7)
        {
          g_autofree char *bad = make_members (counts[i], (int) twice);
          g_autofree char *place = g_strdup_printf ("byte %u:", (guint) (strrchr (bad, ',') + 1 - bad));

          g_assert_false (aip_json_peek (bad, strlen (bad), NULL, 0, &error));
          g_assert_nonnull (strstr (error->message, "twice"));
          g_assert_nonnull (strstr (error->message, place));
          g_clear_error (&error);
        }
    }

  g_autofree char *too_many = make_members (AIP_JSON_MAX_MEMBERS + 1, -1);
  g_autoptr (GError) error = NULL;

  g_assert_false (aip_json_peek (too_many, strlen (too_many), NULL, 0, &error));
  g_assert_nonnull (strstr (error->message, "too many members"));
}

static void
test_dup_string (void)
{
  static const struct
  {
    const char *value;
    const char *decoded;
  } cases[] = {
    { "\"\"", "" },
    { "\"gpt-4o\"", "gpt-4o" },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
    { "\"a\\u0041\\u00e9\\u4e2d\\ud83d\\ude00z\"", "aA\303\251\344\270\255\360\237\230\200z" },
    { "\"\\uFFFF\\uDBFF\\uDFFF\"", "\357\277\277\364\217\277\277" },
    { "\"a\\u0000b\"", NULL },
    { "17", NULL },
    { "null", NULL },
    { "[\"a\"]", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf ("{\"x\":0,\"model\":%s}", cases[i].value);
      AipJsonMember member = { .name = "model" };

      g_assert_true (aip_json_peek (text, strlen (text), &member, 1, NULL));
      g_autofree char *decoded = aip_json_member_dup_string (text, &member);
      g_assert_cmpstr (decoded, ==, cases[i].decoded);
    }

  AipJsonMember absent = { .name = "model" };
  g_assert_null (aip_json_member_dup_string ("{}", &absent));
}

static void
test_replace (void)
{
  static const char text[] = "{ \"n\": 1.0 ,\"model\" : \"gpt-4o\\n\",\"x\":[ ]}\n";
  static const struct
  {
    const char *value;
    const char *result;
  } cases[] = {
    { "", "{ \"n\": 1.0 ,\"model\" : \"\",\"x\":[ ]}\n" },
    { "a\"b\\c\n\001\344\270\255",
      "{ \"n\": 1.0 ,\"model\" : \"a\\\"b\\\\c\\n\\u0001\344\270\255\",\"x\":[ ]}\n" },
    { "a-much-longer-name-than-the-one-before",
      "{ \"n\": 1.0 ,\"model\" : \"a-much-longer-name-than-the-one-before\",\"x\":[ ]}\n" },
  };
  g_autoptr (GBytes) document = g_bytes_new_static (text, strlen (text));
  AipJsonMember member = { .name = "model" };

  g_assert_true (aip_json_peek (text, strlen (text), &member, 1, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GBytes) result = aip_json_replace_string (document, &member, cases[i].value);

      g_assert_cmpmem (g_bytes_get_data (result, NULL), g_bytes_get_size (result), cases[i].result,
                       strlen (cases[i].result));
    }
}

static void
test_append (void)
{
  static const struct
  {
    const char *value;
    gssize length;
    const char *string;
  } cases[] = {
    { NULL, 0, "\"\"" },
    { "", -1, "\"\"" },
    { "abc", 2, "\"ab\"" },
    { "a\0b", 3, "\"a\\u0000b\"" },
    { "\"\\/\b\f\n\r\t\037\177", -1, "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u001f\177\"" },
    { "\344\270\255\360\237\230\200", -1, "\"\344\270\255\360\237\230\200\"" },
    { "a\377b", -1, "\"a\357\277\275b\"" },
    { "\344\270", -1, "\"\357\277\275\357\277\275\"" },
    { "\344\270\255\200\344\270\255", -1, "\"\344\270\255\357\277\275\344\270\255\"" },
    { "\355\240\200", -1, "\"\357\277\275\357\277\275\357\277\275\"" },
    { "0123456789abcdef0123456789\nabcdef", -1, "\"0123456789abcdef0123456789\\nabcdef\"" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GString) out = g_string_new ("x=");
      g_autofree char *expected = g_strconcat ("x=", cases[i].string, NULL);

      aip_json_append_string (out, cases[i].value, cases[i].length);
      g_assert_cmpstr (out->str, ==, expected);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/json-peek/good", test_good);
  g_test_add_func ("/base/json-peek/bad", test_bad);
  g_test_add_func ("/base/json-peek/each-place", test_each_place);
  g_test_add_func ("/base/json-peek/each-end", test_each_end);
  g_test_add_func ("/base/json-peek/check", test_check);
  g_test_add_func ("/base/json-peek/members", test_members);
  g_test_add_func ("/base/json-peek/depth", test_depth);
  g_test_add_func ("/base/json-peek/many-members", test_many_members);
  g_test_add_func ("/base/json-peek/dup-string", test_dup_string);
  g_test_add_func ("/base/json-peek/replace", test_replace);
  g_test_add_func ("/base/json-peek/append", test_append);

  return g_test_run ();
}
