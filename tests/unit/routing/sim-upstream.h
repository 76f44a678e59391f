/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-fault-class.h"

G_BEGIN_DECLS

/**
 * SimAnswer: what becomes of one attempt, or of one health check.
 * @verdict: .fault_class = AIP_FAULT_CLASS_CANCELLED: its client leaves
 * @first_byte_us: how long it takes until the answer begins; -1: it never does
 * @streams: its client has a part of it from then on, so that nobody else can serve it any more
 * @took_us: how long it takes in all
 * @tokens: what it costs; AIP_TOKENS_UNKNOWN: nobody tells
 * @unsent: nothing has reached the upstream
 */
typedef struct
{
  AipFaultVerdict verdict;
  gint64 first_byte_us;
  gboolean streams;
  gint64 took_us;
  guint64 tokens;
  gboolean unsent;
} SimAnswer;

typedef struct _SimUpstream SimUpstream;

/**
 * SimServeFunc:
 * @self: an upstream
 * @at_us: when it is asked, from the run's start
 * @answer: (inout): comes in as a good one, after the upstream's own times
 *
 * A script: says what becomes of what is asked.
 */
typedef void (*SimServeFunc) (SimUpstream *self, gint64 at_us, SimAnswer *answer);

/**
 * SimUpstream: a fake upstream, behind a key of its own.
 * @key: the name of the key
 * @settings: (nullable): lines for its group in the configuration
 * @serve: (nullable): how requests fare; NULL: well
 * @check: (nullable): how health checks fare; NULL: as requests do
 * @script: for @serve and @check
 */
struct _SimUpstream
{
  const char *key;
  const char *settings;
  SimServeFunc serve;
  SimServeFunc check;
  gint64 first_byte_us;
  gint64 took_us;
  guint64 tokens;
  struct
  {
    gint64 since_us;
    guint n;
    guint limit;
    guint64 random;
  } script;
  /* What was counted. */
  guint n_asked;
  guint n_served;
  guint n_failed;
  guint n_checks;
  guint in_flight;
  guint most_in_flight;
};

void sim_upstream_answer (SimUpstream *self, SimServeFunc serve, gint64 at_us, SimAnswer *answer);

void sim_answer_fail (SimAnswer *answer, AipFaultClass fault_class, guint status, gint64 retry_after_us);
void sim_serve_never (SimUpstream *self, gint64 at_us, SimAnswer *answer);
void sim_serve_refused (SimUpstream *self, gint64 at_us, SimAnswer *answer);
void sim_serve_but_for_10_s (SimUpstream *self, gint64 at_us, SimAnswer *answer);

G_END_DECLS
