/* SPDX-License-Identifier: MIT */
#pragma once

#include "aip-assembly.h"
#include "aip-breaker-file.h"
#include "aip-breaker-log.h"
#include "aip-daemon.h"
#include "aip-health.h"
#include "aip-probe.h"
#include "bus/aip-bus.h"
#include "config/aip-config-watch.h"
#include "server/aip-server.h"

G_BEGIN_DECLS

struct _AipDaemon
{
  const AipDaemonOptions *options;
  AipAssemblySources sources;
  AipAssembly *assembly; /* (nullable) */
  AipActivity *activity;
  AipRecords *records;
  AipServer *server;          /* (nullable) */
  AipHealth *health;          /* (nullable) */
  AipBreakerFile *breakers;   /* (nullable) */
  AipBreakerLog *breaker_log; /* (nullable) */
  AipProbe *probe;            /* (nullable) */
  AipBus *bus;                /* (nullable) */
  gboolean named;             /* it has its name there, or has been refused it */
  guint name_timer;
  AipConfigWatch *watch; /* (nullable) */
  GMainLoop *loop;
  GArray *signals; /* of guint: source ids */
  guint watchdog;
  guint n_reloads; /* whose outcome is not yet in use */
  gboolean draining;
  int exit_code;
};

extern const AipBusHost aip_daemon_host;

gboolean aip_daemon_reload (AipDaemon *self, GError **error);

G_END_DECLS
