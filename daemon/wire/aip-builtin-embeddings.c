/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-builtin"

#include "wire/aip-builtin-private.h"

#include <math.h>
#include <string.h>

#include "base/aip-json-peek.h"

#define DIMENSIONS_DEFAULT 256
#define DIMENSIONS_MAX 3072
#define INPUTS_MAX 2048
#define FLOATS_MAX (1024 * 1024) /* of one answer: 12 MiB of JSON */
#define DIGEST_SIZE 32

typedef struct
{
  AipBuiltinRequest *request;
  gint64 dimensions;
  gboolean base64;
  guint64 n_tokens;
  GPtrArray *digests; /* (element-type GBytes) one of each input */
} Job;

static GBytes *
digest_of (const char *kind, const char *text)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 digest[DIGEST_SIZE];
  gsize length = sizeof digest;

  g_checksum_update (checksum, (const guchar *) kind, -1);
  g_checksum_update (checksum, (const guchar *) text, -1);
  g_checksum_get_digest (checksum, digest, &length);
  return g_bytes_new (digest, length);
}

static gboolean
add_text (Job *job, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  if (*valid == '\0')
    return aip_builtin_request_fail (job->request, "invalid_value", "input",
                                     "Invalid 'input': a text must not be empty.");
  job->n_tokens += aip_builtin_count_tokens (valid);
  g_ptr_array_add (job->digests, digest_of ("text:", valid));
  return TRUE;
}

static gboolean
is_integer (JsonNode *node)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64;
}

static gboolean
add_token_array (Job *job, JsonArray *tokens)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint n = json_array_get_length (tokens);

  for (guint i = 0; i < n; i++)
    {
      if (!is_integer (json_array_get_element (tokens, i)))
        return aip_builtin_request_fail (job->request, "invalid_type", "input",
                                         "Invalid type in 'input': a token array holds integers only.");
      g_string_append_printf (text, "%" G_GINT64_FORMAT ",", json_array_get_int_element (tokens, i));
    }
  if (n == 0)
    return aip_builtin_request_fail (job->request, "empty_array", "input",
                                     "Invalid 'input': a token array must not be empty.");
  job->n_tokens += n;
  g_ptr_array_add (job->digests, digest_of ("tokens:", text->str));
  return TRUE;
}

static gboolean
add_element (Job *job, JsonNode *node)
{
  const char *text = aip_builtin_node_get_string (node);

  if (text != NULL)
    return add_text (job, text);
  if (JSON_NODE_HOLDS_ARRAY (node))
    return add_token_array (job, json_node_get_array (node));
  return aip_builtin_request_fail (job->request, "invalid_type", "input",
                                   "Invalid type in 'input': expected strings or token arrays.");
}

static gboolean
read_input (Job *job)
{
  JsonNode *node = aip_builtin_request_get (job->request, "input");

  if (node == NULL)
    return aip_builtin_request_fail (job->request, "missing_required_parameter", "input",
                                     "Missing required parameter: 'input'.");
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return add_element (job, node);

  JsonArray *inputs = json_node_get_array (node);
  guint n = json_array_get_length (inputs);

  if (n == 0)
    return aip_builtin_request_fail (job->request, "empty_array", "input",
                                     "Invalid 'input': expected at least one text.");
  if (is_integer (json_array_get_element (inputs, 0)))
    return add_token_array (job, inputs);
  if (n > INPUTS_MAX || n * job->dimensions > FLOATS_MAX)
    return aip_builtin_request_fail (
        job->request, "array_above_max_length", "input",
        "Invalid 'input': %u texts of %d numbers each are more than the built-in "
        "model gives at once. Send at most %d texts and ask for fewer dimensions.",
        n, (int) job->dimensions, INPUTS_MAX);
  for (guint i = 0; i < n; i++)
    {
      if (!add_element (job, json_array_get_element (inputs, i)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_format (Job *job)
{
  JsonNode *node = aip_builtin_request_get (job->request, "encoding_format");
  const char *format = node != NULL ? aip_builtin_node_get_string (node) : "float";

  job->base64 = g_strcmp0 (format, "base64") == 0;
  if (job->base64 || g_strcmp0 (format, "float") == 0)
    return TRUE;
  return aip_builtin_request_fail (job->request, "invalid_value", "encoding_format",
                                   "Invalid value for 'encoding_format': expected \"float\" or \"base64\".");
}

/* A unit vector that depends on nothing but the digest: SHA-256 in counter mode gives eight numbers of 32
 * bits a block, taken as evenly spread over [-1, 1). */
static void
fill_vector (GBytes *digest, float *vector, gsize n)
{
  guint8 block[DIGEST_SIZE];
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    {
      const guint8 *word = block + i % 8 * 4;

      if (i % 8 == 0)
        {
          g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
          const guint8 counter[4] = { i / 8 & 0xff, i / 8 >> 8 & 0xff, 0, 0 };
          gsize length = sizeof block;

          g_checksum_update (checksum, g_bytes_get_data (digest, NULL), DIGEST_SIZE);
          g_checksum_update (checksum, counter, sizeof counter);
          g_checksum_get_digest (checksum, block, &length);
        }
      guint32 bits = word[0] | (guint32) word[1] << 8 | (guint32) word[2] << 16 | (guint32) word[3] << 24;
      vector[i] = (float) (bits / 2147483648.0 - 1.0);
      sum += (double) vector[i] * vector[i];
    }
  for (gsize i = 0; i < n; i++)
    vector[i] = sum > 0 ? (float) (vector[i] / sqrt (sum)) : (i == 0);
}

static void
append_floats (GString *out, const float *vector, gsize n)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_c (out, '[');
  for (gsize i = 0; i < n; i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      g_string_append (out, g_ascii_formatd (text, sizeof text, "%.9g", vector[i]));
    }
  g_string_append_c (out, ']');
}

/* The SDKs read base64 as little-endian float32. */
static void
append_base64 (GString *out, const float *vector, gsize n)
{
  g_autofree guint32 *words = g_new (guint32, n);

  for (gsize i = 0; i < n; i++)
    {
      memcpy (&words[i], &vector[i], sizeof words[i]);
      words[i] = GUINT32_TO_LE (words[i]);
    }
  g_autofree char *text = g_base64_encode ((const guchar *) words, n * sizeof words[0]);
  g_string_append_printf (out, "\"%s\"", text);
}

static GString *
format_vectors (const Job *job)
{
  GString *out = g_string_new ("{\"object\":\"list\",\"data\":[");
  gsize n = (gsize) job->dimensions;
  g_autofree float *vector = g_new (float, n);

  for (guint i = 0; i < job->digests->len; i++)
    {
      fill_vector (g_ptr_array_index (job->digests, i), vector, n);
      g_string_append_printf (out,
                              "%s{\"object\":\"embedding\",\"index\":%u,\"embedding\":", i > 0 ? "," : "", i);
      if (job->base64)
        append_base64 (out, vector, n);
      else
        append_floats (out, vector, n);
      g_string_append_c (out, '}');
    }
  g_string_append (out, "],\"model\":");
  aip_json_append_string (out, job->request->model_name, -1);
  g_string_append_printf (
      out, ",\"usage\":{\"prompt_tokens\":%" G_GUINT64_FORMAT ",\"total_tokens\":%" G_GUINT64_FORMAT "}}",
      job->n_tokens, job->n_tokens);
  return out;
}

/**
 * aip_builtin_answer_embeddings:
 * @request: a request for embeddings
 *
 * Unit vectors that depend on the input alone: the same text gives the same vector, on any machine.
 *
 * Returns: (transfer full) (nullable): the answer, or %NULL with the request's `fault` set
 */
AipBuiltinAnswer *
aip_builtin_answer_embeddings (AipBuiltinRequest *request)
{
  g_return_val_if_fail (request != NULL, NULL);

  g_autoptr (GPtrArray) digests = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  Job job = { .request = request, .dimensions = DIMENSIONS_DEFAULT, .digests = digests };

  if (!read_format (&job) ||
      !aip_builtin_request_get_integer (request, "dimensions", 1, DIMENSIONS_MAX, &job.dimensions) ||
      !read_input (&job))
    return NULL;
  return aip_builtin_answer_new_json (format_vectors (&job));
}
