/* SPDX-License-Identifier: MIT */
#pragma once

#include "raw-server.h"
#include "upstream/aip-upstream.h"

G_BEGIN_DECLS

/**
 * Bench: one worker's loop and its way out, and the number of descriptors before they were made.
 */
typedef struct
{
  GMainContext *context;
  AipLoop *loop;
  AipUpstream *upstream;
  guint n_fds;
} Bench;

/**
 * Probe: one transfer and what it told.
 * @room: bytes of the body to take; G_MAXSIZE: all
 * @cancel_in: cancel from within this callback: 'h'ead, 'b'ody, 'r'ead, 'd'one; 0: never
 * @upload: (nullable): what to upload, @piece bytes at a time; @pauses: how often to say "nothing yet"
 */
typedef struct
{
  Bench *bench;
  AipTransfer *transfer;
  gsize room;
  char cancel_in;
  const char *upload;
  gsize piece;
  guint pauses;
  gboolean upload_breaks;

  guint n_heads;
  guint n_bodies;
  guint n_refused;
  guint n_done;
  guint status;
  GString *headers; /* "name=value;" each */
  GString *body;
  AipTransferResult result;
  char *message;
} Probe;

void bench_init (Bench *self);
void bench_clear (Bench *self);
void bench_turn (Bench *self);
guint bench_run_for (Bench *self, guint ms);

void probe_init (Probe *self, Bench *bench);
void probe_clear (Probe *self);
void probe_start (Probe *self, const AipTransferRequest *request);
void probe_wait (Probe *self);
void probe_run (Probe *self, const AipTransferRequest *request);
void probe_get (Probe *self, const char *url);

extern const AipTransferFuncs probe_funcs;

guint count_fds (void);
gsize resident_bytes (void);

G_END_DECLS
