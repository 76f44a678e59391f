/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-counters"

#include "record/aip-counters.h"

#include <string.h>

/* A multiple of the cache line on all common machines, so that no two workers ever write the same line. */
#define SLOT_ALIGNMENT 128

typedef struct
{
  guint64 counters[AIP_N_COUNTERS];
  gint64 gauges[AIP_N_GAUGES];
} __attribute__ ((aligned (SLOT_ALIGNMENT))) Slot;

struct _AipCounters
{
  guint n_slots;
  Slot *slots;
};

static const struct
{
  const char *name;
  const char *help;
} descriptions[] = {
  [AIP_COUNT_CONNECTIONS] = { "connections_total", "Connections accepted." },
  [AIP_COUNT_CONNECTIONS_REFUSED] = { "connections_refused_total",
                                      "Connections refused because there were too many." },
  [AIP_COUNT_REQUESTS] = { "requests_total", "Requests received, refused ones included." },
  [AIP_COUNT_REFUSED] = { "requests_refused_total", "Requests refused before any upstream was asked: "
                                                    "malformed, not allowed, no route." },
  [AIP_COUNT_SUCCEEDED] = { "requests_succeeded_total", "Requests answered with a status below 400." },
  [AIP_COUNT_CLIENT_FAULTS] = { "requests_client_faults_total",
                                "Requests that the upstream answered with 4xx." },
  [AIP_COUNT_UPSTREAM_FAULTS] = { "requests_upstream_faults_total",
                                  "Requests that the upstream answered with 5xx, or not at all." },
  [AIP_COUNT_TRUNCATED] = { "streams_truncated_total",
                            "Streams that the upstream cut before their proper end." },
  [AIP_COUNT_CANCELLED] = { "requests_cancelled_total",
                            "Requests that came to no end: the client left, or they were "
                            "cut here (paused, cancelled)." },
  [AIP_COUNT_STREAMS] = { "streams_total", "Answers that were event streams." },
  [AIP_COUNT_INPUT_TOKENS] = { "input_tokens_total", "Input tokens that the upstreams reported." },
  [AIP_COUNT_OUTPUT_TOKENS] = { "output_tokens_total", "Output tokens that the upstreams reported." },
  [AIP_COUNT_BYTES_IN] = { "received_bytes_total", "Bytes of request bodies received from clients." },
  [AIP_COUNT_BYTES_OUT] = { "sent_bytes_total", "Bytes of answer bodies sent to clients." },
};

G_STATIC_ASSERT (G_N_ELEMENTS (descriptions) == AIP_N_COUNTERS);

/**
 * aip_counters_new:
 * @n_workers: how many workers count; their indexes are 0 to @n_workers - 1, and @n_workers itself
 *   is the main thread
 *
 * Returns: (transfer full): counters that are all zero
 */
AipCounters *
aip_counters_new (guint n_workers)
{
  g_return_val_if_fail (n_workers < G_MAXUINT, NULL);

  AipCounters *self = g_new0 (AipCounters, 1);

  self->n_slots = n_workers + 1;
  self->slots = g_aligned_alloc0 (self->n_slots, sizeof (Slot), SLOT_ALIGNMENT);

  return self;
}

/**
 * aip_counters_free:
 * @self: (transfer full): the counters; no thread may use them any more
 */
void
aip_counters_free (AipCounters *self)
{
  g_return_if_fail (self != NULL);

  g_aligned_free (self->slots);
  g_free (self);
}

/**
 * aip_counters_add:
 * @self: the counters
 * @worker: the calling thread's index, see aip_counters_new ()
 * @counter: what happened
 * @amount: how often, or how many bytes or tokens
 *
 * Takes no lock. Any thread may call it; it is cheap when each uses its own index.
 */
void
aip_counters_add (AipCounters *self, guint worker, AipCounter counter, guint64 amount)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (worker < self->n_slots);
  g_return_if_fail ((guint) counter < AIP_N_COUNTERS);

  __atomic_fetch_add (&self->slots[worker].counters[counter], amount, __ATOMIC_RELAXED);
}

/**
 * aip_counters_change:
 * @self: the counters
 * @worker: the calling thread's index, see aip_counters_new ()
 * @gauge: what came or went
 * @amount: how many came; negative: went. What one worker adds another may take away.
 */
void
aip_counters_change (AipCounters *self, guint worker, AipGauge gauge, int amount)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (worker < self->n_slots);
  g_return_if_fail ((guint) gauge < AIP_N_GAUGES);

  __atomic_fetch_add (&self->slots[worker].gauges[gauge], amount, __ATOMIC_RELAXED);
}

/**
 * aip_counters_read:
 * @self: the counters
 * @snapshot: (out): the sums over all workers
 *
 * Each value is exact for some moment during the call, but not all for the same one.
 */
void
aip_counters_read (const AipCounters *self, AipCountersSnapshot *snapshot)
{
  g_return_if_fail (self != NULL && snapshot != NULL);

  memset (snapshot, 0, sizeof *snapshot);

  for (guint i = 0; i < self->n_slots; i++)
    {
      const Slot *slot = &self->slots[i];

      for (guint c = 0; c < AIP_N_COUNTERS; c++)
        snapshot->counters[c] += __atomic_load_n (&slot->counters[c], __ATOMIC_RELAXED);
      for (guint g = 0; g < AIP_N_GAUGES; g++)
        snapshot->gauges[g] += __atomic_load_n (&slot->gauges[g], __ATOMIC_RELAXED);
    }
}

/**
 * aip_counter_get_name:
 * @counter: a counter
 *
 * The name follows https://prometheus.io/docs/practices/naming/ but for the program's prefix.
 *
 * Returns: such as "connections_total"
 */
const char *
aip_counter_get_name (AipCounter counter)
{
  g_return_val_if_fail ((guint) counter < AIP_N_COUNTERS, NULL);

  return descriptions[counter].name;
}

/**
 * aip_counter_get_help:
 * @counter: a counter
 *
 * Returns: one sentence for people that says what is counted
 */
const char *
aip_counter_get_help (AipCounter counter)
{
  g_return_val_if_fail ((guint) counter < AIP_N_COUNTERS, NULL);

  return descriptions[counter].help;
}
