/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-control.h"
#include "server/aip-worker.h"

G_BEGIN_DECLS

typedef struct
{
  AipModelsFunc func;
  void *user_data;
} AipModelsWait;

struct _AipWorker
{
  guint index;
  AipWorkerShared *shared;
  GThread *thread;
  GMainContext *context;
  GMainLoop *main_loop;
  AipLoop *loop;
  AipUpstream *upstream;
  AipControl *control;
  AipSnapshot *snapshot;
  AipConnectionOwner owner;
  GHashTable *connections; /* of AipConnection, not owned: they free themselves */
  GPtrArray *listeners;
  GQueue exchanges; /* of AipExchange, not owned: those that can be cut */
  GArray *waits;    /* of AipModelsWait */
  GRand *random;
  guint n_queued; /* of its requests, those that wait for somebody to serve them */
  AipTimer rest;
  int unanswered; /* atomic: checks that the thread has not seen yet */
};

void aip_worker_listen (AipWorker *self, int fd, GTlsCertificate *certificate);

G_END_DECLS
