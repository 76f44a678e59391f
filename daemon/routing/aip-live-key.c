/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-live-key-private.h"

#include <string.h>

#define SUCCESS_SHARE 0.1 /* of the newest attempt in the moving averages */
#define SPEED_SHARE 0.2
#define WELL 0.99
/* Below, an answer is too short to tell a speed. */
#define MIN_TOKENS 8
#define MIN_STREAM_US (50 * G_TIME_SPAN_MILLISECOND)
#define DEFAULT_RESET_US G_TIME_SPAN_MINUTE
#define MAX_RESET_US (24 * G_TIME_SPAN_HOUR)

/* The same in each run, so that a conversation finds its key again after a restart. */
static guint32
hash_id (const char *id)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  for (; *id != '\0'; id++)
    hash = (hash ^ (guchar) *id) * G_GUINT64_CONSTANT (0x100000001b3);
  return (guint32) (hash ^ (hash >> 32));
}

/**
 * aip_live_key_new:
 * @id: what to know it by: "PROVIDER/KEY", or "PROVIDER/" for a provider that needs none
 * @policy: of its breaker
 *
 * Returns: (transfer full): a key of which nothing is known yet
 */
AipLiveKey *
aip_live_key_new (const char *id, const AipBreakerPolicy *policy)
{
  g_return_val_if_fail (id != NULL && policy != NULL, NULL);

  AipLiveKey *self = g_aligned_alloc0 (1, sizeof *self, AIP_LIVE_KEY_ALIGNMENT);
  float success = 1;

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  aip_breaker_init (&self->breaker, policy);
  self->id = g_strdup (id);
  self->hash = hash_id (id);
  self->requests_left = self->tokens_left = -1;
  memcpy (&self->success, &success, sizeof success);
  return self;
}

/**
 * aip_live_key_ref:
 * @self: a key
 *
 * Returns: (transfer full): @self
 */
AipLiveKey *
aip_live_key_ref (AipLiveKey *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * aip_live_key_unref:
 * @self: (transfer full): a key
 */
void
aip_live_key_unref (AipLiveKey *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  aip_breaker_clear (&self->breaker);
  g_mutex_clear (&self->lock);
  g_clear_pointer (&self->secret, aip_secret_unref);
  g_free (self->id);
  g_aligned_free (self);
}

/**
 * aip_live_key_get_id:
 * @self: a key
 *
 * Returns: (transfer none): "PROVIDER/KEY"
 */
const char *
aip_live_key_get_id (const AipLiveKey *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->id;
}

/**
 * aip_live_key_get_breaker:
 * @self: a key
 *
 * Returns: (transfer none): its breaker, to look at
 */
AipBreaker *
aip_live_key_get_breaker (AipLiveKey *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return &self->breaker;
}

/* --- attempts --- */

/* One request less is left of the provider's limit, until an answer tells better. */
static void
use_request (AipLiveKey *self)
{
  gint64 left = __atomic_load_n (&self->requests_left, __ATOMIC_RELAXED);

  while (left > 0 && !__atomic_compare_exchange_n (&self->requests_left, &left, left - 1, TRUE,
                                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    continue;
}

/* What each attempt counts for that has its pass. */
static void
count_attempt (AipLiveKey *self, gint64 now_us)
{
  __atomic_add_fetch (&self->in_flight, 1, __ATOMIC_RELAXED);
  use_request (self);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  self->totals.attempts++;
  self->totals.last_used_us = now_us;
}

/**
 * aip_live_key_begin:
 * @self: a key
 * @now_us: the time
 * @attempt: (out caller-allocates): to be ended by aip_live_key_end (), if it may start
 *
 * Asks for an attempt. A half-open breaker lets one through at a time: whoever gets %FALSE takes the next
 * candidate at once.
 *
 * Returns: whether the attempt may start
 */
gboolean
aip_live_key_begin (AipLiveKey *self, gint64 now_us, AipLiveAttempt *attempt)
{
  g_return_val_if_fail (self != NULL && attempt != NULL, FALSE);

  *attempt = (AipLiveAttempt){ .started_us = now_us };
  if (!aip_breaker_enter (&self->breaker, now_us, &attempt->pass))
    return FALSE;
  count_attempt (self, now_us);
  return TRUE;
}

/**
 * aip_live_key_begin_early:
 * @self: a key
 * @now_us: the time
 * @attempt: (out caller-allocates): to be ended by aip_live_key_end (), if it may start
 *
 * Asks for an attempt with a key that is out, for want of anybody else; see aip_breaker_enter_early ().
 *
 * Returns: whether the attempt may start
 */
gboolean
aip_live_key_begin_early (AipLiveKey *self, gint64 now_us, AipLiveAttempt *attempt)
{
  g_return_val_if_fail (self != NULL && attempt != NULL, FALSE);

  *attempt = (AipLiveAttempt){ .started_us = now_us };
  if (!aip_breaker_enter_early (&self->breaker, now_us, &attempt->pass))
    return FALSE;
  count_attempt (self, now_us);
  return TRUE;
}

/**
 * aip_live_key_begin_check:
 * @self: a key
 * @now_us: the time
 * @attempt: (out caller-allocates): to be ended by aip_live_key_end (), if it may start
 *
 * Asks for a health check, after which a request may find out before its time whether a key is well again;
 * see aip_breaker_enter_check (). It counts for the breaker alone, not for the key's figures and totals.
 *
 * Returns: whether the check may start
 */
gboolean
aip_live_key_begin_check (AipLiveKey *self, gint64 now_us, AipLiveAttempt *attempt)
{
  g_return_val_if_fail (self != NULL && attempt != NULL, FALSE);

  *attempt = (AipLiveAttempt){ .started_us = now_us, .check = TRUE };
  return aip_breaker_enter_check (&self->breaker, now_us, &attempt->pass);
}

/**
 * aip_live_attempt_is_probe:
 * @self: an attempt or a check that has begun
 *
 * Returns: whether the key's breaker was not closed then, so that no other may start before this one tells
 */
gboolean
aip_live_attempt_is_probe (const AipLiveAttempt *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->pass.probe;
}

/* With the lock held. */
static void
average (guint32 *bits, double value, double share, gboolean is_first)
{
  double old = aip_live_key_load (bits);
  float next = (float) (is_first ? value : old + share * (value - old));
  guint32 stored;

  memcpy (&stored, &next, sizeof stored);
  __atomic_store_n (bits, stored, __ATOMIC_RELAXED);
}

/**
 * aip_live_key_answered:
 * @self: a key
 * @attempt: an attempt under way
 * @goes_on: its client has a part of it, however long the rest will take
 * @now_us: the time
 *
 * Tells that an answer has begun: notes the time it took, and where it @goes_on, lets the next one through if
 * this was the probe. Calls after the first do nothing.
 */
void
aip_live_key_answered (AipLiveKey *self, AipLiveAttempt *attempt, gboolean goes_on, gint64 now_us)
{
  double took;

  g_return_if_fail (self != NULL && attempt != NULL);

  if (attempt->answered_us != 0 || attempt->check)
    return;
  attempt->answered_us = MAX (now_us, 1);
  if (goes_on)
    aip_breaker_answered (&self->breaker, &attempt->pass, now_us);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  took = (double) MAX (now_us - attempt->started_us, 1);
  average (&self->first_byte, took, SPEED_SHARE, aip_live_key_load (&self->first_byte) <= 0);
}

/* With the lock held. */
static void
note_tokens (AipLiveKey *self, guint64 tokens, gint64 now_us)
{
  guint32 minute = (guint32) (now_us / G_TIME_SPAN_MINUTE);

  if (minute != self->minute)
    {
      __atomic_store_n (&self->tokens_before, minute == self->minute + 1 ? self->tokens_now : 0,
                        __ATOMIC_RELAXED);
      __atomic_store_n (&self->tokens_now, 0, __ATOMIC_RELAXED);
      __atomic_store_n (&self->minute, minute, __ATOMIC_RELAXED);
    }
  tokens = MIN (tokens, G_MAXUINT32 - self->tokens_now);
  __atomic_store_n (&self->tokens_now, self->tokens_now + (guint32) tokens, __ATOMIC_RELAXED);
}

static void
note_speed (AipLiveKey *self, const AipLiveAttempt *attempt, const AipLiveOutcome *outcome, gint64 now_us)
{
  gint64 took = now_us - attempt->answered_us;

  if (!outcome->streamed || attempt->answered_us == 0 || outcome->output_tokens < MIN_TOKENS ||
      took < MIN_STREAM_US)
    return;
  average (&self->tokens_per_s, (double) outcome->output_tokens * G_USEC_PER_SEC / (double) took, SPEED_SHARE,
           aip_live_key_load (&self->tokens_per_s) <= 0);
}

static void
note_outcome (AipLiveKey *self, const AipLiveAttempt *attempt, const AipLiveOutcome *outcome, gint64 now_us)
{
  AipFaultClass fault_class = outcome->verdict.fault_class;

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  note_tokens (self, outcome->tokens, now_us);
  if (fault_class == AIP_FAULT_CLASS_NONE)
    {
      self->totals.succeeded++;
      self->totals.last_success_us = now_us;
      /* All who are well again are equals. */
      average (&self->success, 1, SUCCESS_SHARE, aip_live_key_load (&self->success) > WELL);
      note_speed (self, attempt, outcome, now_us);
      return;
    }
  self->totals.faults[fault_class]++;
  if (!aip_fault_class_counts (fault_class))
    return;
  self->totals.last_fault_us = now_us;
  average (&self->success, 0, SUCCESS_SHARE, FALSE);
}

/**
 * aip_live_key_end:
 * @self: a key
 * @attempt: an attempt or a check that was begun, and has not been ended
 * @outcome: how it ended
 * @now_us: the time
 * @random: any number, for the jitter of a cooldown
 *
 * Settles an attempt: breaker, attempts under way, success, speed.
 */
void
aip_live_key_end (AipLiveKey *self,
                  AipLiveAttempt *attempt,
                  const AipLiveOutcome *outcome,
                  gint64 now_us,
                  guint64 random)
{
  g_return_if_fail (self != NULL && attempt != NULL && outcome != NULL);
  g_return_if_fail ((guint) outcome->verdict.fault_class < AIP_N_FAULT_CLASSES);

  aip_breaker_settle (&self->breaker, &attempt->pass, &outcome->verdict, now_us, random);
  if (attempt->check)
    return;
  note_outcome (self, attempt, outcome, now_us);

  guint before = __atomic_fetch_sub (&self->in_flight, 1, __ATOMIC_RELAXED);
  g_assert (before > 0);
}

/* --- what the provider says of its limits --- */

static void
set_limit (AipLiveLimit *limit, gint64 *left, const AipRateLimit *told, gint64 now_us)
{
  gint64 reset_us = told->reset_us < 0 ? DEFAULT_RESET_US : MIN (told->reset_us, MAX_RESET_US);

  if (told->remaining < 0)
    return;
  if (told->limit > 0)
    __atomic_store_n (&limit->limit, told->limit, __ATOMIC_RELAXED);
  else if (told->remaining > __atomic_load_n (&limit->limit, __ATOMIC_RELAXED))
    __atomic_store_n (&limit->limit, told->remaining, __ATOMIC_RELAXED);
  __atomic_store_n (&limit->until_us, now_us + reset_us, __ATOMIC_RELAXED);
  __atomic_store_n (left, told->remaining, __ATOMIC_RELAXED);
}

/**
 * aip_live_key_set_headroom:
 * @self: a key
 * @limits: what the headers of an answer say
 * @now_us: the time
 *
 * Notes what is left of the provider's own limits, so that others are taken before the key meets them.
 */
void
aip_live_key_set_headroom (AipLiveKey *self, const AipRateLimits *limits, gint64 now_us)
{
  g_return_if_fail (self != NULL && limits != NULL);

  set_limit (&self->requests, &self->requests_left, &limits->requests, now_us);
  set_limit (&self->tokens, &self->tokens_left, &limits->tokens, now_us);
}

/**
 * aip_live_key_reset:
 * @self: a key
 *
 * Closes the breaker and forgets what spoke against the key, as its owner wants it tried again.
 */
void
aip_live_key_reset (AipLiveKey *self)
{
  g_return_if_fail (self != NULL);

  aip_breaker_reset (&self->breaker);
  __atomic_store_n (&self->requests_left, -1, __ATOMIC_RELAXED);
  __atomic_store_n (&self->tokens_left, -1, __ATOMIC_RELAXED);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  average (&self->success, 1, 1, TRUE);
}

static gboolean
is_same (const AipSecret *a, const AipSecret *b)
{
  gsize length, other_length;
  const char *text = aip_secret_peek (a, &length);
  const char *other = aip_secret_peek (b, &other_length);

  return length == other_length && memcmp (text, other, length) == 0;
}

/**
 * aip_live_key_set_secret:
 * @self: a key
 * @secret: what it is used with from now on; referenced
 *
 * Resets the key if it was used with another secret before, for what that one has met with says nothing of
 * this one.
 */
void
aip_live_key_set_secret (AipLiveKey *self, AipSecret *secret)
{
  g_autoptr (AipSecret) old = NULL;

  g_return_if_fail (self != NULL && secret != NULL);

  g_mutex_lock (&self->lock);
  old = self->secret;
  self->secret = aip_secret_ref (secret);
  g_mutex_unlock (&self->lock);
  if (old != NULL && old != secret && !is_same (old, secret))
    aip_live_key_reset (self);
}

/* --- looking --- */

/**
 * aip_live_key_get_state:
 * @self: a key
 * @now_us: the time
 *
 * Returns: the breaker's state
 */
AipBreakerState
aip_live_key_get_state (const AipLiveKey *self, gint64 now_us)
{
  g_return_val_if_fail (self != NULL, AIP_BREAKER_CLOSED);

  return aip_breaker_get_state (&self->breaker, now_us);
}

static gint64
get_spent_until (const AipLiveLimit *limit, const gint64 *left, gint64 now_us)
{
  gint64 until_us = __atomic_load_n (&limit->until_us, __ATOMIC_RELAXED);

  return __atomic_load_n (left, __ATOMIC_RELAXED) == 0 && until_us > now_us ? until_us : 0;
}

/**
 * aip_live_key_get_figures:
 * @self: a key
 * @now_us: the time
 * @figures: (out caller-allocates): what the strategies go by
 */
void
aip_live_key_get_figures (const AipLiveKey *self, gint64 now_us, AipLiveKeyFigures *figures)
{
  gint64 requests, tokens;

  g_return_if_fail (self != NULL && figures != NULL);

  requests = get_spent_until (&self->requests, &self->requests_left, now_us);
  tokens = get_spent_until (&self->tokens, &self->tokens_left, now_us);
  *figures = (AipLiveKeyFigures){
    .in_flight = aip_live_key_load_in_flight (self),
    .success = aip_live_key_load (&self->success),
    .first_byte_us = aip_live_key_load (&self->first_byte),
    .tokens_per_s = aip_live_key_load (&self->tokens_per_s),
    .headroom = aip_live_key_load_headroom (self, now_us),
    .spent = requests != 0 || tokens != 0,
    .spent_until_us = MAX (requests, tokens),
    .recent_tokens = aip_live_key_load_recent_tokens (self, now_us),
  };
}

/**
 * aip_live_key_get_totals:
 * @self: a key
 * @totals: (out caller-allocates): what it did since the daemon started
 */
void
aip_live_key_get_totals (AipLiveKey *self, AipLiveKeyTotals *totals)
{
  g_return_if_fail (self != NULL && totals != NULL);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  *totals = self->totals;
}

static char *
describe_cause (const AipBreakerView *view)
{
  g_autofree char *status = view->status == 0 ? g_strdup ("") : g_strdup_printf (" (HTTP %u)", view->status);
  guint n = MAX (view->in_a_row, 1) + view->streak;

  if (aip_fault_class_opens (view->fault_class) || n == 1)
    return g_strdup_printf ("%s%s", view->reason, status);
  return g_strdup_printf ("%u faults in a row, the last: %s%s", n, view->reason, status);
}

/**
 * aip_live_key_dup_reason:
 * @self: a key
 * @now_us: the time
 *
 * Says why the key is out, or comes last: "breaker open for 12 s more: 3 faults in a row, the last: timeout".
 *
 * Returns: (transfer full) (nullable): one line for people, without anything that the provider wrote; %NULL:
 * nothing is the matter
 */
char *
aip_live_key_dup_reason (AipLiveKey *self, gint64 now_us)
{
  AipLiveKeyFigures figures;
  AipBreakerView view;
  g_autofree char *cause = NULL;

  g_return_val_if_fail (self != NULL, NULL);

  aip_breaker_get_view (&self->breaker, now_us, &view);
  if (view.state != AIP_BREAKER_CLOSED)
    cause = describe_cause (&view);
  if (view.state == AIP_BREAKER_OPEN)
    return g_strdup_printf ("breaker open for %" G_GINT64_FORMAT " s more: %s",
                            (view.until_us - now_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC, cause);
  if (view.state == AIP_BREAKER_HALF_OPEN)
    return g_strdup_printf (
        "breaker half-open, %s: %s",
        view.probing ? "an attempt finds out whether it is well again" : "one attempt at a time", cause);
  aip_live_key_get_figures (self, now_us, &figures);
  if (figures.spent)
    return g_strdup_printf ("the provider's limit is used up for %" G_GINT64_FORMAT " s more",
                            (figures.spent_until_us - now_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
  return NULL;
}

/**
 * aip_live_key_dup_cause:
 * @self: a key
 *
 * Says what opened the breaker, in words that stay the same as long as it does: "3 faults in a row, the last:
 * timeout".
 *
 * Returns: (transfer full) (nullable): one line for people, without anything that the provider wrote; %NULL:
 * the breaker is closed
 */
char *
aip_live_key_dup_cause (AipLiveKey *self)
{
  AipBreakerView view;

  g_return_val_if_fail (self != NULL, NULL);

  aip_breaker_get_view (&self->breaker, 0, &view);
  return view.until_us != 0 ? describe_cause (&view) : NULL;
}
