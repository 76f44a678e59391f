/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-connection.h"

G_BEGIN_DECLS

/**
 * AipAnswerKind: how much of an upstream's answer has to be seen before the client sees any of it.
 */
typedef enum
{
  AIP_ANSWER_BYTES,  /* the first byte */
  AIP_ANSWER_EVENTS, /* the first event with content; and only whole events are passed on */
  AIP_ANSWER_JSON,   /* all of it, up to a limit, since only then it is known to be JSON */
  AIP_ANSWER_ERROR,  /* all of it, up to a limit, and then somebody's word */
} AipAnswerKind;

/**
 * AipAnswer: an upstream's answer on its way to the client. It is held back until it is known to be one, so
 * that what goes wrong before can be mended unseen. Embed it, zeroed; all fields are private.
 */
typedef struct
{
  AipConnection *connection; /* (not owned) */
  AipAnswerKind kind;
  guint status;
  GString *head;        /* (nullable): not sent yet */
  gint64 length;        /* as announced; -1: unknown */
  GByteArray *held;     /* (nullable) */
  gsize looked;         /* of @held: holds no content */
  gboolean begun;       /* the client has seen of it */
  gboolean in_question; /* it is an error, and somebody has to say what becomes of it */
  gboolean inside;      /* the client has seen the beginning of an event */
} AipAnswer;

void aip_answer_begin (AipAnswer *self,
                       AipConnection *connection,
                       AipAnswerKind kind,
                       guint status,
                       GString *head,
                       gint64 length);
gboolean aip_answer_add (AipAnswer *self, const char *data, gsize length);
gboolean aip_answer_check (const AipAnswer *self, GError **error);
void aip_answer_release (AipAnswer *self);
void aip_answer_end (AipAnswer *self);
void aip_answer_break (AipAnswer *self, const char *event);
gboolean aip_answer_has_begun (const AipAnswer *self);
gboolean aip_answer_is_in_question (const AipAnswer *self);
const char *aip_answer_get_error (const AipAnswer *self, gsize *length);
void aip_answer_hide (AipAnswer *self, const char *text, gsize length);
void aip_answer_clear (AipAnswer *self);

G_END_DECLS
