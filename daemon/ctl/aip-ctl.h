/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/aip-remote-objects.h"
#include "ctl/aip-ctl-args.h"
#include "ctl/aip-ctl-table.h"

G_BEGIN_DECLS

/* What the program exits with. */
typedef enum
{
  AIP_CTL_DONE = 0,
  AIP_CTL_FAILED = 1,
  AIP_CTL_NOTHING_TO_DO = 2,
  AIP_CTL_NOT_FOUND = 3,
  AIP_CTL_USAGE = 64,
  AIP_CTL_UNREACHABLE = 69,
} AipCtlExit;

/**
 * AipCtl: what every command needs: how to print, and the daemon.
 *
 * @json: for programs, not for people
 * @colour: stdout shows colours
 * @bus: where to look for the daemon
 * @remote: (nullable): the daemon; use aip_ctl_connect ()
 */
typedef struct
{
  gboolean json;
  gboolean colour;
  GBusType bus;
  AipRemote *remote;
} AipCtl;

void aip_ctl_clear (AipCtl *self);
AipRemote *aip_ctl_connect (AipCtl *self, GError **error);

AipCtlExit aip_ctl_exit_of (const GError *error);
void aip_ctl_complain (const char *message);

void aip_ctl_write (const char *text);
void aip_ctl_say (AipCtl *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
void aip_ctl_print_json (AipCtl *self, GVariant *value);
void aip_ctl_print_table (AipCtl *self, const AipCtlTable *table);
AipCtlExit aip_ctl_report (AipCtl *self, const char *result, AipRemoteKind kind, const char *name);
AipCtlExit aip_ctl_report_nothing (AipCtl *self, const char *text);

gboolean aip_ctl_confirm (const AipCtlArgs *args, const char *question);

GVariant *aip_ctl_no_options (void);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipCtl, aip_ctl_clear)

G_END_DECLS
