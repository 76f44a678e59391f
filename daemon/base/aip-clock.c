/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-clock"

#include "base/aip-clock.h"

#include <stdatomic.h>
#include <time.h>

static atomic_bool is_fake;
static _Atomic gint64 fake_monotonic;
static _Atomic gint64 fake_wall;

/**
 * aip_clock_now:
 *
 * The clock for durations and deadlines. It never jumps, and goes on while the machine sleeps: what was to
 * last an hour is over in the morning. So it is not to be mixed with g_get_monotonic_time (), which stands
 * still then. Any thread may call it.
 *
 * Returns: microseconds since the machine's start
 */
gint64
aip_clock_now (void)
{
  struct timespec now;

  if (G_UNLIKELY (atomic_load_explicit (&is_fake, memory_order_acquire)))
    return atomic_load_explicit (&fake_monotonic, memory_order_relaxed);

  clock_gettime (CLOCK_BOOTTIME, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/**
 * aip_clock_wall:
 *
 * The clock for dates that people read. It jumps when the machine's time is set. Any thread may call it.
 *
 * Returns: microseconds since 1970-01-01 00:00 UTC
 */
gint64
aip_clock_wall (void)
{
  if (G_UNLIKELY (atomic_load_explicit (&is_fake, memory_order_acquire)))
    return atomic_load_explicit (&fake_wall, memory_order_relaxed);

  return g_get_real_time ();
}

/**
 * aip_clock_set_fake:
 * @monotonic_us: what aip_clock_now () shall return, in microseconds
 * @wall_us: what aip_clock_wall () shall return, in microseconds
 *
 * For tests: stops both clocks at the given times. Call it again to move them.
 */
void
aip_clock_set_fake (gint64 monotonic_us, gint64 wall_us)
{
  atomic_store_explicit (&fake_monotonic, monotonic_us, memory_order_relaxed);
  atomic_store_explicit (&fake_wall, wall_us, memory_order_relaxed);
  atomic_store_explicit (&is_fake, TRUE, memory_order_release);
}

/**
 * aip_clock_unset_fake:
 *
 * For tests: lets both clocks run again.
 */
void
aip_clock_unset_fake (void)
{
  atomic_store_explicit (&is_fake, FALSE, memory_order_release);
}
