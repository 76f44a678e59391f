/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/aip-ctl.h"

G_BEGIN_DECLS

/**
 * AipCtlColumn: a column of a list.
 *
 * @title: above it
 * @property: which property's value stands in it
 * @right: numbers
 */
typedef struct
{
  const char *title;
  const char *property;
  gboolean right;
} AipCtlColumn;

AipCtlExit aip_ctl_object_list (AipCtl *ctl,
                                AipRemoteKind kind,
                                const AipCtlColumn *columns,
                                const char *empty,
                                GError **error);
AipCtlExit aip_ctl_object_show (AipCtl *ctl, AipRemoteKind kind, const char *name, GError **error);
void aip_ctl_object_print (AipCtl *ctl, GVariant *object);
AipCtlExit aip_ctl_object_set (AipCtl *ctl, AipRemoteKind kind, const AipCtlArgs *args, GError **error);
AipCtlExit
aip_ctl_object_remove (AipCtl *ctl, AipRemoteKind kind, const char *name, GVariant *options, GError **error);
AipCtlExit aip_ctl_object_reset (AipCtl *ctl, AipRemoteKind kind, const char *name, GError **error);
AipCtlExit aip_ctl_object_test (AipCtl *ctl, AipRemoteKind kind, const char *name, GError **error);
GVariant *aip_ctl_object_lookup (AipCtl *ctl, AipRemoteKind kind, const char *name, GError **error);
AipCtlExit aip_ctl_object_miss (AipCtl *ctl, AipRemoteKind kind, const char *name, GError **error);

G_END_DECLS
