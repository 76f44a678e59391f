/* SPDX-License-Identifier: MIT */
#include "bench-load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench-samples.h"

#define STAMP "\" at "

/* Costs are counted only while all streams run: from the first event of the last one to the end of the first.
 */
typedef struct
{
  const BenchPlan *plan;
  BenchSamples delays;
  size_t n_started;
  size_t n_ended;
  uint64_t n_window;
  uint64_t cpu_start;
  uint64_t cpu_end;
} Run;

static void
take_event (Run *run, BenchConnection *connection, const char *stamp)
{
  uint64_t now = bench_now ();

  if (connection->n_events++ == 0 && ++run->n_started == run->plan->n_streams)
    run->cpu_start = bench_cpu_of (run->plan->pid);

  if (run->n_started == run->plan->n_streams && run->n_ended == 0)
    {
      run->n_window++;
      bench_samples_add (&run->delays, now - strtoull (stamp, NULL, 10));
    }
}

static void
take_end (Run *run, BenchConnection *connection)
{
  if (connection->n_events != run->plan->n_events)
    bench_fail ("a stream lost events");

  connection->ended = true;
  if (run->n_ended++ == 0)
    run->cpu_end = bench_cpu_of (run->plan->pid);
}

static void
take_line (Run *run, BenchConnection *connection)
{
  char *line = connection->line;
  const char *stamp;

  line[connection->line_len] = '\0';
  connection->line_len = 0;
  stamp = strstr (line, STAMP);
  if (stamp != NULL)
    take_event (run, connection, stamp + strlen (STAMP));
  else if (strcmp (line, "data: [DONE]") == 0)
    take_end (run, connection);
}

static void
on_body (BenchClient *client, BenchConnection *connection, const char *data, size_t len)
{
  while (len > 0)
    {
      const char *end = memchr (data, '\n', len);
      size_t n = end != NULL ? (size_t) (end - data) : len;

      if (n >= BENCH_LINE_SIZE - connection->line_len)
        bench_fail ("a line is too long");

      memcpy (connection->line + connection->line_len, data, n);
      connection->line_len += n;
      if (end == NULL)
        return;

      take_line (client->user_data, connection);
      data += n + 1;
      len -= n + 1;
    }
}

static void
on_answer (BenchClient *client, BenchConnection *connection)
{
  if (!connection->ended)
    bench_fail ("a stream ended without its end mark");
}

/**
 * bench_streams_run:
 * @client: a client whose request asks for a stream
 * @plan: what to do
 *
 * Opens all streams, reads them to their ends, and prints CPU time and delay per event as JSON.
 */
void
bench_streams_run (BenchClient *client, const BenchPlan *plan)
{
  BenchConnection *connections = bench_client_connect (client, plan->n_streams);
  Run run = { .plan = plan };
  uint64_t start = bench_cpu_of (plan->pid);
  double total = (double) (plan->n_streams * plan->n_events);

  bench_samples_init (&run.delays, plan->n_streams * plan->n_events);
  client->on_body = on_body;
  client->on_answer = on_answer;
  client->user_data = &run;
  for (size_t i = 0; i < plan->n_streams; i++)
    bench_client_send (client, &connections[i]);

  while (run.n_ended < plan->n_streams)
    bench_client_wait (client);

  client->user_data = NULL;
  if (run.n_window == 0)
    bench_fail ("the streams are too short: they never all ran at once");

  printf ("{\"events\": %" PRIu64 ", \"cpu_us\": %.3f, \"cpu_us_with_start_and_end\": %.3f, ", run.n_window,
          (double) (run.cpu_end - run.cpu_start) / 1e3 / (double) run.n_window,
          (double) (bench_cpu_of (plan->pid) - start) / 1e3 / total);
  bench_samples_print (&run.delays, "delay_us");
  printf ("}\n");
}
