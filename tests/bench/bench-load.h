/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench-client.h"

typedef struct
{
  size_t n_connections;
  size_t n_idle;
  size_t n_requests;
  size_t n_warm_up;
  size_t n_streams;
  size_t n_events;
  int pid;
} BenchPlan;

void bench_requests_run (BenchClient *client, const BenchPlan *plan);
void bench_streams_run (BenchClient *client, const BenchPlan *plan);
