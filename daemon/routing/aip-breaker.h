/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"
#include "routing/aip-breaker-watch.h"
#include "routing/aip-fault-class.h"

G_BEGIN_DECLS

typedef enum
{
  AIP_BREAKER_CLOSED,    /* all goes through */
  AIP_BREAKER_OPEN,      /* nothing goes through before `until` */
  AIP_BREAKER_HALF_OPEN, /* one attempt may find out whether it is over */
} AipBreakerState;

#define AIP_BREAKER_N_BUCKETS 10

/**
 * AipBreakerPolicy: [circuit-breaker] in microseconds.
 */
typedef struct
{
  gboolean enabled;
  guint threshold;
  double error_rate; /* 0: only failures in a row count */
  gint64 window_us;
  gint64 cooldown_us;
  gint64 max_cooldown_us;
} AipBreakerPolicy;

/**
 * AipBreakerView: one moment of a breaker, for people.
 * @fault_class: why it is not closed, or was the last time
 * @reason: static text; NULL: it never opened
 * @status: the HTTP status that opened it; 0: none
 * @since_us: when it left the state closed; 0: closed
 * @until_us: when it lets a probe through; 0: closed
 * @probing: a probe is under way
 * @streak: probes that failed since it left the state closed
 * @in_a_row: faults since the last success; those that opened it, where it is not closed
 * @window_requests: attempts within the window, @window_faults of which failed
 * @n_opened: how often it opened
 * @generation: grows with each change of state
 */
typedef struct
{
  AipBreakerState state;
  AipFaultClass fault_class;
  const char *reason;
  guint status;
  gint64 since_us;
  gint64 until_us;
  gboolean probing;
  guint streak;
  guint in_a_row;
  guint window_requests;
  guint window_faults;
  guint64 n_opened;
  guint generation;
} AipBreakerView;

typedef struct
{
  gint64 period; /* which piece of time it counts */
  guint n;
  guint n_faults;
} AipBreakerBucket;

/**
 * AipBreaker: the breaker of one key. Safe to use from all threads. Embed it; all fields private.
 */
typedef struct
{
  gint64 until_us;  /* atomic; 0: closed */
  guint probe;      /* atomic; 1: taken */
  guint generation; /* atomic */
  guint serial;     /* atomic: of all that is told */
  GMutex lock;      /* of what follows */
  AipBreakerPolicy policy;
  AipFaultVerdict fault;
  gint64 since_us;
  gint64 floor_us;   /* the provider does not want to be asked before */
  gint64 early_us;   /* nobody may go ahead of its time before */
  gint64 check_us;   /* no health check may make it half-open before */
  gboolean checked;  /* since it opened, one was passed */
  gboolean on_trial; /* since a probe has closed it, nothing else was served */
  guint streak;
  guint in_a_row;
  guint64 n_opened;
  AipBreakerBucket buckets[AIP_BREAKER_N_BUCKETS];
  AipBreakerWatch *watch; /* (nullable) */
} AipBreaker;

/**
 * AipBreakerPass: the right to one attempt, from aip_breaker_enter () to aip_breaker_settle (). Private.
 * @began_us: when it was given
 * @probe: it holds the only place that there is while the breaker is not closed
 * @answered: it has given that place back, as its answer is on its way
 * @check: it is a health check
 * @early: it is a check, or an attempt for want of anybody else, before the breaker's time has come
 */
typedef struct
{
  gint64 began_us;
  guint generation;
  gboolean probe;
  gboolean answered;
  gboolean check;
  gboolean early;
} AipBreakerPass;

void aip_breaker_policy_init (AipBreakerPolicy *policy, const AipBreakerConfig *config);

void aip_breaker_init (AipBreaker *self, const AipBreakerPolicy *policy);
void aip_breaker_clear (AipBreaker *self);
void aip_breaker_set_watch (AipBreaker *self, AipBreakerWatch *watch);
void aip_breaker_set_policy (AipBreaker *self, const AipBreakerPolicy *policy);

const char *aip_breaker_state_get_name (AipBreakerState state);
AipBreakerState aip_breaker_get_state (const AipBreaker *self, gint64 now_us);
gint64 aip_breaker_get_until (const AipBreaker *self);
gboolean aip_breaker_awaits_check (AipBreaker *self);
gboolean aip_breaker_may_go_early (AipBreaker *self, gint64 now_us);
gboolean aip_breaker_is_probing (const AipBreaker *self);
guint aip_breaker_get_serial (const AipBreaker *self);
void aip_breaker_get_view (AipBreaker *self, gint64 now_us, AipBreakerView *view);

gboolean aip_breaker_enter (AipBreaker *self, gint64 now_us, AipBreakerPass *pass);
gboolean aip_breaker_enter_check (AipBreaker *self, gint64 now_us, AipBreakerPass *pass);
gboolean aip_breaker_enter_early (AipBreaker *self, gint64 now_us, AipBreakerPass *pass);
void aip_breaker_answered (AipBreaker *self, AipBreakerPass *pass, gint64 now_us);
void aip_breaker_settle (AipBreaker *self,
                         AipBreakerPass *pass,
                         const AipFaultVerdict *verdict,
                         gint64 now_us,
                         guint64 random);
void aip_breaker_reset (AipBreaker *self);

GVariant *aip_breaker_save (AipBreaker *self, gint64 now_us, gint64 wall_us);
gboolean aip_breaker_restore (AipBreaker *self, GVariant *saved, gint64 now_us, gint64 wall_us);

G_END_DECLS
