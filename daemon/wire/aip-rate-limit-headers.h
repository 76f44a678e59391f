/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipRateLimit: one limit as a provider told it. -1: not said, for each of them.
 * @reset_us: microseconds from now until all of it is there again
 */
typedef struct
{
  gint64 limit;
  gint64 remaining;
  gint64 reset_us;
} AipRateLimit;

/**
 * AipRateLimits: what the headers of one answer say about limits.
 * @retry_after_us: microseconds; -1: not said
 * @known: anything was said
 */
typedef struct
{
  AipRateLimit requests;
  AipRateLimit tokens;
  gint64 retry_after_us;
  gboolean known;
} AipRateLimits;

void aip_rate_limits_init (AipRateLimits *self);
gboolean aip_rate_limits_take_header (AipRateLimits *self,
                                      const char *name,
                                      gsize name_length,
                                      const char *value,
                                      gsize value_length,
                                      gint64 wall_us);

G_END_DECLS
