/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define AIP_REQUEST_TRACE_MAX 8

/**
 * AipTracedCandidate: who could serve a request, in the order of the plan; or where there is no plan, who
 * might have served it. All strings are borrowed, and (nullable).
 */
typedef struct
{
  const char *provider;
  const char *key;
  const char *model;
  const char *reason; /* why it could not, where nobody could */
  double score;       /* what the strategy made of it */
} AipTracedCandidate;

/**
 * AipTracedTry: who was tried, or passed over when its turn came. Strings as above.
 * @status: HTTP; 0: none came
 * @fault: static: the fault's class, "none": it was served; "busy", "limited": it was passed over
 * @reason: (nullable): static text
 * @begun_us: since the request's head
 */
typedef struct
{
  const char *provider;
  const char *key;
  const char *model;
  guint status;
  const char *fault;
  const char *reason;
  gint64 begun_us;
  gint64 duration_us;
} AipTracedTry;

/**
 * AipRequestTrace: why a request went where it went. Bounded: of long lists, the first ones are kept.
 * @strategy: static: the one that put the candidates in order
 * @n_candidates: how many there were, of which at most %AIP_REQUEST_TRACE_MAX are kept; so is the next
 */
typedef struct
{
  const char *strategy;
  guint n_candidates;
  guint n_tries;
  AipTracedCandidate *candidates;
  AipTracedTry *tries;
} AipRequestTrace;

AipRequestTrace *aip_request_trace_new (void);
void aip_request_trace_free (AipRequestTrace *self);
void aip_request_trace_begin_plan (AipRequestTrace *self, const char *strategy);
AipTracedCandidate *aip_request_trace_add_candidate (AipRequestTrace *self);
AipTracedTry *aip_request_trace_add_try (AipRequestTrace *self);
guint aip_request_trace_count_candidates (const AipRequestTrace *self);
guint aip_request_trace_count_tries (const AipRequestTrace *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRequestTrace, aip_request_trace_free)

G_END_DECLS
