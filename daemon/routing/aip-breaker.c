/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-breaker-private.h"

#include <string.h>

/*
 *            `threshold` faults in a row, error rate, Retry-After, auth, billing
 *   CLOSED ------------------------------------------------------------------> OPEN <-----------+
 *     ^                                                                         | until_us      | the probe
 *     |                  all of the probe's answer is good                      v               | fails
 *     +---------------------------------------------------------------------- HALF-OPEN --------+
 *
 * A probe whose answer is long gives its place back once there is content for its client, so that the next
 * one finds out as well; whichever of them ends first decides (aip_breaker_answered ()).
 *
 * OPEN lets health checks through that may find it well before its time, and, where there is nobody else to
 * serve a request, one attempt in each `cooldown` (aip_breaker_enter_early ()): each holds the probe's place.
 *
 * OPEN and HALF-OPEN differ by the time alone: both are "until_us is not 0". Each change of state has a new
 * generation, by which attempts that began before it are known: they neither close what has opened since, nor
 * open again what has closed since.
 */

#define HARD_DOWN_US (30 * G_TIME_SPAN_MINUTE)
#define MIN_REQUESTS 5

/**
 * aip_breaker_policy_init:
 * @policy: (out caller-allocates): what to set
 * @config: [circuit-breaker]
 */
void
aip_breaker_policy_init (AipBreakerPolicy *policy, const AipBreakerConfig *config)
{
  g_return_if_fail (policy != NULL && config != NULL);

  *policy = (AipBreakerPolicy){
    .enabled = config->enabled,
    .threshold = config->threshold,
    .error_rate = config->error_rate,
    .window_us = (gint64) config->window * 1000,
    .cooldown_us = (gint64) config->cooldown * 1000,
    .max_cooldown_us = (gint64) config->max_cooldown * 1000,
  };
}

/**
 * aip_breaker_init:
 * @self: (out caller-allocates): a breaker, closed
 * @policy: when to open and for how long; copied
 */
void
aip_breaker_init (AipBreaker *self, const AipBreakerPolicy *policy)
{
  g_return_if_fail (self != NULL && policy != NULL);

  memset (self, 0, sizeof *self);
  g_mutex_init (&self->lock);
  self->policy = *policy;
}

/**
 * aip_breaker_clear:
 * @self: a breaker that nobody uses any more
 */
void
aip_breaker_clear (AipBreaker *self)
{
  g_return_if_fail (self != NULL);

  g_clear_pointer (&self->watch, aip_breaker_watch_unref);
  g_mutex_clear (&self->lock);
}

/**
 * aip_breaker_set_watch:
 * @self: a breaker that nobody else uses yet
 * @watch: (transfer none): to be told of each change but that from open to half-open, which is one of time
 */
void
aip_breaker_set_watch (AipBreaker *self, AipBreakerWatch *watch)
{
  g_return_if_fail (self != NULL && watch != NULL);

  g_clear_pointer (&self->watch, aip_breaker_watch_unref);
  self->watch = aip_breaker_watch_ref (watch);
}

static void
tell (AipBreaker *self)
{
  __atomic_add_fetch (&self->serial, 1, __ATOMIC_RELEASE);
  aip_breaker_watch_notify (self->watch);
}

/* Changes no state, but when it will. */
static void
put_off (AipBreaker *self, gint64 until_us)
{
  __atomic_store_n (&self->until_us, until_us, __ATOMIC_RELEASE);
  tell (self);
}

/**
 * aip_breaker_change:
 * @self: a breaker, with its lock held
 * @until_us: when it lets a probe through; 0: it is closed from now on
 *
 * Whoever is told finds all of the change done once the lock is free.
 */
void
aip_breaker_change (AipBreaker *self, gint64 until_us)
{
  __atomic_store_n (&self->until_us, until_us, __ATOMIC_RELEASE);
  __atomic_add_fetch (&self->generation, 1, __ATOMIC_RELEASE);
  tell (self);
}

static void
recover (AipBreaker *self)
{
  self->since_us = 0;
  self->floor_us = self->early_us = 0;
  self->streak = 0;
  self->in_a_row = 0;
  memset (self->buckets, 0, sizeof self->buckets);
  aip_breaker_change (self, 0);
}

static void
free_probe (AipBreaker *self)
{
  __atomic_store_n (&self->probe, 0, __ATOMIC_RELEASE);
}

/**
 * aip_breaker_reset:
 * @self: a breaker
 *
 * Closes it and forgets its faults. Attempts under way do not change that.
 */
void
aip_breaker_reset (AipBreaker *self)
{
  g_return_if_fail (self != NULL);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  recover (self);
  free_probe (self);
}

/**
 * aip_breaker_set_policy:
 * @self: a breaker
 * @policy: when to open and for how long, from now on; where it is not enabled, the breaker closes
 */
void
aip_breaker_set_policy (AipBreaker *self, const AipBreakerPolicy *policy)
{
  g_return_if_fail (self != NULL && policy != NULL);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  if (self->policy.window_us != policy->window_us)
    memset (self->buckets, 0, sizeof self->buckets);
  self->policy = *policy;
  if (!policy->enabled && aip_breaker_get_until (self) != 0)
    {
      recover (self);
      free_probe (self);
    }
}

/* --- looking --- */

/**
 * aip_breaker_get_until:
 * @self: a breaker
 *
 * Returns: when it lets a probe through, on the clock of those who settle; 0: it is closed
 */
gint64
aip_breaker_get_until (const AipBreaker *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return __atomic_load_n (&self->until_us, __ATOMIC_ACQUIRE);
}

/**
 * aip_breaker_get_state:
 * @self: a breaker
 * @now_us: the time
 *
 * Only looks: the probe's place stays free.
 *
 * Returns: the state
 */
AipBreakerState
aip_breaker_get_state (const AipBreaker *self, gint64 now_us)
{
  gint64 until_us = aip_breaker_get_until (self);

  if (until_us == 0)
    return AIP_BREAKER_CLOSED;
  return now_us < until_us ? AIP_BREAKER_OPEN : AIP_BREAKER_HALF_OPEN;
}

/**
 * aip_breaker_is_probing:
 * @self: a breaker
 *
 * Returns: whether the probe's place is taken
 */
gboolean
aip_breaker_is_probing (const AipBreaker *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return __atomic_load_n (&self->probe, __ATOMIC_ACQUIRE) != 0;
}

static guint
get_generation (const AipBreaker *self)
{
  return __atomic_load_n (&self->generation, __ATOMIC_ACQUIRE);
}

/**
 * aip_breaker_get_serial:
 * @self: a breaker
 *
 * Returns: a number that is another one as soon as its state, the end of that or the reason for it has
 * changed by itself; that an open one has become half-open is a matter of time alone
 */
guint
aip_breaker_get_serial (const AipBreaker *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return __atomic_load_n (&self->serial, __ATOMIC_ACQUIRE);
}

static gint64
get_period (const AipBreaker *self, gint64 now_us)
{
  return now_us / MAX (self->policy.window_us / AIP_BREAKER_N_BUCKETS, 1);
}

static void
sum_window (const AipBreaker *self, gint64 now_us, guint *n, guint *n_faults)
{
  gint64 period = get_period (self, now_us);

  *n = *n_faults = 0;
  for (guint i = 0; i < AIP_BREAKER_N_BUCKETS; i++)
    {
      const AipBreakerBucket *bucket = &self->buckets[i];

      if (bucket->period <= period - AIP_BREAKER_N_BUCKETS || bucket->period > period)
        continue;
      *n += bucket->n;
      *n_faults += bucket->n_faults;
    }
}

/**
 * aip_breaker_get_view:
 * @self: a breaker
 * @now_us: the time
 * @view: (out caller-allocates): all about it at one moment
 */
void
aip_breaker_get_view (AipBreaker *self, gint64 now_us, AipBreakerView *view)
{
  g_return_if_fail (self != NULL && view != NULL);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  *view = (AipBreakerView){
    .state = aip_breaker_get_state (self, now_us),
    .fault_class = self->fault.fault_class,
    .reason = self->fault.reason,
    .status = self->fault.status,
    .since_us = self->since_us,
    .until_us = aip_breaker_get_until (self),
    .probing = aip_breaker_is_probing (self),
    .streak = self->streak,
    .in_a_row = self->in_a_row,
    .n_opened = self->n_opened,
    .generation = get_generation (self),
  };
  sum_window (self, now_us, &view->window_requests, &view->window_faults);
}

/* --- going in --- */

static gboolean
take_probe (AipBreaker *self, AipBreakerPass *pass, gint64 now_us, gboolean early)
{
  guint free = 0;
  gint64 until_us;

  if (!__atomic_compare_exchange_n (&self->probe, &free, 1, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    return FALSE;
  /* Another probe may have ended since the state was read. */
  pass->generation = get_generation (self);
  until_us = aip_breaker_get_until (self);
  pass->probe = until_us != 0;
  pass->early = until_us > now_us;
  if (until_us == 0 || (pass->early && !early))
    free_probe (self);
  return until_us == 0 || !pass->early || early;
}

/**
 * aip_breaker_enter:
 * @self: a breaker
 * @now_us: the time
 * @pass: (out caller-allocates): to be settled, if it is given
 *
 * Asks for an attempt. Half-open, the breaker lets one through and no other before that is settled.
 *
 * Returns: whether the attempt may start
 */
gboolean
aip_breaker_enter (AipBreaker *self, gint64 now_us, AipBreakerPass *pass)
{
  g_return_val_if_fail (self != NULL && pass != NULL, FALSE);

  *pass = (AipBreakerPass){ .began_us = now_us, .generation = get_generation (self) };
  switch (aip_breaker_get_state (self, now_us))
    {
    case AIP_BREAKER_CLOSED:
      return TRUE;
    case AIP_BREAKER_HALF_OPEN:
      return take_probe (self, pass, now_us, FALSE);
    case AIP_BREAKER_OPEN:
    default:
      return FALSE;
    }
}

/**
 * aip_breaker_can_be_checked:
 * @self: a breaker
 *
 * Returns: whether a health check could close it: a call that costs nothing tells nothing of limits and money
 */
gboolean
aip_breaker_can_be_checked (const AipBreaker *self)
{
  AipFaultClass fault_class;

  g_return_val_if_fail (self != NULL, FALSE);

  g_mutex_lock ((GMutex *) &self->lock);
  fault_class = self->fault.fault_class;
  g_mutex_unlock ((GMutex *) &self->lock);
  return fault_class != AIP_FAULT_CLASS_RATE_LIMITED && fault_class != AIP_FAULT_CLASS_BILLING;
}

/**
 * aip_breaker_answered:
 * @self: a breaker
 * @pass: what it gave
 * @now_us: the time
 *
 * Tells that a part of the answer is with the client, and the rest may take its time. The breaker stays as it
 * is until the end of that is known, but half-open, and with a place for the next one to find out.
 */
void
aip_breaker_answered (AipBreaker *self, AipBreakerPass *pass, gint64 now_us)
{
  g_return_if_fail (self != NULL && pass != NULL);

  if (!pass->probe || pass->answered)
    return;

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  if (pass->generation != self->generation)
    return;
  pass->answered = TRUE;
  if (self->until_us > now_us)
    put_off (self, MAX (now_us, 1));
  free_probe (self);
}

/**
 * aip_breaker_enter_check:
 * @self: a breaker
 * @now_us: the time
 * @pass: (out caller-allocates): to be settled, if it is given
 *
 * Asks for a health check, which may bring the key back before its time. Where a limit or the account's
 * credit is the reason, a check could not tell, so there is none.
 *
 * Returns: whether the check may start
 */
gboolean
aip_breaker_enter_check (AipBreaker *self, gint64 now_us, AipBreakerPass *pass)
{
  g_return_val_if_fail (self != NULL && pass != NULL, FALSE);

  *pass = (AipBreakerPass){ .began_us = now_us, .generation = get_generation (self) };
  if (aip_breaker_get_until (self) == 0)
    return TRUE;
  return aip_breaker_can_be_checked (self) && take_probe (self, pass, now_us, TRUE);
}

/* With the lock held. A key that is refused, has no money, or was told when to come back is no better than
 * nobody. */
static gboolean
may_go_early (const AipBreaker *self, gint64 now_us)
{
  return self->fault.fault_class == AIP_FAULT_CLASS_TRANSIENT && now_us >= self->floor_us &&
         now_us >= self->early_us;
}

/**
 * aip_breaker_may_go_early:
 * @self: a breaker
 * @now_us: the time
 *
 * Only looks: the probe's place stays free.
 *
 * Returns: whether aip_breaker_enter_early () would let an attempt through although the breaker is open
 */
gboolean
aip_breaker_may_go_early (AipBreaker *self, gint64 now_us)
{
  g_return_val_if_fail (self != NULL, FALSE);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  return self->until_us > now_us && may_go_early (self, now_us) && !aip_breaker_is_probing (self);
}

/**
 * aip_breaker_enter_early:
 * @self: a breaker
 * @now_us: the time
 * @pass: (out caller-allocates): to be settled, if it is given
 *
 * Asks for an attempt that has nobody else to go to. Open because of faults that may pass by themselves, the
 * breaker lets one through at a time, and the next one no sooner than a `cooldown` later, whatever its own
 * cooldown has grown to; never before the Retry-After that the provider has told. If it fails, the breaker
 * stays as it is; else it closes.
 *
 * Returns: whether the attempt may start
 */
gboolean
aip_breaker_enter_early (AipBreaker *self, gint64 now_us, AipBreakerPass *pass)
{
  g_return_val_if_fail (self != NULL && pass != NULL, FALSE);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  *pass = (AipBreakerPass){ .began_us = now_us, .generation = self->generation };
  if (self->until_us == 0)
    return TRUE;
  if (self->until_us > now_us && !may_go_early (self, now_us))
    return FALSE;
  if (!take_probe (self, pass, now_us, TRUE))
    return FALSE;
  if (pass->early)
    self->early_us = now_us + self->policy.cooldown_us;
  return TRUE;
}

/* --- settling --- */

static void
count (AipBreaker *self, gint64 now_us, gboolean fault)
{
  gint64 period = get_period (self, now_us);
  AipBreakerBucket *bucket = &self->buckets[(guint64) period % AIP_BREAKER_N_BUCKETS];

  if (bucket->period != period)
    *bucket = (AipBreakerBucket){ .period = period };
  bucket->n++;
  bucket->n_faults += fault ? 1 : 0;
  self->in_a_row = fault ? self->in_a_row + 1 : 0;
}

static gint64
get_floor (const AipFaultVerdict *verdict)
{
  return CLAMP (verdict->retry_after_us, 0, AIP_BREAKER_MAX_HOLD_US);
}

/* How long it stays open by its own reckoning: min (base * 2^streak, max), 10 % more or less. */
static gint64
get_cooldown (const AipBreaker *self, const AipFaultVerdict *verdict, guint64 random)
{
  double part = (double) (random >> 11) / (double) (G_GUINT64_CONSTANT (1) << 53);
  double cooldown;

  if (aip_fault_class_opens (verdict->fault_class))
    cooldown = (double) HARD_DOWN_US;
  else
    cooldown =
        MIN ((double) self->policy.cooldown_us * (double) (1u << MIN (self->streak, AIP_BREAKER_MAX_STREAK)),
             (double) self->policy.max_cooldown_us);
  return (gint64) (cooldown * (0.9 + 0.2 * part));
}

static gboolean
is_too_much (const AipBreaker *self, const AipFaultVerdict *verdict, gint64 now_us)
{
  guint n, n_faults;

  if (aip_fault_class_opens (verdict->fault_class) || self->in_a_row >= self->policy.threshold)
    return TRUE;
  if (self->policy.error_rate <= 0)
    return FALSE;
  sum_window (self, now_us, &n, &n_faults);
  return n >= MIN_REQUESTS && n_faults >= self->policy.error_rate * n;
}

static void
trip (AipBreaker *self, const AipFaultVerdict *verdict, gint64 now_us, gint64 hold_us)
{
  self->fault = *verdict;
  self->n_opened++;
  self->floor_us = now_us + get_floor (verdict);
  aip_breaker_change (self, MAX (now_us + hold_us, 1));
}

static void
settle_closed (AipBreaker *self,
               const AipBreakerPass *pass,
               const AipFaultVerdict *verdict,
               gint64 now_us,
               guint64 random)
{
  gboolean stale = pass->generation != self->generation;
  gint64 hold_us;

  if (verdict->fault_class == AIP_FAULT_CLASS_NONE)
    count (self, now_us, FALSE);
  if (!aip_fault_class_counts (verdict->fault_class) || !self->policy.enabled)
    return;
  /* It began before the key was found to be well again, or got another secret. */
  if (stale)
    return;
  count (self, now_us, TRUE);
  hold_us = get_floor (verdict);
  if (is_too_much (self, verdict, now_us))
    hold_us = MAX (hold_us, get_cooldown (self, verdict, random));
  if (hold_us <= 0)
    return;
  self->since_us = now_us;
  trip (self, verdict, now_us, hold_us);
}

/* What says something of a breaker that is open already can only make it later. */
static void
make_later (AipBreaker *self, const AipFaultVerdict *verdict, gint64 now_us, guint64 random)
{
  gint64 hold_us = get_floor (verdict);
  gboolean hard = aip_fault_class_opens (verdict->fault_class);
  gboolean was_hard = aip_fault_class_opens (self->fault.fault_class);
  gboolean later, says_why;

  if (!aip_fault_class_counts (verdict->fault_class))
    return;
  self->floor_us = MAX (self->floor_us, now_us + hold_us);
  if (hard && !was_hard)
    hold_us = MAX (hold_us, get_cooldown (self, verdict, random));
  later = now_us + hold_us > self->until_us;
  /* A key that is refused is not well because its provider had another fault since. */
  says_why = hard || (!was_hard && later);
  if (says_why)
    self->fault = *verdict;
  if (later)
    put_off (self, now_us + hold_us);
  else if (says_why)
    tell (self);
}

/* It found nothing out but, maybe, that there are answers. If it hung until its client had enough, the next
 * one would hang as well, and so would each one after it; so for as long as it took, up to a cooldown, nobody
 * is sent there. */
static void
give_up_probe (AipBreaker *self, const AipBreakerPass *pass, gint64 now_us)
{
  gint64 hold_us = MIN (now_us - pass->began_us, self->policy.cooldown_us);

  /* Before its time, nobody is sent there anyway. */
  if (!pass->answered && now_us >= self->until_us)
    put_off (self, now_us + hold_us);
}

static void
settle_probe (AipBreaker *self,
              const AipBreakerPass *pass,
              const AipFaultVerdict *verdict,
              gint64 now_us,
              guint64 random)
{
  AipFaultClass fault_class = verdict->fault_class;
  guint generation = self->generation;

  if (aip_fault_class_counts (fault_class))
    {
      /* What fails before its time is no news, unless its time has come meanwhile. */
      if (pass->early && now_us < self->until_us)
        make_later (self, verdict, now_us, random);
      else
        {
          self->streak++;
          self->early_us = now_us + self->policy.cooldown_us;
          trip (self, verdict, now_us, MAX (get_floor (verdict), get_cooldown (self, verdict, random)));
        }
    }
  else if (fault_class == AIP_FAULT_CLASS_CANCELLED)
    give_up_probe (self, pass, now_us);
  /* Whoever turns a request down in his own words is there; it says little about keys and money, though. */
  else if (fault_class == AIP_FAULT_CLASS_NONE || !aip_fault_class_opens (self->fault.fault_class))
    recover (self);
  /* The place that it gave back may be another one's, unless that comes too late now. */
  if (!pass->answered || self->generation != generation)
    free_probe (self);
}

/**
 * aip_breaker_settle:
 * @self: a breaker
 * @pass: what it gave; it may be settled again, then as an attempt that began now
 * @verdict: how the attempt ended
 * @now_us: the time
 * @random: any number, for the jitter of the cooldown
 *
 * Counts the attempt and changes the state accordingly.
 */
void
aip_breaker_settle (AipBreaker *self,
                    AipBreakerPass *pass,
                    const AipFaultVerdict *verdict,
                    gint64 now_us,
                    guint64 random)
{
  g_return_if_fail (self != NULL && pass != NULL && verdict != NULL);
  g_return_if_fail ((guint) verdict->fault_class < AIP_N_FAULT_CLASSES);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  if (pass->probe && pass->generation == self->generation)
    settle_probe (self, pass, verdict, now_us, random);
  else if (self->until_us == 0)
    settle_closed (self, pass, verdict, now_us, random);
  else
    make_later (self, verdict, now_us, random);
  *pass = (AipBreakerPass){ .generation = self->generation };
}
