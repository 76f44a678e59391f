/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-attempt"

#include "server/aip-attempt.h"

#include "base/aip-clock.h"

/**
 * aip_attempt_begin:
 * @self: zeroed memory of the caller's, or an attempt that was ended
 * @candidate: whom to try; stays until the next one begins
 *
 * Asks the key's breaker for an attempt.
 *
 * Returns: whether it may start; it has to be ended then
 */
gboolean
aip_attempt_begin (AipAttempt *self, const AipCandidate *candidate)
{
  AipLiveAttempt live;

  g_return_val_if_fail (self != NULL && candidate != NULL && !self->under_way, FALSE);

  if (!(candidate->least_bad ? aip_live_key_begin_early : aip_live_key_begin) (candidate->live,
                                                                               aip_clock_now (), &live))
    return FALSE;
  *self = (AipAttempt){
    .candidate = candidate,
    .verdict = { .fault_class = AIP_FAULT_CLASS_CANCELLED, .retry_after_us = -1 },
    .under_way = TRUE,
    .live = live,
    .retry_after_us = -1,
  };
  return TRUE;
}

/**
 * aip_attempt_reserve:
 * @self: an attempt that has begun
 * @ledger: where limits are counted
 * @quota: (nullable): the key's limits
 * @input: how many tokens it costs at least
 * @tokens: how many it may cost
 * @func: called when the answer is %AIP_LEDGER_PENDING, unless the attempt has ended by then
 * @user_data: for @func
 *
 * Asks whether the key's own limits have room.
 *
 * Returns: the ledger's answer
 */
AipLedgerAnswer
aip_attempt_reserve (AipAttempt *self,
                     AipLedger *ledger,
                     AipQuota *quota,
                     guint64 input,
                     guint64 tokens,
                     AipLedgerFunc func,
                     void *user_data)
{
  g_return_val_if_fail (self != NULL && self->under_way, AIP_LEDGER_REFUSED);

  if (quota == NULL)
    return AIP_LEDGER_GRANTED;
  self->input = input;
  return aip_ledger_reserve (ledger, quota, tokens, func, user_data, &self->reservation);
}

/**
 * aip_attempt_tell_refusal:
 * @self: an attempt whose key's limits have refused it
 * @retry_after: (out): seconds until it is of use to ask again; 0: it never is
 * @error: where to put which limit it was, or what else was wrong
 */
void
aip_attempt_tell_refusal (const AipAttempt *self, guint *retry_after, GError **error)
{
  g_return_if_fail (self != NULL && self->reservation != NULL && retry_after != NULL);

  *retry_after = aip_reservation_get_retry_after (self->reservation);
  aip_reservation_set_error (self->reservation, error);
}

/**
 * aip_attempt_is_probe:
 * @self: an attempt that has begun
 *
 * Returns: whether it finds out whether the key is well again, for all others: it had better cost one
 * request, and not meet a connection from before
 */
gboolean
aip_attempt_is_probe (const AipAttempt *self)
{
  g_return_val_if_fail (self != NULL && self->under_way, FALSE);

  return aip_live_attempt_is_probe (&self->live);
}

/**
 * aip_attempt_mark_sent:
 * @self: an attempt whose request is on its way
 */
void
aip_attempt_mark_sent (AipAttempt *self)
{
  g_return_if_fail (self != NULL && self->under_way);

  self->sent = TRUE;
}

/* Their names begin with "x-", "anthropic-" or "retry-after". */
static gboolean
may_be_of_limits (const AipHeaderView *header)
{
  char first = header->name_length > 8 ? g_ascii_tolower (header->name[0]) : '\0';

  return first == 'x' || first == 'a' || first == 'r';
}

/**
 * aip_attempt_take_headers:
 * @self: an attempt whose answer begins
 * @headers: (array length=n_headers): the answer's
 * @n_headers: how many
 *
 * Notes what the provider says of its own limits.
 */
void
aip_attempt_take_headers (AipAttempt *self, const AipHeaderView *headers, gsize n_headers)
{
  AipRateLimits limits;
  gint64 wall_us = 0;

  g_return_if_fail (self != NULL && self->candidate != NULL);

  for (gsize i = 0; i < n_headers; i++)
    {
      if (!may_be_of_limits (&headers[i]))
        continue;
      if (wall_us == 0)
        {
          wall_us = aip_clock_wall ();
          aip_rate_limits_init (&limits);
        }
      aip_rate_limits_take_header (&limits, headers[i].name, headers[i].name_length, headers[i].value,
                                   headers[i].value_length, wall_us);
    }
  if (wall_us == 0 || !limits.known)
    return;
  self->retry_after_us = limits.retry_after_us;
  aip_live_key_set_headroom (self->candidate->live, &limits, aip_clock_now ());
}

/**
 * aip_attempt_answered:
 * @self: an attempt
 * @goes_on: its client has a part of the answer; else it is held back until it was judged
 *
 * Tells that an answer that may be a good one has begun.
 */
void
aip_attempt_answered (AipAttempt *self, gboolean goes_on)
{
  g_return_if_fail (self != NULL);

  if (self->under_way)
    aip_live_key_answered (self->candidate->live, &self->live, goes_on, aip_clock_now ());
}

/**
 * aip_fault_to_transport:
 * @fault: what went wrong on the way
 *
 * Returns: the same in routing's words
 */
AipTransportFault
aip_fault_to_transport (AipFault fault)
{
  switch (fault)
    {
    case AIP_FAULT_NONE:
      return AIP_TRANSPORT_OK;
    case AIP_FAULT_RESOLVE:
    case AIP_FAULT_CONNECT:
    case AIP_FAULT_TLS:
      return AIP_TRANSPORT_CONNECT;
    case AIP_FAULT_CONNECT_TIMEOUT:
    case AIP_FAULT_FIRST_BYTE_TIMEOUT:
    case AIP_FAULT_IDLE_TIMEOUT:
    case AIP_FAULT_TOTAL_TIMEOUT:
      return AIP_TRANSPORT_TIMEOUT;
    case AIP_FAULT_CUT:
      return AIP_TRANSPORT_CUT;
    case AIP_FAULT_CANCELLED:
    case AIP_FAULT_SHORTAGE: /* ours: it says nothing of the key, and the next one would fare no better */
      return AIP_TRANSPORT_CANCELLED;
    case AIP_FAULT_PROTOCOL:
    default:
      return AIP_TRANSPORT_PROTOCOL;
    }
}

/**
 * aip_attempt_judge:
 * @self: an attempt whose end is known
 * @fault: what went wrong on the way
 * @input: what there is of its answer; its transport and Retry-After are taken from @fault and the headers
 *
 * Says what its end means.
 *
 * Returns: whether it was served
 */
gboolean
aip_attempt_judge (AipAttempt *self, AipFault fault, const AipFaultInput *input)
{
  AipFaultInput whole = *input;

  g_return_val_if_fail (self != NULL && self->candidate != NULL, FALSE);

  whole.transport = aip_fault_to_transport (fault);
  whole.retry_after_us = self->retry_after_us;
  self->fault = fault;
  self->verdict = aip_fault_classify (&whole);
  return self->verdict.fault_class == AIP_FAULT_CLASS_NONE;
}

/**
 * aip_attempt_succeed:
 * @self: an attempt whose answer is good
 *
 * What aip_attempt_judge () would say of it, for less.
 */
void
aip_attempt_succeed (AipAttempt *self)
{
  g_return_if_fail (self != NULL);

  self->verdict.fault_class = AIP_FAULT_CLASS_NONE;
}

/**
 * aip_attempt_give_up:
 * @self: an attempt
 *
 * Takes the verdict back: what has ended it says nothing of the key.
 */
void
aip_attempt_give_up (AipAttempt *self)
{
  g_return_if_fail (self != NULL);

  self->verdict = (AipFaultVerdict){
    .fault_class = AIP_FAULT_CLASS_CANCELLED,
    .reason = aip_fault_class_get_reason (AIP_FAULT_CLASS_CANCELLED),
    .retry_after_us = -1,
  };
}

static void
settle_reservation (AipAttempt *self, const AipUsage *usage)
{
  AipReservation *reservation = g_steal_pointer (&self->reservation);
  gboolean unsent = !self->sent || aip_fault_is_unsent (self->fault);
  gboolean served = self->verdict.fault_class == AIP_FAULT_CLASS_NONE;
  guint status = self->verdict.status;

  if (reservation == NULL)
    return;
  if (usage->known)
    aip_reservation_settle (reservation, usage->input_tokens + MAX (usage->output_tokens, usage->pieces));
  else if (unsent)
    aip_reservation_refund (reservation);
  else if (served || status == 0 || (self->fault != AIP_FAULT_NONE && status < 400))
    aip_reservation_settle (reservation, self->input + usage->pieces);
  else
    aip_reservation_settle (reservation, 0);
}

/**
 * aip_attempt_is_under_way:
 * @self: zeroed memory, or an attempt
 *
 * Returns: whether it has begun and not ended
 */
gboolean
aip_attempt_is_under_way (const AipAttempt *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->under_way;
}

/**
 * aip_attempt_end:
 * @self: an attempt under way
 * @usage: what its answer has said of its cost
 * @streamed: the answer came piece by piece
 * @random: any number
 *
 * Settles it by its verdict with the key's breaker, figures and limits.
 */
void
aip_attempt_end (AipAttempt *self, const AipUsage *usage, gboolean streamed, guint64 random)
{
  static const AipUsage nothing = { 0 };
  AipLiveOutcome outcome;

  g_return_if_fail (self != NULL && self->under_way && usage != NULL);

  self->under_way = FALSE;
  /* What was told then is of the attempt before. */
  if (!self->sent)
    usage = &nothing;
  outcome = (AipLiveOutcome){
    .verdict = self->verdict,
    .tokens = usage->input_tokens + usage->output_tokens,
    .output_tokens = usage->output_tokens,
    .streamed = streamed,
  };
  /* The model inside the daemon fails on request alone, to rehearse faults: that is nothing to be spared
   * from. */
  if (self->candidate->dialect->internal && self->verdict.fault_class != AIP_FAULT_CLASS_NONE)
    outcome.verdict.fault_class = AIP_FAULT_CLASS_CANCELLED;
  aip_live_key_end (self->candidate->live, &self->live, &outcome, aip_clock_now (), random);
  settle_reservation (self, usage);
}

/**
 * aip_fault_is_unsent:
 * @fault: what went wrong on the way
 *
 * Returns: whether nothing of the request has reached the upstream
 */
gboolean
aip_fault_is_unsent (AipFault fault)
{
  return fault == AIP_FAULT_RESOLVE || fault == AIP_FAULT_CONNECT || fault == AIP_FAULT_TLS ||
         fault == AIP_FAULT_CONNECT_TIMEOUT || fault == AIP_FAULT_SHORTAGE;
}
