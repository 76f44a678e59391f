/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipBuiltinAnswer: what the model inside the daemon answers, as a script for whoever plays it.
 * @status: HTTP status
 * @content_type: "application/json" or "text/event-stream"
 * @parts: (element-type GBytes): the body in the pieces in which it leaves
 * @delay: milliseconds before the first part and between parts; 0: at once
 * @cut: the connection breaks after the last part, without a proper end
 */
typedef struct
{
  guint status;
  const char *content_type;
  GPtrArray *parts;
  guint delay;
  gboolean cut;
} AipBuiltinAnswer;

AipBuiltinAnswer *aip_builtin_answer (const char *method, const char *endpoint, GBytes *body, gint64 now_s);
void aip_builtin_answer_free (AipBuiltinAnswer *self);
const char *const *aip_builtin_models (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipBuiltinAnswer, aip_builtin_answer_free)

G_END_DECLS
