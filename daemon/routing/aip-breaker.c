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
 * One good answer does not make a key well that has failed so often: the next attempt opens it again if that
 * fails, whatever `threshold` says, so that a key that serves probes alone costs no more than one that is
 * down.
 *
 * A probe whose answer is long gives its place back once there is content for its client, so that the next
 * one finds out as well; whichever of them ends first decides (aip_breaker_answered ()).
 *
 * OPEN lets health checks through, which make it HALF-OPEN before its time (see bring_forward ()), and, where
 * there is nobody else to serve a request, one attempt in each `cooldown` (aip_breaker_enter_early ()): each
 * holds the probe's place.
 *
 * OPEN and HALF-OPEN differ by the time alone: both are "until_us is not 0". Each change of state has a new
 * generation, by which attempts that began before it are known: they neither close what has opened since, nor
 * open again what has closed since.
 */

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

/**
 * aip_breaker_tell:
 * @self: a breaker, with its lock held
 *
 * Tells that something of it has changed that people see.
 */
void
aip_breaker_tell (AipBreaker *self)
{
  __atomic_add_fetch (&self->serial, 1, __ATOMIC_RELEASE);
  aip_breaker_watch_notify (self->watch);
}

/**
 * aip_breaker_put_off:
 * @self: a breaker, with its lock held
 * @until_us: when it lets a probe through; not 0
 *
 * Changes no state, but when it will.
 */
void
aip_breaker_put_off (AipBreaker *self, gint64 until_us)
{
  __atomic_store_n (&self->until_us, until_us, __ATOMIC_RELEASE);
  aip_breaker_tell (self);
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
  aip_breaker_tell (self);
}

/**
 * aip_breaker_recover:
 * @self: a breaker, with its lock held
 *
 * Closes it, and forgets all faults.
 */
void
aip_breaker_recover (AipBreaker *self)
{
  self->since_us = 0;
  self->floor_us = self->early_us = self->check_us = 0;
  self->checked = self->on_trial = FALSE;
  self->streak = 0;
  self->in_a_row = 0;
  memset (self->buckets, 0, sizeof self->buckets);
  aip_breaker_change (self, 0);
}

/**
 * aip_breaker_free_probe:
 * @self: a breaker, with its lock held
 *
 * Gives the probe's place back.
 */
void
aip_breaker_free_probe (AipBreaker *self)
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

  aip_breaker_recover (self);
  aip_breaker_free_probe (self);
}

/**
 * aip_breaker_set_policy:
 * @self: a breaker
 * @policy: when to open and for how long, from now on; where it is not enabled any more, the breaker closes,
 *   and from then on heeds nothing but a provider's Retry-After
 */
void
aip_breaker_set_policy (AipBreaker *self, const AipBreakerPolicy *policy)
{
  gboolean was_enabled;

  g_return_if_fail (self != NULL && policy != NULL);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  if (self->policy.window_us != policy->window_us)
    memset (self->buckets, 0, sizeof self->buckets);
  was_enabled = self->policy.enabled;
  self->policy = *policy;
  if (was_enabled && !policy->enabled && aip_breaker_get_until (self) != 0)
    {
      aip_breaker_recover (self);
      aip_breaker_free_probe (self);
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
 * aip_breaker_state_get_name:
 * @state: the state of a breaker
 *
 * Returns: (transfer none): "closed", "open" or "half-open"
 */
const char *
aip_breaker_state_get_name (AipBreakerState state)
{
  static const char *const names[] = {
    [AIP_BREAKER_CLOSED] = "closed",
    [AIP_BREAKER_OPEN] = "open",
    [AIP_BREAKER_HALF_OPEN] = "half-open",
  };

  g_return_val_if_fail ((guint) state < G_N_ELEMENTS (names), NULL);

  return names[state];
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

/**
 * aip_breaker_get_period:
 * @self: a breaker, with its lock held
 * @now_us: the time
 *
 * Returns: which piece of its window's time it is
 */
gint64
aip_breaker_get_period (const AipBreaker *self, gint64 now_us)
{
  return now_us / MAX (self->policy.window_us / AIP_BREAKER_N_BUCKETS, 1);
}

/**
 * aip_breaker_sum_window:
 * @self: a breaker, with its lock held
 * @now_us: the time
 * @n: (out): attempts within the window
 * @n_faults: (out): how many of them failed
 */
void
aip_breaker_sum_window (const AipBreaker *self, gint64 now_us, guint *n, guint *n_faults)
{
  gint64 period = aip_breaker_get_period (self, now_us);

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
  aip_breaker_sum_window (self, now_us, &view->window_requests, &view->window_faults);
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
    aip_breaker_free_probe (self);
  return until_us == 0 || !pass->early || early;
}

/* With the lock held. Where it is not enabled, it only waits for what a provider has asked for, and then
 * nobody has to find out. Returns: whether it is closed */
static gboolean
close_unless_enabled (AipBreaker *self, AipBreakerPass *pass, gint64 now_us)
{
  if (self->policy.enabled || self->until_us > now_us)
    return FALSE;
  if (self->until_us != 0)
    aip_breaker_recover (self);
  pass->generation = self->generation;
  return TRUE;
}

static gboolean
enter_half_open (AipBreaker *self, AipBreakerPass *pass, gint64 now_us)
{
  gboolean closed;

  g_mutex_lock (&self->lock);
  closed = close_unless_enabled (self, pass, now_us);
  g_mutex_unlock (&self->lock);
  return closed || take_probe (self, pass, now_us, FALSE);
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
      return enter_half_open (self, pass, now_us);
    case AIP_BREAKER_OPEN:
    default:
      return FALSE;
    }
}

/* With the lock held. A call that costs nothing tells nothing of limits and money. */
static gboolean
can_be_checked (const AipBreaker *self)
{
  AipFaultClass fault_class = self->fault.fault_class;

  return fault_class != AIP_FAULT_CLASS_RATE_LIMITED && fault_class != AIP_FAULT_CLASS_BILLING;
}

/**
 * aip_breaker_awaits_check:
 * @self: a breaker that is half-open
 *
 * Returns: whether a health check could still spare requests to it
 */
gboolean
aip_breaker_awaits_check (AipBreaker *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  return self->policy.enabled && can_be_checked (self) && !self->checked;
}

/**
 * aip_breaker_may_be_brought_forward:
 * @self: a breaker, with its lock held
 * @now_us: the time
 *
 * Returns: whether a health check that is passed may make it half-open before its time
 */
gboolean
aip_breaker_may_be_brought_forward (const AipBreaker *self, gint64 now_us)
{
  return now_us >= self->floor_us && now_us >= self->check_us;
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
    aip_breaker_put_off (self, MAX (now_us, 1));
  aip_breaker_free_probe (self);
}

/**
 * aip_breaker_enter_check:
 * @self: a breaker
 * @now_us: the time
 * @pass: (out caller-allocates): to be settled, if it is given
 *
 * Asks for a health check, which may make the breaker half-open before its time. Where a limit or the
 * account's credit is the reason, a check could not tell, so there is none; nor before the Retry-After that
 * the provider has told, nor, once a request has failed where a check was passed, before a back-off.
 *
 * Returns: whether the check may start
 */
gboolean
aip_breaker_enter_check (AipBreaker *self, gint64 now_us, AipBreakerPass *pass)
{
  g_return_val_if_fail (self != NULL && pass != NULL, FALSE);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  *pass = (AipBreakerPass){ .began_us = now_us, .generation = self->generation, .check = TRUE };
  if (self->until_us == 0 || close_unless_enabled (self, pass, now_us))
    return TRUE;
  if (!can_be_checked (self) ||
      (self->until_us > now_us && !aip_breaker_may_be_brought_forward (self, now_us)))
    return FALSE;
  return take_probe (self, pass, now_us, TRUE);
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
