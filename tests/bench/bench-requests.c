/* SPDX-License-Identifier: MIT */
#include "bench-load.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench-samples.h"

typedef struct
{
  size_t to_send;
  size_t to_come;
  BenchSamples *samples;
} Run;

static void
on_answer (BenchClient *client, BenchConnection *connection)
{
  Run *run = client->user_data;

  if (run->samples != NULL)
    bench_samples_add (run->samples, bench_now () - connection->started);

  run->to_come--;
  if (run->to_send == 0)
    return;

  run->to_send--;
  bench_client_send (client, connection);
}

/* Each connection sends its next request as soon as it has its answer. */
static void
run_closed_loop (BenchClient *client,
                 BenchConnection *connections,
                 size_t n,
                 size_t n_requests,
                 BenchSamples *samples)
{
  Run run = { n_requests, n_requests, samples };

  client->user_data = &run;
  for (size_t i = 0; i < n && run.to_send > 0; i++)
    {
      run.to_send--;
      bench_client_send (client, &connections[i]);
    }

  while (run.to_come > 0)
    bench_client_wait (client);

  client->user_data = NULL;
}

/* One after the other, so that the upstream sees no crowd. */
static void
open_idle (BenchClient *client, size_t n)
{
  BenchConnection *connections = bench_client_connect (client, n);

  for (size_t i = 0; i < n; i++)
    run_closed_loop (client, &connections[i], 1, 1, NULL);
}

/**
 * bench_requests_run:
 * @client: a client
 * @plan: what to do
 *
 * Sends plain requests in a closed loop and prints CPU time and latencies as JSON.
 */
void
bench_requests_run (BenchClient *client, const BenchPlan *plan)
{
  BenchConnection *connections = bench_client_connect (client, plan->n_connections);
  BenchSamples samples;
  uint64_t start, cpu;

  bench_samples_init (&samples, plan->n_requests);
  client->on_answer = on_answer;
  run_closed_loop (client, connections, plan->n_connections, plan->n_warm_up, NULL);
  open_idle (client, plan->n_idle);

  start = bench_now ();
  cpu = bench_cpu_of (plan->pid);
  run_closed_loop (client, connections, plan->n_connections, plan->n_requests, &samples);
  cpu = bench_cpu_of (plan->pid) - cpu;
  start = bench_now () - start;

  printf ("{\"requests\": %zu, \"seconds\": %.3f, \"cpu_us\": %.3f, ", plan->n_requests, (double) start / 1e9,
          (double) cpu / 1e3 / (double) plan->n_requests);
  bench_samples_print (&samples, "latency_us");
  printf ("}\n");
}
