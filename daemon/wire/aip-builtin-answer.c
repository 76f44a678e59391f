/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-builtin"

#include "wire/aip-builtin-private.h"

#include "wire/aip-protocol.h"

/**
 * aip_builtin_answer_new:
 * @status: HTTP status
 * @content_type: a constant
 *
 * Returns: (transfer full): an answer that has no body yet
 */
AipBuiltinAnswer *
aip_builtin_answer_new (guint status, const char *content_type)
{
  AipBuiltinAnswer *self = g_new0 (AipBuiltinAnswer, 1);

  self->status = status;
  self->content_type = content_type;
  self->parts = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  return self;
}

/**
 * aip_builtin_answer_free:
 * @self: (nullable) (transfer full): an answer
 *
 * Frees it and its parts.
 */
void
aip_builtin_answer_free (AipBuiltinAnswer *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->parts);
  g_free (self);
}

/**
 * aip_builtin_answer_add:
 * @self: an answer
 * @part: (transfer full): the next piece of the body
 *
 * Appends to the body.
 */
void
aip_builtin_answer_add (AipBuiltinAnswer *self, GString *part)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (part != NULL);

  g_ptr_array_add (self->parts, g_string_free_to_bytes (part));
}

/**
 * aip_builtin_answer_new_json:
 * @text: (transfer full): the body
 *
 * Returns: (transfer full): a successful answer
 */
AipBuiltinAnswer *
aip_builtin_answer_new_json (GString *text)
{
  g_return_val_if_fail (text != NULL, NULL);

  AipBuiltinAnswer *self = aip_builtin_answer_new (200, "application/json");

  aip_builtin_answer_add (self, text);
  return self;
}

/**
 * aip_builtin_answer_new_failure:
 * @status: HTTP status
 * @code: (nullable): such as "model_not_found"
 * @param: (nullable): the member of the request that is wrong
 * @message: what is wrong and what to do
 *
 * Returns: (transfer full): an error in OpenAI's shape
 */
AipBuiltinAnswer *
aip_builtin_answer_new_failure (guint status, const char *code, const char *param, const char *message)
{
  const AipFailure failure = { .status = status, .code = code, .param = param, .message = message };
  g_autofree char *text = aip_protocol_format_error (AIP_PROTOCOL_OPENAI, &failure);
  AipBuiltinAnswer *self = aip_builtin_answer_new (status, "application/json");

  aip_builtin_answer_add (self, g_string_new (text));
  return self;
}

/**
 * aip_builtin_answer_halve:
 * @self: an answer of one part
 *
 * Makes it break off in the middle of its body.
 */
void
aip_builtin_answer_halve (AipBuiltinAnswer *self)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (self->parts->len == 1);

  g_autoptr (GBytes) whole = g_ptr_array_steal_index (self->parts, 0);

  g_ptr_array_add (self->parts, g_bytes_new_from_bytes (whole, 0, g_bytes_get_size (whole) / 2));
  self->cut = TRUE;
}
