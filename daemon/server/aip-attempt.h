/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-ledger.h"
#include "routing/aip-router.h"
#include "upstream/aip-transfer.h"
#include "wire/aip-usage-scan.h"

G_BEGIN_DECLS

/**
 * AipAttempt: one try to have a request served by one candidate: the right to it, from the key's breaker and
 * limits, what became of it, and telling them so. Embed it, zeroed; one attempt after the other.
 * @candidate: (nullable) (not owned): who is tried now, or was tried last
 * @verdict: what its end means; of the last one that has failed
 * @fault: what went wrong on the way
 * @sent: its request is on its way, or was
 * @live: for aip_live_key_end (), but that it tells when the attempt began
 */
typedef struct
{
  const AipCandidate *candidate;
  AipFaultVerdict verdict;
  AipFault fault;
  gboolean sent;
  AipLiveAttempt live;

  /* Private. */
  gboolean under_way;
  AipReservation *reservation; /* (nullable) */
  guint64 input;               /* tokens that it costs at least */
  gint64 retry_after_us;
} AipAttempt;

gboolean aip_attempt_begin (AipAttempt *self, const AipCandidate *candidate);
AipLedgerAnswer aip_attempt_reserve (AipAttempt *self,
                                     AipLedger *ledger,
                                     AipQuota *quota,
                                     guint64 input,
                                     guint64 tokens,
                                     AipLedgerFunc func,
                                     void *user_data);
void aip_attempt_tell_refusal (const AipAttempt *self, guint *retry_after, GError **error);
gboolean aip_attempt_is_probe (const AipAttempt *self);
void aip_attempt_mark_sent (AipAttempt *self);
void aip_attempt_take_headers (AipAttempt *self, const AipHeaderView *headers, gsize n_headers);
void aip_attempt_answered (AipAttempt *self, gboolean goes_on);
gboolean aip_attempt_judge (AipAttempt *self, AipFault fault, const AipFaultInput *input);
void aip_attempt_succeed (AipAttempt *self);
void aip_attempt_give_up (AipAttempt *self);
gboolean aip_attempt_is_under_way (const AipAttempt *self);
void aip_attempt_end (AipAttempt *self, const AipUsage *usage, gboolean streamed, guint64 random);

AipTransportFault aip_fault_to_transport (AipFault fault);
gboolean aip_fault_is_unsent (AipFault fault);

G_END_DECLS
