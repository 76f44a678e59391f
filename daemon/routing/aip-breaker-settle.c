/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-breaker-private.h"

/* What the end of an attempt does to a breaker. */

#define HARD_DOWN_US (30 * G_TIME_SPAN_MINUTE)
#define MIN_REQUESTS 5

static void
count (AipBreaker *self, gint64 now_us, gboolean fault)
{
  gint64 period = aip_breaker_get_period (self, now_us);
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

static double
get_back_off (const AipBreaker *self, double max)
{
  return MIN ((double) self->policy.cooldown_us * (double) (1u << MIN (self->streak, AIP_BREAKER_MAX_STREAK)),
              max);
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
    cooldown = get_back_off (self, (double) self->policy.max_cooldown_us);
  return (gint64) (cooldown * (0.9 + 0.2 * part));
}

static gboolean
is_too_much (const AipBreaker *self, const AipFaultVerdict *verdict, gint64 now_us)
{
  guint n, n_faults;

  if (aip_fault_class_opens (verdict->fault_class) || self->on_trial ||
      self->in_a_row >= self->policy.threshold)
    return TRUE;
  if (self->policy.error_rate <= 0)
    return FALSE;
  aip_breaker_sum_window (self, now_us, &n, &n_faults);
  return n >= MIN_REQUESTS && n_faults >= self->policy.error_rate * n;
}

static void
trip (AipBreaker *self, const AipFaultVerdict *verdict, gint64 now_us, gint64 hold_us)
{
  self->fault = *verdict;
  self->checked = FALSE;
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

  /* That there is a list of models is no excuse for requests that fail. */
  if (verdict->fault_class == AIP_FAULT_CLASS_NONE && !pass->check)
    {
      count (self, now_us, FALSE);
      self->on_trial = self->on_trial && stale;
    }
  if (!aip_fault_class_counts (verdict->fault_class))
    return;
  /* It began before the key was found to be well again, or got another secret. */
  if (stale)
    return;
  count (self, now_us, TRUE);
  hold_us = get_floor (verdict);
  if (self->policy.enabled && is_too_much (self, verdict, now_us))
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
  gboolean hard = self->policy.enabled && aip_fault_class_opens (verdict->fault_class);
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
    aip_breaker_put_off (self, now_us + hold_us);
  else if (says_why)
    aip_breaker_tell (self);
}

/* A list of models shows that somebody is there, not that he answers requests: one request is to find out, at
 * once. */
static void
bring_forward (AipBreaker *self, gint64 now_us)
{
  self->checked = TRUE;
  if (self->until_us > now_us && aip_breaker_may_be_brought_forward (self, now_us))
    aip_breaker_put_off (self, MAX (now_us, 1));
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
    aip_breaker_put_off (self, now_us + hold_us);
}

/* A limit that is over tells nothing of what comes next. */
static void
close_on_trial (AipBreaker *self)
{
  gboolean had_failed = self->fault.fault_class == AIP_FAULT_CLASS_TRANSIENT;

  aip_breaker_recover (self);
  self->on_trial = had_failed;
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
          /* So that requests do not pay for a check that is passed all the time, however long it is open. */
          self->check_us = now_us + (gint64) get_back_off (self, (double) HARD_DOWN_US);
          trip (self, verdict, now_us, MAX (get_floor (verdict), get_cooldown (self, verdict, random)));
        }
    }
  else if (fault_class == AIP_FAULT_CLASS_CANCELLED)
    give_up_probe (self, pass, now_us);
  /* Whoever turns a request down in his own words is there; it says little about keys and money, though. */
  else if (fault_class == AIP_FAULT_CLASS_NONE || !aip_fault_class_opens (self->fault.fault_class))
    {
      if (pass->check)
        bring_forward (self, now_us);
      else
        close_on_trial (self);
    }
  /* The place that it gave back may be another one's, unless that comes too late now. */
  if (!pass->answered || self->generation != generation)
    aip_breaker_free_probe (self);
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
