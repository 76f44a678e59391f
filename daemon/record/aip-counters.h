/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipCounter: what is counted over the daemon's life.
 */
typedef enum
{
  AIP_COUNT_CONNECTIONS,         /* accepted */
  AIP_COUNT_CONNECTIONS_REFUSED, /* over the limit */
  AIP_COUNT_REQUESTS,            /* heads read, refused ones included */
  AIP_COUNT_REFUSED,             /* by guard, client or route */
  AIP_COUNT_SUCCEEDED,           /* answered below 400 */
  AIP_COUNT_CLIENT_FAULTS,       /* answered 4xx by the upstream */
  AIP_COUNT_UPSTREAM_FAULTS,     /* answered 5xx by the upstream, or not at all */
  AIP_COUNT_TRUNCATED,           /* streams the upstream cut */
  AIP_COUNT_CANCELLED,           /* the client left, or it was cut here */
  AIP_COUNT_STREAMS,             /* answers that were event streams */
  AIP_COUNT_INPUT_TOKENS,
  AIP_COUNT_OUTPUT_TOKENS,
  AIP_COUNT_BYTES_IN,  /* of bodies from clients */
  AIP_COUNT_BYTES_OUT, /* of bodies to clients */
  AIP_N_COUNTERS,
} AipCounter;

/**
 * AipGauge: what is there right now.
 */
typedef enum
{
  AIP_GAUGE_CONNECTIONS,
  AIP_GAUGE_ACTIVE_REQUESTS,
  AIP_N_GAUGES,
} AipGauge;

/**
 * AipCounters: shared by all workers, written without locks, each worker on cache lines of its own.
 */
typedef struct _AipCounters AipCounters;

typedef struct
{
  guint64 counters[AIP_N_COUNTERS];
  gint64 gauges[AIP_N_GAUGES];
} AipCountersSnapshot;

AipCounters *aip_counters_new (guint n_workers);
void aip_counters_free (AipCounters *self);
void aip_counters_add (AipCounters *self, guint worker, AipCounter counter, guint64 amount);
void aip_counters_change (AipCounters *self, guint worker, AipGauge gauge, int amount);
void aip_counters_read (const AipCounters *self, AipCountersSnapshot *snapshot);
const char *aip_counter_get_name (AipCounter counter);
const char *aip_counter_get_help (AipCounter counter);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipCounters, aip_counters_free)

G_END_DECLS
