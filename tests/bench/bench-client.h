/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench-message.h"

#define BENCH_LINE_SIZE 1024

typedef struct
{
  int fd;
  BenchMessage message;
  uint64_t started;
  char line[BENCH_LINE_SIZE];
  size_t line_len;
  uint64_t n_events;
  bool ended;
} BenchConnection;

typedef struct _BenchClient BenchClient;

struct _BenchClient
{
  int port;
  int epoll_fd;
  char *request;
  size_t request_len;
  void (*on_body) (BenchClient *self, BenchConnection *connection, const char *data, size_t len);
  void (*on_answer) (BenchClient *self, BenchConnection *connection);
  void *user_data;
};

BenchConnection *bench_client_connect (BenchClient *self, size_t n);
void bench_client_send (BenchClient *self, BenchConnection *connection);
void bench_client_wait (BenchClient *self);
void bench_fail (const char *what) __attribute__ ((noreturn));
