/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-chunks.h"
#include "upstream/aip-transfer.h"

G_BEGIN_DECLS

/**
 * AipShortAnswer: the body of an upstream's answer that did not come by libcurl: found in its framing
 * (RFC 9112, 6.3) and gathered, up to 64 KiB. Embed it, zeroed; all fields but `body` are private.
 */
typedef struct
{
  GByteArray *body; /* (nullable) */
  AipChunks chunks;
  gboolean chunked;
  gint64 length; /* -1: up to the connection's end */
} AipShortAnswer;

typedef enum
{
  AIP_SHORT_ANSWER_MORE,
  AIP_SHORT_ANSWER_WHOLE,
  AIP_SHORT_ANSWER_BROKEN,
} AipShortAnswerResult;

AipShortAnswerResult
aip_short_answer_begin (AipShortAnswer *self, guint status, const AipHeaderView *headers, gsize n_headers);
AipShortAnswerResult aip_short_answer_add (AipShortAnswer *self, const char *data, gsize length);
AipShortAnswerResult aip_short_answer_end (const AipShortAnswer *self);
void aip_short_answer_clear (AipShortAnswer *self);

G_END_DECLS
