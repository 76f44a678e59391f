/* SPDX-License-Identifier: MIT */
#pragma once

#include "wire/aip-protocol.h"

G_BEGIN_DECLS

typedef struct
{
  gboolean known;
  guint64 input_tokens;
  guint64 output_tokens;
  guint64 cached_tokens;
} AipUsage;

/**
 * AipUsageScan: watches a copy of an answer go by, without parsing it: finds the last usage object
 * and whether a stream came to its protocol's proper end. Constant memory. Embed it; all fields private.
 */
typedef struct
{
  AipProtocol protocol;
  gboolean stream;
  gsize n_tail;
  AipUsage usage;
  gboolean finished;
  char tail[2048];
} AipUsageScan;

void aip_usage_scan_init (AipUsageScan *self, AipProtocol protocol, gboolean stream);
void aip_usage_scan_feed (AipUsageScan *self, const char *data, gsize length);
AipUsage aip_usage_scan_get_usage (const AipUsageScan *self);
gboolean aip_usage_scan_saw_end (const AipUsageScan *self);

G_END_DECLS
