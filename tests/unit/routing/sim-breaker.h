/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-breaker.h"

G_BEGIN_DECLS

/**
 * SimPass: one attempt, as the breaker has to see it.
 * @probe: it is the one that finds out, see SimBreaker.probe
 * @began_us: when
 */
typedef struct
{
  guint probe;
  guint epoch;
  gint64 began_us;
  gboolean answered;
  gboolean check;
  gboolean early;
} SimPass;

/**
 * SimBreaker: what a breaker has to do, told by a log of single outcomes.
 * @exact: its cooldowns have no jitter
 * @out: it is not closed
 * @until_us: until when it lets nobody through; @slack_us: give or take so much, until it was seen
 * @probe: the number of the attempt that finds out; 0: there is none
 * @epoch: of the state: what began in another one says nothing of this one
 * @outcomes: all since it was last closed; from @first on within the window, @n_faults of which failed
 */
typedef struct
{
  AipBreakerConfig config;
  gboolean exact;
  gboolean out;
  gint64 until_us;
  gint64 slack_us;
  guint probe;
  guint n_probes;
  guint epoch;
  AipFaultClass why;
  gint64 floor_us; /* what the provider has told */
  gint64 early_us; /* nobody goes early before */
  gint64 check_us; /* no check is of use before */
  gboolean checked;
  gboolean on_trial; /* a probe has closed it, and nothing else was served since */
  guint streak;
  guint in_a_row;
  guint64 n_opened;
  GArray *outcomes;
  guint first;
  guint n_faults;
} SimBreaker;

void sim_breaker_init (SimBreaker *self, const AipBreakerConfig *config, gboolean exact);
void sim_breaker_clear (SimBreaker *self);

AipBreakerState sim_breaker_get_state (const SimBreaker *self, gint64 now_us);
gboolean sim_breaker_may_go_early (const SimBreaker *self, gint64 now_us);
gboolean sim_breaker_awaits_check (const SimBreaker *self);

gboolean sim_breaker_enter (SimBreaker *self, gint64 now_us, SimPass *pass);
gboolean sim_breaker_enter_early (SimBreaker *self, gint64 now_us, SimPass *pass);
gboolean sim_breaker_enter_check (SimBreaker *self, gint64 now_us, SimPass *pass);
void sim_breaker_answered (SimBreaker *self, SimPass *pass, gint64 now_us);
void sim_breaker_settle (SimBreaker *self, SimPass *pass, const AipFaultVerdict *verdict, gint64 now_us);
void sim_breaker_reset (SimBreaker *self);
void sim_breaker_compare (SimBreaker *self, AipBreaker *breaker, gint64 now_us);

G_END_DECLS
