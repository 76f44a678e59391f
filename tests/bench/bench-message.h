/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_HEAD_SIZE 8192

typedef enum
{
  BENCH_MESSAGE_HEAD,
  BENCH_MESSAGE_LENGTH,
  BENCH_MESSAGE_CHUNK_SIZE,
  BENCH_MESSAGE_CHUNK_DATA,
  BENCH_MESSAGE_CHUNK_END,
  BENCH_MESSAGE_TRAILERS,
  BENCH_MESSAGE_DONE,
  BENCH_MESSAGE_BROKEN,
} BenchMessageState;

typedef struct
{
  BenchMessageState state;
  char head[BENCH_HEAD_SIZE];
  size_t head_len;
  uint64_t left;
  size_t line_len;
} BenchMessage;

typedef void (*BenchBodyFunc) (const char *data, size_t len, void *user_data);

void bench_message_reset (BenchMessage *self);
size_t
bench_message_feed (BenchMessage *self, const char *data, size_t len, BenchBodyFunc on_body, void *user_data);
int bench_message_status (const BenchMessage *self);
