/* SPDX-License-Identifier: MIT */
/* The load of the benchmark: one thread, no allocation per request, every fault is fatal. */

#include "bench-load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define MAX_BODY 65536
#define MAX_FIELDS 8192

static const char usage[] =
    "usage: bench-load --port PORT --body FILE [--header LINE]... [--pid PID]\n"
    "         [--connections N] [--requests N] [--warm-up N] [--idle N] | --streams N --events N\n"
    "POSTs the file to /v1/chat/completions at 127.0.0.1 and prints what it measured as JSON.\n"
    "CPU time is that of the process PID.\n";

static const struct option options[] = {
  { "port", required_argument, NULL, 'p' },
  { "body", required_argument, NULL, 'b' },
  { "header", required_argument, NULL, 'H' },
  { "pid", required_argument, NULL, 'P' },
  { "connections", required_argument, NULL, 'c' },
  { "requests", required_argument, NULL, 'n' },
  { "warm-up", required_argument, NULL, 'w' },
  { "idle", required_argument, NULL, 'i' },
  { "streams", required_argument, NULL, 's' },
  { "events", required_argument, NULL, 'e' },
  { NULL, 0, NULL, 0 },
};

static size_t
read_body (const char *path, char *body)
{
  FILE *file = fopen (path, "r");
  size_t len = file != NULL ? fread (body, 1, MAX_BODY, file) : 0;

  if (len == 0 || len == MAX_BODY)
    bench_fail ("the body cannot be read, is empty or too long");

  fclose (file);
  return len;
}

static void
make_request (BenchClient *client, const char *body_path, const char *fields)
{
  static char body[MAX_BODY];
  size_t body_len = read_body (body_path, body);
  size_t size = MAX_FIELDS + MAX_BODY + 256;
  size_t head_len;

  client->request = malloc (size);
  if (client->request == NULL)
    bench_fail ("out of memory");

  head_len = (size_t) snprintf (client->request, size,
                                "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                                "Content-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n",
                                client->port, fields, body_len);
  memcpy (client->request + head_len, body, body_len);
  client->request_len = head_len + body_len;
}

static void
add_field (char *fields, const char *line)
{
  size_t len = strlen (fields);

  if ((size_t) snprintf (fields + len, MAX_FIELDS - len, "%s\r\n", line) >= MAX_FIELDS - len)
    bench_fail ("too many headers");
}

static size_t
number (const char *text)
{
  return strtoull (text, NULL, 10);
}

int
main (int argc, char **argv)
{
  BenchPlan plan = { .n_connections = 1, .n_requests = 1000 };
  BenchClient client = { .port = 0 };
  char fields[MAX_FIELDS] = "";
  const char *body = NULL;
  int option;

  while ((option = getopt_long (argc, argv, "", options, NULL)) != -1)
    switch (option)
      {
      case 'p':
        client.port = atoi (optarg);
        break;
      case 'b':
        body = optarg;
        break;
      case 'H':
        add_field (fields, optarg);
        break;
      case 'P':
        plan.pid = atoi (optarg);
        break;
      case 'c':
        plan.n_connections = number (optarg);
        break;
      case 'n':
        plan.n_requests = number (optarg);
        break;
      case 'w':
        plan.n_warm_up = number (optarg);
        break;
      case 'i':
        plan.n_idle = number (optarg);
        break;
      case 's':
        plan.n_streams = number (optarg);
        break;
      case 'e':
        plan.n_events = number (optarg);
        break;
      default:
        fputs (usage, stderr);
        return 64;
      }

  if (client.port == 0 || body == NULL || optind != argc)
    {
      fputs (usage, stderr);
      return 64;
    }

  client.epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  make_request (&client, body, fields);
  if (plan.n_streams > 0)
    bench_streams_run (&client, &plan);
  else
    bench_requests_run (&client, &plan);

  return 0;
}
