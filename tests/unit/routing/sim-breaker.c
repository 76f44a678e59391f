/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-breaker.h"

#define HARD_DOWN_US (30 * G_TIME_SPAN_MINUTE)
#define MAX_RETRY_AFTER_US (24 * G_TIME_SPAN_HOUR)
#define LEAST_ATTEMPTS 5 /* for a rate */
#define N_PIECES 10      /* of the window */

typedef struct
{
  gint64 at_us;
  gboolean fault;
} Outcome;

/**
 * sim_breaker_init:
 * @self: (out caller-allocates): a breaker, closed
 * @config: [circuit-breaker]
 * @exact: there is no jitter
 */
void
sim_breaker_init (SimBreaker *self, const AipBreakerConfig *config, gboolean exact)
{
  *self = (SimBreaker){ .config = *config,
                        .exact = exact,
                        .outcomes = g_array_new (FALSE, FALSE, sizeof (Outcome)) };
}

/**
 * sim_breaker_clear:
 * @self: a breaker
 */
void
sim_breaker_clear (SimBreaker *self)
{
  g_array_unref (self->outcomes);
}

static gint64
get_cooldown (const SimBreaker *self)
{
  return (gint64) self->config.cooldown * 1000;
}

/* Of faults that are no transient ones, what they need is not time. */
static gboolean
is_hard (AipFaultClass fault_class)
{
  return fault_class == AIP_FAULT_CLASS_AUTH || fault_class == AIP_FAULT_CLASS_BILLING;
}

static gboolean
is_fault (AipFaultClass fault_class)
{
  return is_hard (fault_class) || fault_class == AIP_FAULT_CLASS_TRANSIENT ||
         fault_class == AIP_FAULT_CLASS_RATE_LIMITED;
}

/* --- looking --- */

/**
 * sim_breaker_get_state:
 * @self: a breaker
 * @now_us: the time
 *
 * Returns: its state
 */
AipBreakerState
sim_breaker_get_state (const SimBreaker *self, gint64 now_us)
{
  if (!self->out)
    return AIP_BREAKER_CLOSED;
  return now_us < self->until_us ? AIP_BREAKER_OPEN : AIP_BREAKER_HALF_OPEN;
}

static gboolean
can_be_checked (const SimBreaker *self)
{
  return self->why == AIP_FAULT_CLASS_TRANSIENT || self->why == AIP_FAULT_CLASS_AUTH;
}

/**
 * sim_breaker_awaits_check:
 * @self: a breaker that is half-open
 *
 * Returns: whether a health check could still spare requests to it
 */
gboolean
sim_breaker_awaits_check (const SimBreaker *self)
{
  return self->config.enabled && can_be_checked (self) && !self->checked;
}

/**
 * sim_breaker_may_go_early:
 * @self: a breaker
 * @now_us: the time
 *
 * Returns: whether it is open, and may be tried all the same for want of anybody else
 */
gboolean
sim_breaker_may_go_early (const SimBreaker *self, gint64 now_us)
{
  return sim_breaker_get_state (self, now_us) == AIP_BREAKER_OPEN && self->probe == 0 &&
         self->why == AIP_FAULT_CLASS_TRANSIENT && now_us >= self->floor_us && now_us >= self->early_us;
}

static gboolean
may_come_forward (const SimBreaker *self, gint64 now_us)
{
  return now_us >= self->floor_us && now_us >= self->check_us;
}

static void
begin_epoch (SimBreaker *self)
{
  self->epoch++;
  self->probe = 0;
}

static void
close_it (SimBreaker *self)
{
  begin_epoch (self);
  self->out = self->checked = self->on_trial = FALSE;
  self->until_us = self->floor_us = self->early_us = self->check_us = 0;
  self->streak = self->in_a_row = self->n_faults = self->first = 0;
  g_array_set_size (self->outcomes, 0);
}

/* --- going in --- */

/* One that is not enabled heeds nothing but a provider's Retry-After: then nobody has to find out. */
static gboolean
close_unless_enabled (SimBreaker *self, SimPass *pass)
{
  if (self->config.enabled)
    return FALSE;
  close_it (self);
  pass->epoch = self->epoch;
  return TRUE;
}

static gboolean
find_out (SimBreaker *self, SimPass *pass)
{
  if (self->probe != 0)
    return FALSE;
  pass->early = pass->began_us < self->until_us;
  pass->probe = self->probe = ++self->n_probes;
  return TRUE;
}

/**
 * sim_breaker_enter:
 * @self: a breaker
 * @now_us: the time
 * @pass: (out caller-allocates): the attempt
 *
 * Returns: whether an attempt may start
 */
gboolean
sim_breaker_enter (SimBreaker *self, gint64 now_us, SimPass *pass)
{
  *pass = (SimPass){ .epoch = self->epoch, .began_us = now_us };
  switch (sim_breaker_get_state (self, now_us))
    {
    case AIP_BREAKER_CLOSED:
      return TRUE;
    case AIP_BREAKER_HALF_OPEN:
      return close_unless_enabled (self, pass) || find_out (self, pass);
    case AIP_BREAKER_OPEN:
    default:
      return FALSE;
    }
}

/**
 * sim_breaker_enter_early:
 * @self: a breaker
 * @now_us: the time
 * @pass: (out caller-allocates): the attempt
 *
 * Returns: whether an attempt may start that nobody else could serve
 */
gboolean
sim_breaker_enter_early (SimBreaker *self, gint64 now_us, SimPass *pass)
{
  if (!sim_breaker_may_go_early (self, now_us))
    return sim_breaker_enter (self, now_us, pass);
  *pass = (SimPass){ .epoch = self->epoch, .began_us = now_us };
  self->early_us = now_us + get_cooldown (self);
  return find_out (self, pass);
}

/**
 * sim_breaker_enter_check:
 * @self: a breaker
 * @now_us: the time
 * @pass: (out caller-allocates): the check
 *
 * Returns: whether a health check may start
 */
gboolean
sim_breaker_enter_check (SimBreaker *self, gint64 now_us, SimPass *pass)
{
  AipBreakerState state = sim_breaker_get_state (self, now_us);

  *pass = (SimPass){ .epoch = self->epoch, .began_us = now_us, .check = TRUE };
  if (state == AIP_BREAKER_CLOSED)
    return TRUE;
  if (state == AIP_BREAKER_HALF_OPEN && close_unless_enabled (self, pass))
    return TRUE;
  if (!can_be_checked (self) || (state == AIP_BREAKER_OPEN && !may_come_forward (self, now_us)))
    return FALSE;
  return find_out (self, pass);
}

/* --- what becomes of it --- */

static void
log_outcome (SimBreaker *self, gint64 now_us, gboolean fault)
{
  Outcome outcome = { now_us, fault };

  g_array_append_val (self->outcomes, outcome);
  self->n_faults += fault ? 1 : 0;
  self->in_a_row = fault ? self->in_a_row + 1 : 0;
}

/* The window is cut into pieces, of which the last ten count, with the present one. */
static guint
count_window (SimBreaker *self, gint64 now_us)
{
  gint64 piece_us = (gint64) self->config.window * 1000 / N_PIECES;

  for (; self->first < self->outcomes->len; self->first++)
    {
      const Outcome *outcome = &g_array_index (self->outcomes, Outcome, self->first);

      if (now_us / piece_us - outcome->at_us / piece_us < N_PIECES)
        break;
      self->n_faults -= outcome->fault ? 1 : 0;
    }
  return self->outcomes->len - self->first;
}

static gint64
get_retry_after (const AipFaultVerdict *verdict)
{
  return CLAMP (verdict->retry_after_us, 0, MAX_RETRY_AFTER_US);
}

/* min (base x 2^streak, @max_us) */
static gint64
get_back_off (const SimBreaker *self, gint64 max_us)
{
  gint64 back_off_us = get_cooldown (self);

  for (guint i = 0; i < self->streak && back_off_us < max_us; i++)
    back_off_us *= 2;
  return MIN (back_off_us, max_us);
}

/* What it has to wait by its own reckoning: 10 % more or less. */
static void
hold (SimBreaker *self, const AipFaultVerdict *verdict, gint64 now_us)
{
  gint64 retry_after_us = get_retry_after (verdict);
  gint64 own_us = is_hard (verdict->fault_class)
                      ? HARD_DOWN_US
                      : get_back_off (self, (gint64) self->config.max_cooldown * 1000);

  self->slack_us = self->exact ? 0 : own_us / 10 + 1;
  if (retry_after_us > own_us - self->slack_us)
    {
      own_us = retry_after_us;
      self->slack_us = self->exact ? 0 : self->slack_us * 2;
    }
  self->until_us = now_us + own_us;
}

static void
open_it (SimBreaker *self, const AipFaultVerdict *verdict, gint64 now_us)
{
  begin_epoch (self);
  self->out = TRUE;
  self->checked = FALSE;
  self->why = verdict->fault_class;
  self->floor_us = now_us + get_retry_after (verdict);
  self->n_opened++;
}

static gboolean
is_too_much (SimBreaker *self, const AipFaultVerdict *verdict, gint64 now_us)
{
  guint n = count_window (self, now_us);

  if (!self->config.enabled)
    return FALSE;
  if (is_hard (verdict->fault_class) || self->on_trial || self->in_a_row >= self->config.threshold)
    return TRUE;
  return self->config.error_rate > 0 && n >= LEAST_ATTEMPTS && self->n_faults >= self->config.error_rate * n;
}

static void
settle_closed (SimBreaker *self, const SimPass *pass, const AipFaultVerdict *verdict, gint64 now_us)
{
  if (verdict->fault_class == AIP_FAULT_CLASS_NONE && !pass->check)
    {
      log_outcome (self, now_us, FALSE);
      if (pass->epoch == self->epoch)
        self->on_trial = FALSE;
    }
  if (!is_fault (verdict->fault_class) || pass->epoch != self->epoch)
    return;
  log_outcome (self, now_us, TRUE);
  if (is_too_much (self, verdict, now_us))
    hold (self, verdict, now_us);
  else if (get_retry_after (verdict) > 0)
    self->until_us = now_us + get_retry_after (verdict);
  else
    return;
  open_it (self, verdict, now_us);
}

/* Of one that is not closed, others than the one that finds out can only tell that it takes longer. */
static void
put_off (SimBreaker *self, const AipFaultVerdict *verdict, gint64 now_us)
{
  gint64 before_us = self->until_us;
  gboolean hard = self->config.enabled && is_hard (verdict->fault_class);
  gboolean news = hard && !is_hard (self->why);

  if (!is_fault (verdict->fault_class))
    return;
  self->floor_us = MAX (self->floor_us, now_us + get_retry_after (verdict));
  if (news)
    hold (self, verdict, now_us);
  else
    self->until_us = now_us + get_retry_after (verdict);
  if (self->until_us > before_us)
    self->why = is_hard (self->why) ? self->why : verdict->fault_class;
  else
    {
      self->until_us = before_us;
      self->slack_us = 0;
    }
  /* One that is refused, or has no money, has that to be told of. */
  if (hard)
    self->why = verdict->fault_class;
}

static void
note_failed_probe (SimBreaker *self, const SimPass *pass, const AipFaultVerdict *verdict, gint64 now_us)
{
  if (pass->early && now_us < self->until_us)
    {
      put_off (self, verdict, now_us);
      return;
    }
  self->streak++;
  hold (self, verdict, now_us);
  open_it (self, verdict, now_us);
  self->early_us = now_us + get_cooldown (self);
  self->check_us = now_us + get_back_off (self, HARD_DOWN_US);
}

static void
note_passed_check (SimBreaker *self, gint64 now_us)
{
  self->checked = TRUE;
  if (now_us < self->until_us && may_come_forward (self, now_us))
    self->until_us = now_us;
}

/* What has failed so often has the next attempt to show that it is well, but not one that had a limit. */
static void
close_on_trial (SimBreaker *self)
{
  gboolean had_failed = self->why == AIP_FAULT_CLASS_TRANSIENT;

  close_it (self);
  self->on_trial = had_failed;
}

static void
settle_probe (SimBreaker *self, const SimPass *pass, const AipFaultVerdict *verdict, gint64 now_us)
{
  AipFaultClass fault_class = verdict->fault_class;

  if (is_fault (fault_class))
    note_failed_probe (self, pass, verdict, now_us);
  else if (fault_class == AIP_FAULT_CLASS_CANCELLED)
    {
      if (!pass->answered && now_us >= self->until_us)
        self->until_us = now_us + MIN (now_us - pass->began_us, get_cooldown (self));
    }
  else if (fault_class != AIP_FAULT_CLASS_NONE && is_hard (self->why))
    ; /* whoever turns a request down says little about keys and money */
  else if (pass->check)
    note_passed_check (self, now_us);
  else
    close_on_trial (self);
  if (self->probe == pass->probe)
    self->probe = 0;
}

/**
 * sim_breaker_answered:
 * @self: a breaker
 * @pass: an attempt whose client has the first part of an answer
 * @now_us: the time
 */
void
sim_breaker_answered (SimBreaker *self, SimPass *pass, gint64 now_us)
{
  if (pass->probe == 0 || pass->epoch != self->epoch || pass->answered)
    return;
  pass->answered = TRUE;
  self->until_us = MIN (self->until_us, now_us);
  if (self->probe == pass->probe)
    self->probe = 0;
}

/**
 * sim_breaker_settle:
 * @self: a breaker
 * @pass: an attempt that has ended
 * @verdict: how
 * @now_us: the time
 */
void
sim_breaker_settle (SimBreaker *self, SimPass *pass, const AipFaultVerdict *verdict, gint64 now_us)
{
  if (pass->probe != 0 && pass->epoch == self->epoch)
    settle_probe (self, pass, verdict, now_us);
  else if (!self->out)
    settle_closed (self, pass, verdict, now_us);
  else
    put_off (self, verdict, now_us);
}

/**
 * sim_breaker_reset:
 * @self: a breaker that its owner closes
 */
void
sim_breaker_reset (SimBreaker *self)
{
  close_it (self);
}

/**
 * sim_breaker_compare:
 * @self: what has to be
 * @breaker: what is
 * @now_us: the time
 *
 * Fails where they differ. What chance has added to a cooldown is known from then on.
 */
void
sim_breaker_compare (SimBreaker *self, AipBreaker *breaker, gint64 now_us)
{
  AipBreakerView view;

  aip_breaker_get_view (breaker, now_us, &view);
  g_assert_cmpint (view.until_us, >=, self->until_us - self->slack_us);
  g_assert_cmpint (view.until_us, <=, self->until_us + self->slack_us);
  self->until_us = view.until_us;
  self->slack_us = 0;
  g_assert_cmpint (view.state, ==, sim_breaker_get_state (self, now_us));
  g_assert_cmpint (view.probing, ==, self->probe != 0);
  g_assert_cmpint (view.fault_class, ==, self->why);
  g_assert_cmpuint (view.n_opened, ==, self->n_opened);
  g_assert_cmpuint (view.streak, ==, self->streak);
  g_assert_cmpuint (view.in_a_row, ==, self->in_a_row);
  g_assert_cmpuint (view.window_requests, ==, count_window (self, now_us));
  g_assert_cmpuint (view.window_faults, ==, self->n_faults);
}
