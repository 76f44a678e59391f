/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-loop.h"

G_BEGIN_DECLS

/* What the tests of the loop share. */

typedef struct
{
  GMainContext *context;
  AipLoop *loop;
} Bench;

/* One watched end of a pair of sockets, and what was told of it. */
typedef struct _Pair Pair;
struct _Pair
{
  AipWatch watch;
  int fds[2];
  AipIo ready;
  guint n_calls;
  gboolean drains;
  Pair *clears; /* (nullable): the pair whose watch it clears */
};

/* A timer, and where it writes its number when it fires. */
typedef struct
{
  AipTimer timer;
  GArray *fired; /* of int */
  int number;
  guint again; /* how often to arm itself once more */
  gint64 due;
} Alarm;

void bench_init (Bench *self);
void bench_clear (Bench *self);
void settle (Bench *self);

void drain (int fd);
void pair_init (Pair *self, Bench *bench);
void pair_clear (Pair *self);
void pair_poke (Pair *self);
AipIo pair_next (Pair *self, Bench *bench);

void alarm_init (Alarm *self, Bench *bench, GArray *fired, int number);
void alarm_set (Alarm *self, gint64 delay_us);
void check_fired (Bench *bench, GArray *fired, const int *numbers, guint n);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Bench, bench_clear)

G_END_DECLS
