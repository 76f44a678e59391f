/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-live-key.h"

G_BEGIN_DECLS

/**
 * AipLiveLimit: one of the provider's own limits; all atomic.
 */
typedef struct
{
  gint64 limit;
  gint64 until_us; /* when all of it is there again */
} AipLiveLimit;

#define AIP_LIVE_KEY_ALIGNMENT 64

/* What each choice among many keys reads lies in one cache line, down to the breaker's `generation`, and is
 * read without a lock: a figure that is an instant old does no harm. The floating-point ones are kept as
 * bits, for atomics know integers. */
struct _AipLiveKey
{
  guint32 success;    /* atomic; bits of a float; so are the next two */
  guint32 first_byte; /* microseconds */
  guint32 tokens_per_s;
  guint in_flight;      /* atomic */
  gint64 requests_left; /* atomic: of the provider's limit; -1: not known; so is the next */
  gint64 tokens_left;
  guint32 minute;        /* atomic: the one that tokens_now counts */
  guint32 tokens_now;    /* atomic */
  guint32 tokens_before; /* atomic: of the minute before */
  guint32 hash;          /* of the id */
  AipBreaker breaker;
  AipLiveLimit requests;
  AipLiveLimit tokens;
  GMutex lock; /* of what follows, and for writing the figures that are no mere counts */
  AipLiveKeyTotals totals;
  AipSecret *secret; /* (nullable): what it was last used with */
  gatomicrefcount ref_count;
  char *id;
};

static inline double
aip_live_key_load (const guint32 *bits)
{
  guint32 loaded = __atomic_load_n (bits, __ATOMIC_RELAXED);
  float value;

  __builtin_memcpy (&value, &loaded, sizeof value);
  return (double) value;
}

static inline gint64
aip_live_key_load_until (const AipLiveKey *self)
{
  return __atomic_load_n (&self->breaker.until_us, __ATOMIC_ACQUIRE);
}

static inline guint
aip_live_key_load_in_flight (const AipLiveKey *self)
{
  return __atomic_load_n (&self->in_flight, __ATOMIC_RELAXED);
}

static inline double
aip_live_limit_get_share (const AipLiveLimit *self, const gint64 *left_of_it, gint64 now_us)
{
  gint64 left = __atomic_load_n (left_of_it, __ATOMIC_RELAXED);
  gint64 limit;

  if (left < 0 || now_us >= __atomic_load_n (&self->until_us, __ATOMIC_RELAXED))
    return 1;
  limit = __atomic_load_n (&self->limit, __ATOMIC_RELAXED);
  return left >= limit / 2 && left > 0 ? 1 : 2.0 * (double) left / (double) MAX (limit, 1);
}

/* Whether nothing is known of the provider's limits, as with most keys. */
static inline gboolean
aip_live_key_has_no_limits (const AipLiveKey *self)
{
  return (__atomic_load_n (&self->requests_left, __ATOMIC_RELAXED) &
          __atomic_load_n (&self->tokens_left, __ATOMIC_RELAXED)) < 0;
}

/* 1 down to the half of a limit, then less, to 0: it is used up. */
static inline double
aip_live_key_load_headroom (const AipLiveKey *self, gint64 now_us)
{
  if (aip_live_key_has_no_limits (self))
    return 1;

  double requests = aip_live_limit_get_share (&self->requests, &self->requests_left, now_us);
  double tokens = aip_live_limit_get_share (&self->tokens, &self->tokens_left, now_us);

  return MIN (requests, tokens);
}

static inline gboolean
aip_live_limit_has_room (const AipLiveLimit *self, const gint64 *left_of_it, gint64 needed, gint64 now_us)
{
  gint64 left = __atomic_load_n (left_of_it, __ATOMIC_RELAXED);

  return left < 0 || left >= needed || now_us >= __atomic_load_n (&self->until_us, __ATOMIC_RELAXED);
}

/* Whether the provider's limits leave room for one more request of so many tokens, as far as is known. */
static inline gboolean
aip_live_key_has_room (const AipLiveKey *self, guint64 tokens, gint64 now_us)
{
  gint64 needed = (gint64) CLAMP (tokens, 1, G_MAXINT64);

  return aip_live_key_has_no_limits (self) ||
         (aip_live_limit_has_room (&self->requests, &self->requests_left, 1, now_us) &&
          aip_live_limit_has_room (&self->tokens, &self->tokens_left, needed, now_us));
}

/* Tokens of about the last minute: those of this one, and a share of those of the one before. */
static inline double
aip_live_key_load_recent_tokens (const AipLiveKey *self, gint64 now_us)
{
  guint32 age = (guint32) (now_us / G_TIME_SPAN_MINUTE) - __atomic_load_n (&self->minute, __ATOMIC_RELAXED);
  double share = 1 - (double) (now_us % G_TIME_SPAN_MINUTE) / (double) G_TIME_SPAN_MINUTE;
  double now = (double) __atomic_load_n (&self->tokens_now, __ATOMIC_RELAXED);

  if (age > 1)
    return 0;
  if (age == 1)
    return now * share;
  return now + share * (double) __atomic_load_n (&self->tokens_before, __ATOMIC_RELAXED);
}

G_END_DECLS
