/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef struct
{
  uint64_t *values;
  size_t n;
  size_t size;
} BenchSamples;

void bench_samples_init (BenchSamples *self, size_t size);
void bench_samples_add (BenchSamples *self, uint64_t value);
void bench_samples_print (BenchSamples *self, const char *name);

uint64_t bench_now (void);
uint64_t bench_cpu_of (int pid);
