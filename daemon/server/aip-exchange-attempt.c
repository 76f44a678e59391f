/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include <string.h>

#include "base/aip-clock.h"
#include "base/aip-error.h"
#include "server/aip-exchange-private.h"

/*
 * One attempt after the other until one is answered:
 *
 *   next candidate ──> pass of its breaker ──> room in its limits ──> sent ──> an answer begins: relay
 *        ^                  │ no                    │ no                │
 *        ├──────────────────┴───────────────────────┘                   │ it fails before the client sees any
 *        └────────────────── may another one do better? <───────────────┘
 *                                 │ no, or there is none: the only one again after a while, or all again
 *                                 v                      when somebody may be back, or
 *                              tell: the last answer as it came, or why there is none
 */

#define MAX_PLANS_AGAIN 16

/* How long to wait at least behind a round in which nobody could be asked. */
#define FRUITLESS_US (250 * G_TIME_SPAN_MILLISECOND)

/* --- the next one --- */

static gboolean
is_among (const GArray *plan, const AipCandidate *candidate)
{
  for (guint i = 0; plan != NULL && i < plan->len; i++)
    {
      const AipCandidate *one = &g_array_index (plan, AipCandidate, i);

      if (one->live == candidate->live && g_strcmp0 (one->model, candidate->model) == 0)
        return TRUE;
    }
  return FALSE;
}

/**
 * aip_exchange_is_hopeless:
 * @self: an exchange
 * @candidate: who might serve it
 *
 * Returns: whether @candidate has failed it in a way that no wait makes better
 */
gboolean
aip_exchange_is_hopeless (const AipExchange *self, const AipCandidate *candidate)
{
  return is_among (self->hopeless, candidate);
}

static gboolean
was_tried (const AipExchange *self, const AipCandidate *candidate)
{
  for (guint i = self->n_plans_over; self->old_plans != NULL && i < self->old_plans->len; i++)
    if (is_among (g_ptr_array_index (self->old_plans, i), candidate))
      return TRUE;
  return aip_exchange_is_hopeless (self, candidate);
}

/* Who sets a key aside does not want it used any more, not even by what runs already; nor the secret that it
 * had before, nor the place where it went. Returns FALSE where it is set aside. */
static gboolean
renew (AipExchange *self, AipCandidate *candidate)
{
  AipSnapshot *now = aip_worker_get_snapshot (self->worker);

  if (now == self->snapshot)
    return TRUE;
  if (!aip_router_renew (now->router, self->route.protocol, candidate))
    return FALSE;
  aip_exchange_keep_snapshot (self, now);
  return TRUE;
}

static const AipCandidate *
pick (AipExchange *self)
{
  while (self->next < self->plan->len)
    {
      AipCandidate *candidate = &g_array_index (self->plan, AipCandidate, self->next++);

      if (!was_tried (self, candidate) && renew (self, candidate))
        return candidate;
    }
  return NULL;
}

static AipOutcome
send_now (AipExchange *self)
{
  aip_answer_clear (&self->answer);
  aip_exchange_forget_tunnel_answer (self);
  g_clear_pointer (&self->reason, g_free);
  self->status = 0;
  self->uncounted = 0;
  self->event_stream = self->unusable = self->held_for_long = self->may_follow = FALSE;
  self->scan = (AipUsageScan){ 0 };
  /* What others took before is not our overhead. */
  if (self->n_attempts > 0)
    self->begun = g_get_monotonic_time ();
  self->n_attempts++;
  self->sent_to = self->attempt.candidate;
  aip_attempt_mark_sent (&self->attempt);
  return aip_exchange_send (self);
}

static AipOutcome try_rest (AipExchange *self);
static AipOutcome plan_again (AipExchange *self);
static AipOutcome wait_or_tell (AipExchange *self);

/**
 * aip_exchange_end_attempt:
 * @self: an exchange
 *
 * Settles the attempt under way, if there is one, by the verdict that it has; without one, it was given up.
 */
void
aip_exchange_end_attempt (AipExchange *self)
{
  AipUsage usage;

  aip_timer_disarm (&self->attempt_timer);
  aip_idle_cancel (&self->question);
  if (!aip_attempt_is_under_way (&self->attempt))
    return;
  usage = aip_usage_scan_get_usage (&self->scan);
  aip_exchange_trace_attempt (self);
  aip_attempt_end (&self->attempt, &usage, self->event_stream, aip_worker_random (self->worker));
}

/* The key's limits have no room: it is passed over. */
static void
pass_over (AipExchange *self)
{
  aip_exchange_trace_skip (self, self->attempt.candidate, TRUE);
  self->found_full = self->passed_over = TRUE;
  g_clear_error (&self->no_room);
  aip_attempt_tell_refusal (&self->attempt, &self->no_room_wait, &self->no_room);
  aip_exchange_end_attempt (self);
}

static void
go_on_with (AipExchange *self, AipOutcome outcome)
{
  if (outcome == AIP_OUTCOME_NEXT)
    outcome = wait_or_tell (self);
  if (outcome == AIP_OUTCOME_ANSWER)
    aip_exchange_settle (self);
}

static void
key_reserved_cb (AipReservation *reservation, AipLedgerAnswer answer, void *user_data)
{
  AipExchange *self = user_data;
  AipOutcome outcome;

  if (answer == AIP_LEDGER_GRANTED)
    outcome = send_now (self);
  else
    {
      pass_over (self);
      outcome = try_rest (self);
    }
  if (outcome == AIP_OUTCOME_NEXT && self->n_attempts == 0)
    outcome = plan_again (self);
  go_on_with (self, outcome);
}

/* @candidate: as it is now. Returns AIP_OUTCOME_NEXT when it may not be tried. */
static AipOutcome
try_one (AipExchange *self, const AipCandidate *candidate)
{
  AipQuota *quota = aip_snapshot_get_key_quota (aip_worker_get_snapshot (self->worker), candidate->key);

  if (!aip_attempt_begin (&self->attempt, candidate))
    {
      aip_exchange_trace_skip (self, candidate, FALSE);
      self->passed_over = TRUE;
      return AIP_OUTCOME_NEXT;
    }
  switch (aip_attempt_reserve (
      &self->attempt, self->snapshot->ledger, quota, aip_exchange_estimate_tokens (self),
      quota != NULL ? aip_exchange_estimate_need (self, quota) : 0, key_reserved_cb, self))
    {
    case AIP_LEDGER_GRANTED:
      return send_now (self);
    case AIP_LEDGER_PENDING:
      return AIP_OUTCOME_WAIT;
    case AIP_LEDGER_REFUSED:
    default:
      pass_over (self);
      return AIP_OUTCOME_NEXT;
    }
}

/* Returns AIP_OUTCOME_NEXT when there is nobody left. */
static AipOutcome
try_next (AipExchange *self)
{
  const AipCandidate *candidate;
  AipOutcome outcome = AIP_OUTCOME_NEXT;

  while (outcome == AIP_OUTCOME_NEXT && (candidate = pick (self)) != NULL)
    outcome = try_one (self, candidate);
  return outcome;
}

/* Others may have met with the same faults meanwhile, so that who was planned is out before his turn comes,
 * or all who were planned have turned it away: then the plan was too short, and there may be somebody beyond
 * it.
 */
static AipOutcome
try_rest (AipExchange *self)
{
  AipOutcome outcome = try_next (self);

  while (outcome == AIP_OUTCOME_NEXT && self->n_attempts > 0 && (self->passed_over || self->plan_is_cut) &&
         self->n_plans_again < MAX_PLANS_AGAIN)
    {
      self->n_plans_again++;
      self->passed_over = FALSE;
      aip_exchange_plan_rest (self);
      outcome = try_next (self);
    }
  return outcome;
}

/* A plan has a few of many keys. What others have used up of the limits is known after it was asked for, and
 * leaves room for more in the next plan. */
static gboolean
is_worth_another_plan (const AipExchange *self)
{
  return self->n_plans_again == 0 || (self->n_plans_again < MAX_PLANS_AGAIN && self->found_full &&
                                      g_error_matches (self->no_room, AIP_ERROR, AIP_ERROR_RATE_LIMITED));
}

/* Others were quicker with all of them, so who may serve it is asked once more. */
static AipOutcome
plan_again (AipExchange *self)
{
  AipOutcome outcome;

  if (!is_worth_another_plan (self))
    return self->n_attempts > 0 ? wait_or_tell (self) : aip_exchange_refuse_taken (self);
  self->n_plans_again++;
  self->found_full = self->passed_over = FALSE;
  self->next = 0;
  self->attempt.candidate = NULL;
  g_clear_pointer (&self->plan, g_array_unref);
  self->step = AIP_STEP_ROUTE;
  outcome = aip_exchange_route (self);
  if (outcome != AIP_OUTCOME_NEXT)
    return outcome;
  self->step = AIP_STEP_ATTEMPT;
  return aip_exchange_attempt (self);
}

/**
 * aip_exchange_attempt:
 * @self: an exchange with a plan
 *
 * Sends the request to the first of the plan's candidates that takes it.
 *
 * Returns: AIP_OUTCOME_WAIT; AIP_OUTCOME_ANSWER when it was refused here
 */
AipOutcome
aip_exchange_attempt (AipExchange *self)
{
  AipOutcome outcome = try_next (self);

  return outcome == AIP_OUTCOME_NEXT ? plan_again (self) : outcome;
}

/* --- whether another one may do better --- */

static const char *
word_of (const AipAttempt *attempt)
{
  switch (attempt->fault)
    {
    case AIP_FAULT_RESOLVE:
    case AIP_FAULT_CONNECT:
    case AIP_FAULT_TLS:
    case AIP_FAULT_CONNECT_TIMEOUT:
      return "connect";
    case AIP_FAULT_FIRST_BYTE_TIMEOUT:
    case AIP_FAULT_IDLE_TIMEOUT:
    case AIP_FAULT_TOTAL_TIMEOUT:
      return "timeout";
    case AIP_FAULT_NONE:
      /* An answer that is none is no better than one that broke off. */
      return attempt->verdict.status < 400 ? "cut" : NULL;
    default:
      return "cut";
    }
}

/* Keys that are refused or have no money are never worth a wait; the others are the operator's choice. */
static gboolean
is_listed (const AipExchange *self)
{
  const AipAttempt *attempt = &self->attempt;
  const char *const *listed = (const char *const *) self->snapshot->config->retry.retry_on;
  const char *word = word_of (attempt);
  char status[16];

  if (attempt->verdict.fault_class != AIP_FAULT_CLASS_TRANSIENT &&
      attempt->verdict.fault_class != AIP_FAULT_CLASS_RATE_LIMITED)
    return TRUE;
  if (word == NULL)
    {
      g_snprintf (status, sizeof status, "%uxx", attempt->verdict.status / 100);
      if (g_strv_contains (listed, status))
        return TRUE;
      g_snprintf (status, sizeof status, "%u", attempt->verdict.status);
      word = status;
    }
  return g_strv_contains (listed, word);
}

/* What is no question to a model may have been done although the answer did not come. */
static gboolean
is_repeatable (const AipExchange *self)
{
  guint status = self->attempt.verdict.status;

  return self->route.json || self->route.kind == AIP_ROUTE_REALTIME ||
         g_str_equal (self->head->method, "GET") || g_str_equal (self->head->method, "HEAD") ||
         aip_fault_is_unsent (self->attempt.fault) || status == 503 || (status >= 400 && status < 500);
}

/* Counts the attempt. */
static gboolean
has_attempts_left (AipExchange *self)
{
  const AipRetryConfig *retry = &self->snapshot->config->retry;
  const AipAttempt *attempt = &self->attempt;

  return retry->enabled &&
         aip_attempt_budget_spend (&self->budget, &attempt->verdict, aip_fault_to_transport (attempt->fault),
                                   retry->max_attempts);
}

static gboolean
may_begin_round (AipExchange *self)
{
  return aip_attempt_budget_begin_round (&self->budget, self->snapshot->config->retry.max_attempts);
}

static gboolean
may_go_on (const AipExchange *self)
{
  return aip_fault_class_fails_over (self->attempt.verdict.fault_class) && is_listed (self) &&
         is_repeatable (self) &&
         (!self->streams_up || !self->upload_read || aip_upload_can_rewind (&self->upload)) &&
         aip_exchange_get_time_left (self, self->attempt.candidate->provider) > 0;
}

/* --- the only one again --- */

static gint64
get_backoff (const AipExchange *self)
{
  const AipRetryConfig *retry = &self->snapshot->config->retry;
  gint64 base = (gint64) retry->base_delay * 1000;
  gint64 delay = base;

  if (g_str_equal (retry->backoff, "exponential"))
    delay = base << MIN (self->n_attempts - 1, 20);
  else if (g_str_equal (retry->backoff, "linear"))
    delay = base * self->n_attempts;
  delay = MIN (delay, (gint64) retry->max_delay * 1000);
  /* Those who failed together had better not come back together. */
  return delay - (gint64) (aip_worker_random (self->worker) % (guint64) (delay / 4 + 1));
}

static gboolean
is_only_one (const AipExchange *self)
{
  return self->plan->len == 1 &&
         g_array_index (self->plan, AipCandidate, 0).live == self->attempt.candidate->live;
}

/* How long to wait before the same candidate is asked again, in microseconds; -1: it is not. */
static gint64
get_delay (const AipExchange *self)
{
  const AipFaultVerdict *verdict = &self->attempt.verdict;
  gint64 delay = get_backoff (self);

  if (!is_only_one (self) || self->attempt.candidate->least_bad ||
      (verdict->fault_class != AIP_FAULT_CLASS_TRANSIENT &&
       verdict->fault_class != AIP_FAULT_CLASS_RATE_LIMITED))
    return -1;
  if (verdict->retry_after_us > (gint64) self->snapshot->config->retry.max_delay * 1000)
    return -1;
  delay = MAX (delay, verdict->retry_after_us + 1000);
  return delay < aip_exchange_get_time_left (self, self->attempt.candidate->provider) ? delay : -1;
}

static void
again_cb (AipTimer *timer, void *user_data)
{
  AipExchange *self = user_data;
  AipCandidate *candidate = &g_array_index (self->plan, AipCandidate, 0);

  go_on_with (self, renew (self, candidate) ? try_one (self, candidate) : AIP_OUTCOME_NEXT);
}

static gboolean
wait_for_the_same (AipExchange *self)
{
  gint64 delay = get_delay (self);

  if (delay < 0 || !may_begin_round (self))
    return FALSE;
  aip_timer_init (&self->attempt_timer, aip_worker_get_loop (self->worker), again_cb, self);
  aip_timer_arm (&self->attempt_timer, delay);
  return TRUE;
}

/* --- all of them again --- */

/* Where no breaker keeps a key from being asked too soon, what its provider has told does. A round in which
 * nobody was asked, since others or limits came in between, has used up no attempt that bounds the rounds. */
static gint64
get_pause (const AipExchange *self)
{
  gint64 pause = get_backoff (self);

  if (!self->budget.asked)
    pause = MAX (pause, FRUITLESS_US);
  return self->snapshot->config->breaker.enabled ? pause : MAX (pause, self->floor - aip_clock_now ());
}

/* Keys that are refused or have no money are not waited for, but others may be back before them. */
static gboolean
is_worth_a_wait (const AipExchange *self, gint64 wait_us)
{
  return self->may_pass || self->refused_until == 0 ||
         aip_clock_now () + wait_us < self->refused_until - G_TIME_SPAN_MILLISECOND;
}

/* Who had to stand in although he is out has had his chance. */
static gboolean
wait_for_anybody (AipExchange *self)
{
  gint64 wait_us, pause_us;

  if (self->snapshot->config->routing.max_wait == 0 || !self->may_follow || self->sent_to->least_bad)
    return FALSE;
  wait_us = aip_exchange_look_ahead (self);
  pause_us = get_pause (self);
  if (!is_worth_a_wait (self, wait_us) || !may_begin_round (self) ||
      !aip_exchange_wait_in_queue (self, wait_us, pause_us))
    return FALSE;
  aip_exchange_start_over (self);
  return TRUE;
}

static AipOutcome
wait_or_tell (AipExchange *self)
{
  return wait_for_anybody (self) ? AIP_OUTCOME_WAIT : aip_exchange_tell (self);
}

/* --- the end of one --- */

/**
 * aip_exchange_tell:
 * @self: an exchange whose last attempt has failed
 *
 * Lets the client have what there is of an answer as it came; where there is none, why.
 *
 * Returns: AIP_OUTCOME_ANSWER, or AIP_OUTCOME_WAIT while the rest of the answer is to come
 */
AipOutcome
aip_exchange_tell (AipExchange *self)
{
  if (self->reason != NULL)
    aip_exchange_refuse (
        self,
        &(AipFailure){ .status = self->reason_status, .code = self->reason_code, .message = self->reason });
  else if (self->route.kind == AIP_ROUTE_REALTIME)
    aip_exchange_send_tunnel_answer (self);
  else if (self->transfer != NULL)
    {
      aip_answer_release (&self->answer);
      return AIP_OUTCOME_WAIT;
    }
  else
    aip_exchange_pass_answer (self);
  return AIP_OUTCOME_ANSWER;
}

static void
let_go (AipExchange *self)
{
  if (self->transfer != NULL)
    {
      aip_transfer_cancel (g_steal_pointer (&self->transfer));
      /* An event that tells is whole; a body that is too long to be judged whole is not. */
      if (!self->event_stream)
        aip_exchange_set_reason (self, 502, "upstream_error",
                                 "it answered with an error of more than 64 KiB");
    }
  if (self->tunnel != NULL)
    aip_tunnel_cancel (g_steal_pointer (&self->tunnel));
}

/* Before anybody waits: what comes from the client meanwhile must not push out what the next one has to get.
 */
static void
rewind_upload (AipExchange *self)
{
  if (self->upload_read)
    aip_upload_rewind (&self->upload);
  self->upload_read = FALSE;
}

static gboolean
is_too_long (const AipExchange *self)
{
  return self->attempt.verdict.fault_class == AIP_FAULT_CLASS_CONTEXT_LENGTH &&
         self->attempt.candidate->model != NULL;
}

/* The rest of the plan may be more keys for the same model, so there is a new one of larger models alone. */
static void
look_for_larger (AipExchange *self)
{
  const char *model = self->attempt.candidate->model;

  aip_too_long_add (&self->too_long, model, aip_router_get_context (self->snapshot->router, model));
  aip_exchange_plan_rest (self);
}

/* Until its breaker lets go, if that holds it at all. */
static gboolean
note_refused (AipExchange *self)
{
  gint64 until = aip_breaker_get_until (aip_live_key_get_breaker (self->attempt.candidate->live));

  if (until == 0)
    return FALSE;
  self->refused_until = self->refused_until != 0 ? MIN (self->refused_until, until) : until;
  return TRUE;
}

static void
note_hopeless (AipExchange *self)
{
  if (self->hopeless == NULL)
    self->hopeless = g_array_new (FALSE, FALSE, sizeof (AipCandidate));
  g_array_append_vals (self->hopeless, self->attempt.candidate, 1);
}

/* What there is to know of it should nobody else be there. */
static void
note_failure (AipExchange *self)
{
  const AipFaultVerdict *verdict = &self->attempt.verdict;
  AipFaultClass fault_class = verdict->fault_class;

  self->may_follow = TRUE;
  self->may_be_checked = fault_class == AIP_FAULT_CLASS_TRANSIENT || fault_class == AIP_FAULT_CLASS_AUTH;
  if (verdict->retry_after_us > 0)
    self->floor = MAX (self->floor, aip_clock_now () + verdict->retry_after_us);
  if (fault_class == AIP_FAULT_CLASS_TRANSIENT || fault_class == AIP_FAULT_CLASS_RATE_LIMITED)
    self->may_pass = TRUE;
  else if (!aip_fault_class_opens (fault_class) || !note_refused (self))
    note_hopeless (self);
}

/**
 * aip_exchange_fail_over:
 * @self: an exchange whose attempt was judged, and whose client has seen nothing yet
 *
 * Settles the attempt and goes on to the next candidate, or tells the client what has become of it. The
 * exchange may be gone when it returns.
 */
void
aip_exchange_fail_over (AipExchange *self)
{
  gboolean goes_on = has_attempts_left (self) && may_go_on (self);
  AipOutcome outcome = AIP_OUTCOME_NEXT;

  aip_exchange_end_attempt (self);
  if (goes_on)
    {
      g_debug ("%s: provider %s: %s, the next one is tried", self->request_id,
               self->attempt.candidate->provider->name, self->attempt.verdict.reason);
      let_go (self);
      rewind_upload (self);
      note_failure (self);
      if (is_too_long (self))
        look_for_larger (self);
      outcome = try_rest (self);
      if (outcome == AIP_OUTCOME_NEXT && wait_for_the_same (self))
        return;
    }
  go_on_with (self, outcome);
}

/**
 * aip_exchange_set_reason:
 * @self: an exchange whose attempt has failed without an answer that could be passed on
 * @status: to tell the client
 * @code: static text
 * @reason: what its provider did
 */
void
aip_exchange_set_reason (AipExchange *self, guint status, const char *code, const char *reason)
{
  g_free (self->reason);
  if (self->attempt.fault == AIP_FAULT_SHORTAGE)
    self->reason = g_strdup (reason);
  else
    self->reason =
        g_strdup_printf ("Provider `%s` failed: %s", self->attempt.candidate->provider->name, reason);
  self->reason_status = status;
  self->reason_code = code;
}

/**
 * aip_exchange_judge:
 * @self: an exchange with an attempt
 * @fault: what went wrong on the way
 * @body: (nullable): what there is of an answer that may be an error
 * @length: of @body, in bytes
 *
 * Returns: whether the attempt was served
 */
gboolean
aip_exchange_judge (AipExchange *self, AipFault fault, const char *body, gsize length)
{
  const char *type = self->answer_type;
  gboolean served = aip_attempt_judge (&self->attempt, fault,
                                       &(AipFaultInput){
                                           .status = self->status,
                                           .content_type = type,
                                           .content_type_length = type != NULL ? strlen (type) : 0,
                                           .body = body,
                                           .body_length = length,
                                           .names_model = self->call.model != NULL,
                                       });

  /* The client's patience, or what others have left of the time, is no fault of the key's. */
  if (fault == AIP_FAULT_TOTAL_TIMEOUT && (self->timeout != 0 || self->n_attempts > 1))
    aip_attempt_give_up (&self->attempt);
  return served;
}
