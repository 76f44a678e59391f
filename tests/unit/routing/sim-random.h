/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Numbers for the simulator (xorshift64*): the same in each run, and of another kind than those that the
 * strategies make of them. @state: not 0. */
static inline guint64
sim_random (guint64 *state)
{
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * G_GUINT64_CONSTANT (0x2545f4914f6cdd1d);
}

/* Returns: one of 0 to @n - 1 */
static inline guint
sim_random_below (guint64 *state, guint n)
{
  return (guint) ((sim_random (state) >> 32) * n >> 32);
}

G_END_DECLS
