/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipDaemonOptions: the command line, understood.
 */
typedef struct
{
  char *config;    /* (nullable) */
  char **listen;   /* (nullable) */
  char *key_store; /* (nullable) */
  char *bus;       /* (nullable) */
  gboolean plain_names;
  gboolean demo;
  gboolean check;
  gboolean import_keys;
  gboolean diagnose;
  gboolean verbose;
} AipDaemonOptions;

/**
 * AipDaemon: the whole: builds the rooms, starts, reloads and drains them.
 */
typedef struct _AipDaemon AipDaemon;

AipDaemon *aip_daemon_new (const AipDaemonOptions *options);
void aip_daemon_free (AipDaemon *self);
int aip_daemon_check (AipDaemon *self);
int aip_daemon_diagnose (AipDaemon *self);
int aip_daemon_import_keys (AipDaemon *self);
int aip_daemon_run (AipDaemon *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipDaemon, aip_daemon_free)

G_END_DECLS
