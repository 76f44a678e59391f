/* SPDX-License-Identifier: MIT */
#include "bench-samples.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t
read_clock (clockid_t clock)
{
  struct timespec now = { 0 };

  clock_gettime (clock, &now);
  return (uint64_t) now.tv_sec * UINT64_C (1000000000) + (uint64_t) now.tv_nsec;
}

static int
compare (const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *) a;
  uint64_t y = *(const uint64_t *) b;

  return (x > y) - (x < y);
}

static double
percentile (const BenchSamples *self, double share)
{
  return self->n > 0 ? (double) self->values[(size_t) (share * (double) (self->n - 1))] / 1000 : 0;
}

/**
 * bench_samples_init:
 * @self: samples
 * @size: most values that there will be
 */
void
bench_samples_init (BenchSamples *self, size_t size)
{
  self->values = malloc ((size + 1) * sizeof self->values[0]);
  self->size = size;
  self->n = 0;
  if (self->values == NULL)
    exit (71);
}

/**
 * bench_samples_add:
 * @self: samples
 * @value: in nanoseconds
 */
void
bench_samples_add (BenchSamples *self, uint64_t value)
{
  if (self->n < self->size)
    self->values[self->n++] = value;
}

/**
 * bench_samples_print:
 * @self: samples; they are sorted and freed
 * @name: of the JSON member
 *
 * Prints one JSON member with the percentiles in microseconds.
 */
void
bench_samples_print (BenchSamples *self, const char *name)
{
  qsort (self->values, self->n, sizeof self->values[0], compare);
  printf ("\"%s\": {\"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, \"max\": %.2f}", name,
          percentile (self, 0.5), percentile (self, 0.9), percentile (self, 0.99), percentile (self, 1));
  free (self->values);
  self->values = NULL;
}

/**
 * bench_now:
 *
 * Returns: the monotonic time in nanoseconds, the same in all processes
 */
uint64_t
bench_now (void)
{
  return read_clock (CLOCK_MONOTONIC);
}

/**
 * bench_cpu_of:
 * @pid: a process, or 0 for none
 *
 * Returns: the CPU time that all its threads, also ended ones, have used, in nanoseconds
 */
uint64_t
bench_cpu_of (int pid)
{
  clockid_t clock;

  return pid > 0 && clock_getcpuclockid (pid, &clock) == 0 ? read_clock (clock) : 0;
}
