/* SPDX-License-Identifier: MIT */
#pragma once

#include "wire/aip-protocol.h"

G_BEGIN_DECLS

/**
 * AipUsage: what an answer says it cost, in OpenAI's sense whatever protocol said it.
 * @known: the answer said something
 * @input_tokens: the whole prompt, cached parts included
 * @output_tokens: all that the model wrote, thoughts included
 * @cached_tokens: the part of @input_tokens that was read from the provider's cache
 * @cache_write_tokens: the part of @input_tokens that was written to it (Anthropic charges these extra)
 * @pieces: how many pieces of text, of about a token each, a stream brought that did not tell its final cost
 */
typedef struct
{
  gboolean known;
  guint64 input_tokens;
  guint64 output_tokens;
  guint64 cached_tokens;
  guint64 cache_write_tokens;
  guint64 pieces;
} AipUsage;

typedef enum
{
  AIP_USAGE_PROMPT,
  AIP_USAGE_COMPLETION,
  AIP_USAGE_INPUT,
  AIP_USAGE_OUTPUT,
  AIP_USAGE_CACHED,
  AIP_USAGE_CACHE_READ,
  AIP_USAGE_CACHE_WRITE,
  AIP_USAGE_THOUGHTS,
  AIP_N_USAGE_COUNTS,
} AipUsageCount;

/**
 * AipUsageCounts: the numbers as a provider named them; @seen is the mask of those that it gave.
 */
typedef struct
{
  guint seen;
  guint64 value[AIP_N_USAGE_COUNTS];
} AipUsageCounts;

/**
 * AipUsageScan: watches a copy of an answer go by, without parsing it: finds the last usage object
 * and whether a stream came to its protocol's proper end. Constant memory. Embed it; all fields private.
 */
typedef struct
{
  AipProtocol protocol;
  gboolean stream;
  gboolean finished;
  guint8 state;
  guint8 key;
  guint8 n_word;
  guint8 n_mark;
  guint8 n_prefix; /* of the usage object's name, seen at the end of the block before */
  guint8 previous; /* the last byte of the block before */
  guint depth;     /* inside a usage object: of its braces and brackets; 0: outside */
  guint n_object;  /* bytes of the usage object so far */
  guint64 number;
  guint64 pieces;
  AipUsageCounts counts;
  AipUsageCounts pending; /* of a usage object that is not complete yet */
  char word[32];
} AipUsageScan;

void aip_usage_scan_init (AipUsageScan *self, AipProtocol protocol, gboolean stream);
void aip_usage_scan_feed (AipUsageScan *self, const char *data, gsize length);
AipUsage aip_usage_scan_get_usage (const AipUsageScan *self);
gboolean aip_usage_scan_saw_end (const AipUsageScan *self);

G_END_DECLS
