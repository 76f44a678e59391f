/* SPDX-License-Identifier: MIT */
#include "wire-test.h"

/* Returns: (transfer full): the vector of one input, from JSON numbers */
static GArray *
get_vector (const char *text, guint index)
{
  g_autoptr (JsonNode) root = parse (text);
  JsonArray *data = json_object_get_array_member (json_node_get_object (root), "data");
  JsonArray *numbers =
      json_object_get_array_member (json_array_get_object_element (data, index), "embedding");
  GArray *vector = g_array_new (FALSE, FALSE, sizeof (float));

  for (guint i = 0; i < json_array_get_length (numbers); i++)
    {
      float value = (float) json_array_get_double_element (numbers, i);

      g_array_append_val (vector, value);
    }
  return vector;
}

static void
assert_unit (GArray *vector)
{
  double sum = 0;

  for (guint i = 0; i < vector->len; i++)
    sum += (double) g_array_index (vector, float, i) * g_array_index (vector, float, i);
  g_assert_cmpfloat_with_epsilon (sum, 1.0, 1e-5);
}

static gboolean
same (GArray *a, GArray *b)
{
  return a->len == b->len && memcmp (a->data, b->data, a->len * sizeof (float)) == 0;
}

static void
test_floats (void)
{
  g_autoptr (AipBuiltinAnswer) answer =
      post ("embeddings", "{\"model\":\"echo-embedding\",\"input\":[\"one two\",\"three\",\"one two\"]}");
  g_autofree char *text = join (answer);

  g_assert_cmpuint (answer->status, ==, 200);
  assert_query (text, "$.object", "[\"list\"]");
  assert_query (text, "$.model", "[\"echo-embedding\"]");
  assert_query (text, "$.data[*].index", "[0,1,2]");
  assert_query (text, "$.data[0].object", "[\"embedding\"]");
  assert_query (text, "$.usage", "[{\"prompt_tokens\":5,\"total_tokens\":5}]");

  g_autoptr (GArray) first = get_vector (text, 0);
  g_autoptr (GArray) second = get_vector (text, 1);
  g_autoptr (GArray) third = get_vector (text, 2);

  g_assert_cmpuint (first->len, ==, 256);
  assert_unit (first);
  assert_unit (second);
  g_assert_true (same (first, third));
  g_assert_false (same (first, second));
}

/* Written down once: the same on any machine and in any version. */
static void
test_stable (void)
{
  g_autoptr (AipBuiltinAnswer) answer =
      post ("embeddings", "{\"model\":\"echo\",\"input\":\"x\",\"dimensions\":3}");
  g_autofree char *text = join (answer);

  g_assert_nonnull (strstr (text, "\"embedding\":[-0.478990585,0.574997425,0.663284242]}"));
}

static void
test_base64 (void)
{
  g_autoptr (AipBuiltinAnswer) floats =
      post ("embeddings", "{\"model\":\"echo\",\"input\":\"x\",\"dimensions\":9}");
  g_autoptr (AipBuiltinAnswer) coded = post (
      "embeddings", "{\"model\":\"echo\",\"input\":\"x\",\"dimensions\":9,\"encoding_format\":\"base64\"}");
  g_autofree char *floats_text = join (floats);
  g_autofree char *coded_text = join (coded);
  g_autoptr (GArray) vector = get_vector (floats_text, 0);
  g_autoptr (JsonNode) root = parse (coded_text);
  g_autofree char *found = query (root, "$.data[0].embedding");
  gsize length;
  g_autofree guchar *bytes = NULL;

  found[strlen (found) - 2] = '\0';
  bytes = g_base64_decode (found + 2, &length);
  g_assert_cmpuint (length, ==, 36);
  for (guint i = 0; i < 9; i++)
    {
      guint32 bits = bytes[4 * i] | (guint32) bytes[4 * i + 1] << 8 | (guint32) bytes[4 * i + 2] << 16 |
                     (guint32) bytes[4 * i + 3] << 24;
      float value;

      memcpy (&value, &bits, sizeof value);
      g_assert_cmpfloat (value, ==, g_array_index (vector, float, i));
    }
}

static void
test_inputs (void)
{
  static const struct
  {
    const char *input;
    guint n;
    const char *n_tokens;
  } rows[] = {
    { "\"a b c\"", 1, "[3]" },   { "[\"a\"]", 1, "[1]" },     { "[1,2,3,4]", 1, "[4]" },
    { "[[1,2],[3]]", 2, "[3]" }, { "[\"a\",[3]]", 2, "[2]" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *body =
          g_strdup_printf ("{\"model\":\"echo\",\"dimensions\":1,\"input\":%s}", rows[i].input);
      g_autoptr (AipBuiltinAnswer) answer = post ("embeddings", body);
      g_autofree char *text = join (answer);
      g_autoptr (GArray) last = get_vector (text, rows[i].n - 1);

      g_test_message ("%s", body);
      assert_query (text, "$.usage.total_tokens", rows[i].n_tokens);
      g_assert_cmpuint (last->len, ==, 1);
      assert_unit (last);
    }
}

static void
test_dimensions (void)
{
  g_autoptr (AipBuiltinAnswer) answer =
      post ("embeddings", "{\"model\":\"echo\",\"input\":\"x\",\"dimensions\":3072}");
  g_autofree char *text = join (answer);
  g_autoptr (GArray) vector = get_vector (text, 0);

  g_assert_cmpuint (vector->len, ==, 3072);
  assert_unit (vector);
  /* Blocks of eight numbers differ from one another. */
  g_assert_cmpint (memcmp (vector->data, vector->data + 32, 32), !=, 0);
  g_assert_cmpint (memcmp (vector->data, vector->data + 256 * 32, 32), !=, 0);
}

static void
test_bad_members (void)
{
  static const struct
  {
    const char *members;
    const char *param;
    const char *code;
  } rows[] = {
    { "\"x\":0", "input", "missing_required_parameter" },
    { "\"input\":null", "input", "missing_required_parameter" },
    { "\"input\":7", "input", "invalid_type" },
    { "\"input\":{}", "input", "invalid_type" },
    { "\"input\":\"\"", "input", "invalid_value" },
    { "\"input\":[]", "input", "empty_array" },
    { "\"input\":[[]]", "input", "empty_array" },
    { "\"input\":[null]", "input", "invalid_type" },
    { "\"input\":[1,\"a\"]", "input", "invalid_type" },
    { "\"input\":[[1.5]]", "input", "invalid_type" },
    { "\"input\":\"x\",\"dimensions\":0", "dimensions", "invalid_value" },
    { "\"input\":\"x\",\"dimensions\":3073", "dimensions", "invalid_value" },
    { "\"input\":\"x\",\"dimensions\":\"3\"", "dimensions", "invalid_type" },
    { "\"input\":\"x\",\"encoding_format\":\"hex\"", "encoding_format", "invalid_value" },
    { "\"input\":\"x\",\"encoding_format\":7", "encoding_format", "invalid_value" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *body = g_strdup_printf ("{\"model\":\"echo\",%s}", rows[i].members);
      g_autoptr (AipBuiltinAnswer) answer = post ("embeddings", body);

      g_test_message ("%s", body);
      assert_failure (answer, 400, rows[i].param, rows[i].code);
    }
}

/* A small request must not ask for an answer of any size. */
static void
test_too_many (void)
{
  g_autoptr (GString) body = g_string_new ("{\"model\":\"echo\",\"dimensions\":3072,\"input\":[\"a\"");

  for (guint i = 1; i < 2048; i++)
    g_string_append (body, ",\"a\"");
  g_string_append (body, "]}");

  g_autoptr (AipBuiltinAnswer) answer = post ("embeddings", body->str);

  assert_failure (answer, 400, "input", "array_above_max_length");
}

static void
test_faults (void)
{
  g_autoptr (AipBuiltinAnswer) cut = post ("embeddings", "{\"model\":\"cut-1\",\"input\":\"x\"}");
  g_autoptr (AipBuiltinAnswer) slow = post ("embeddings", "{\"model\":\"echo-slow\",\"input\":\"x\"}");
  g_autofree char *cut_text = join (cut);
  g_autoptr (JsonNode) node = json_from_string (cut_text, NULL);

  g_assert_true (cut->cut);
  g_assert_null (node);
  g_assert_cmpuint (slow->delay, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/builtin-embeddings/floats", test_floats);
  g_test_add_func ("/wire/builtin-embeddings/stable", test_stable);
  g_test_add_func ("/wire/builtin-embeddings/base64", test_base64);
  g_test_add_func ("/wire/builtin-embeddings/inputs", test_inputs);
  g_test_add_func ("/wire/builtin-embeddings/dimensions", test_dimensions);
  g_test_add_func ("/wire/builtin-embeddings/bad-members", test_bad_members);
  g_test_add_func ("/wire/builtin-embeddings/too-many", test_too_many);
  g_test_add_func ("/wire/builtin-embeddings/faults", test_faults);
  return g_test_run ();
}
