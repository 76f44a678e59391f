/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include <string.h>

#include "base/aip-error.h"
#include "base/aip-json-peek.h"
#include "fuzz.h"
#include "wire/aip-builtin.h"
#include "wire/aip-models-json.h"
#include "wire/aip-protocol.h"
#include "wire/aip-usage-scan.h"

static const char *const endpoints[] = { "chat/completions", "chat/completions/stream", "completions",
                                         "embeddings" };

static char *
join (const AipBuiltinAnswer *answer, gsize *length)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < answer->parts->len; i++)
    {
      GBytes *part = g_ptr_array_index (answer->parts, i);

      g_assert_cmpuint (g_bytes_get_size (part), >, 0);
      g_string_append_len (text, g_bytes_get_data (part, NULL), (gssize) g_bytes_get_size (part));
    }
  *length = text->len;
  return g_string_free (text, FALSE);
}

/* What the model says is well-formed, and a stream ends properly unless it is cut on purpose. */
static void
check_answer (const AipBuiltinAnswer *answer)
{
  gboolean stream = g_str_equal (answer->content_type, "text/event-stream");
  gsize length;
  g_autofree char *text = join (answer, &length);
  AipUsageScan scan;

  g_assert_true (answer->status == 200 || (answer->status >= 400 && answer->status <= 599));
  if (!answer->cut)
    g_assert_true (g_utf8_validate_len (text, length, NULL));
  if (!answer->cut && !stream)
    g_assert_true (aip_json_peek (text, length, NULL, 0, NULL));
  if (!stream)
    return;
  aip_usage_scan_init (&scan, AIP_PROTOCOL_OPENAI, TRUE);
  aip_usage_scan_feed (&scan, text, length);
  g_assert_cmpint (aip_usage_scan_saw_end (&scan), !=, answer->cut);
}

static void
check_model_list (const char *text, gsize length)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) ids = aip_models_parse_list (text, length, &error);

  if (ids == NULL)
    {
      g_assert_error (error, AIP_ERROR, AIP_ERROR_PROTOCOL);
      return;
    }
  g_assert_no_error (error);
  for (char **id = ids; *id != NULL; id++)
    {
      g_assert_cmpuint (strlen (*id), >, 0);
      g_assert_cmpuint (strlen (*id), <=, 256);
      g_assert_true (g_utf8_validate (*id, -1, NULL));
    }
}

static void
check_errors (const char *text, gsize length)
{
  g_autofree char *message = g_strndup (text, length);
  const AipFailure failure = { .status = 400 + (guint) (length % 200), .code = message, .message = message };

  for (guint protocol = 0; protocol < AIP_N_PROTOCOLS; protocol++)
    {
      g_autofree char *error = aip_protocol_format_error (protocol, &failure);

      g_assert_true (aip_json_peek (error, strlen (error), NULL, 0, NULL));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) body = g_bytes_new (data, size);

  for (gsize i = 0; i < G_N_ELEMENTS (endpoints); i++)
    {
      g_autoptr (AipBuiltinAnswer) answer = aip_builtin_answer ("POST", endpoints[i], body, 1700000000);

      check_answer (answer);
    }
  check_model_list ((const char *) data, size);
  check_errors ((const char *) data, size);
  return 0;
}
