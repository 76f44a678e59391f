/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-secret.h"
#include "routing/aip-breaker.h"
#include "wire/aip-rate-limit-headers.h"

G_BEGIN_DECLS

/**
 * AipLiveKey: what is going on with one key, or with a provider that needs none: breaker, attempts under way,
 * speed, success, what is left of the provider's own limits. Reference counted, shared by all workers,
 * outlives configurations. Any thread may use it.
 */
typedef struct _AipLiveKey AipLiveKey;

/**
 * AipLiveAttempt: one attempt from aip_live_key_begin () to aip_live_key_end (). Embed it; all fields
 * private, but @started_us.
 */
typedef struct
{
  gint64 started_us;
  gint64 answered_us; /* 0: not yet */
  AipBreakerPass pass;
  gboolean check;
} AipLiveAttempt;

/**
 * AipLiveOutcome: how an attempt ended.
 * @verdict: of aip_fault_classify (); .fault_class = AIP_FAULT_CLASS_NONE: it was served
 * @tokens: all that it cost; 0: not known
 * @output_tokens: what the model wrote; 0: not known
 * @streamed: the answer came piece by piece, so that its length in time is the model's speed
 */
typedef struct
{
  AipFaultVerdict verdict;
  guint64 tokens;
  guint64 output_tokens;
  gboolean streamed;
} AipLiveOutcome;

/**
 * AipLiveKeyFigures: what the strategies go by.
 * @success: 0..1, moving average over the last attempts; 1: nothing has failed yet
 * @first_byte_us: moving average; 0: not known
 * @tokens_per_s: moving average of streamed answers; 0: not known
 * @headroom: 0..1, what is left of the provider's own limits; 1: not known, or enough
 * @spent: nothing is left of them until @spent_until_us
 * @recent_tokens: of about the last minute
 */
typedef struct
{
  guint in_flight;
  double success;
  double first_byte_us;
  double tokens_per_s;
  double headroom;
  gboolean spent;
  gint64 spent_until_us;
  double recent_tokens;
} AipLiveKeyFigures;

/**
 * AipLiveKeyTotals: since the daemon started.
 */
typedef struct
{
  guint64 attempts;
  guint64 succeeded;
  guint64 faults[AIP_N_FAULT_CLASSES];
  gint64 last_used_us; /* when an attempt began; 0: never */
  gint64 last_success_us;
  gint64 last_fault_us;
} AipLiveKeyTotals;

AipLiveKey *aip_live_key_new (const char *id, const AipBreakerPolicy *policy);
AipLiveKey *aip_live_key_ref (AipLiveKey *self);
void aip_live_key_unref (AipLiveKey *self);
const char *aip_live_key_get_id (const AipLiveKey *self);
AipBreaker *aip_live_key_get_breaker (AipLiveKey *self);

gboolean aip_live_key_begin (AipLiveKey *self, gint64 now_us, AipLiveAttempt *attempt);
gboolean aip_live_key_begin_early (AipLiveKey *self, gint64 now_us, AipLiveAttempt *attempt);
gboolean aip_live_key_begin_check (AipLiveKey *self, gint64 now_us, AipLiveAttempt *attempt);
gboolean aip_live_attempt_is_probe (const AipLiveAttempt *self);
void aip_live_key_answered (AipLiveKey *self, AipLiveAttempt *attempt, gboolean goes_on, gint64 now_us);
void aip_live_key_end (AipLiveKey *self,
                       AipLiveAttempt *attempt,
                       const AipLiveOutcome *outcome,
                       gint64 now_us,
                       guint64 random);

void aip_live_key_set_headroom (AipLiveKey *self, const AipRateLimits *limits, gint64 now_us);
void aip_live_key_reset (AipLiveKey *self);
void aip_live_key_set_secret (AipLiveKey *self, AipSecret *secret);

AipBreakerState aip_live_key_get_state (const AipLiveKey *self, gint64 now_us);
void aip_live_key_get_figures (const AipLiveKey *self, gint64 now_us, AipLiveKeyFigures *figures);
void aip_live_key_get_totals (AipLiveKey *self, AipLiveKeyTotals *totals);
char *aip_live_key_dup_reason (AipLiveKey *self, gint64 now_us);
char *aip_live_key_dup_cause (AipLiveKey *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipLiveKey, aip_live_key_unref)

G_END_DECLS
