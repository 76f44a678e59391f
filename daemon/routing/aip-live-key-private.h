/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-live-key.h"

G_BEGIN_DECLS

/**
 * AipLiveLimit: one of the provider's own limits; all atomic.
 * @left: of @limit, until @until_us; -1: not known
 */
typedef struct
{
  gint64 limit;
  gint64 left;
  gint64 until_us;
} AipLiveLimit;

/* What each choice among many keys reads lies together, and is read without a lock: a figure that is an
 * instant old does no harm. The floating-point ones are kept as bits, for atomics know integers. */
struct _AipLiveKey
{
  guint64 success;    /* atomic; bits of a double; so are the next two */
  guint64 first_byte; /* microseconds */
  guint64 tokens_per_s;
  guint in_flight; /* atomic */
  AipLiveLimit requests;
  AipLiveLimit tokens;
  gint64 minute;         /* atomic: the one that tokens_now counts */
  guint64 tokens_now;    /* atomic */
  guint64 tokens_before; /* atomic: of the minute before */
  guint64 hash;          /* of the id */
  AipBreaker breaker;
  GMutex lock; /* of what follows, and for writing what precedes but in_flight and the limits */
  AipLiveKeyTotals totals;
  gatomicrefcount ref_count;
  char *id;
};

static inline double
aip_live_key_load (const guint64 *bits)
{
  guint64 loaded = __atomic_load_n (bits, __ATOMIC_RELAXED);
  double value;

  __builtin_memcpy (&value, &loaded, sizeof value);
  return value;
}

static inline guint
aip_live_key_load_in_flight (const AipLiveKey *self)
{
  return __atomic_load_n (&self->in_flight, __ATOMIC_RELAXED);
}

static inline double
aip_live_limit_get_share (const AipLiveLimit *self, gint64 now_us)
{
  gint64 left = __atomic_load_n (&self->left, __ATOMIC_RELAXED);

  if (left < 0 || now_us >= __atomic_load_n (&self->until_us, __ATOMIC_RELAXED))
    return 1;
  return MIN (2.0 * (double) left / (double) MAX (__atomic_load_n (&self->limit, __ATOMIC_RELAXED), 1), 1);
}

/* 1 down to the half of a limit, then less, to 0: it is used up. */
static inline double
aip_live_key_get_headroom (const AipLiveKey *self, gint64 now_us)
{
  double requests = aip_live_limit_get_share (&self->requests, now_us);
  double tokens = aip_live_limit_get_share (&self->tokens, now_us);

  return MIN (requests, tokens);
}

/* Tokens of about the last minute: those of this one, and a share of those of the one before. */
static inline double
aip_live_key_load_recent_tokens (const AipLiveKey *self, gint64 now_us)
{
  gint64 age = now_us / G_TIME_SPAN_MINUTE - __atomic_load_n (&self->minute, __ATOMIC_RELAXED);
  double share = 1 - (double) (now_us % G_TIME_SPAN_MINUTE) / (double) G_TIME_SPAN_MINUTE;
  double now = (double) __atomic_load_n (&self->tokens_now, __ATOMIC_RELAXED);

  if (age > 1)
    return 0;
  if (age == 1)
    return now * share;
  return now + share * (double) __atomic_load_n (&self->tokens_before, __ATOMIC_RELAXED);
}

G_END_DECLS
