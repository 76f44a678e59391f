/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/aip-ctl.h"

G_BEGIN_DECLS

AipCtlExit aip_ctl_live_run (AipCtl *ctl, GError **error);
void aip_ctl_live_print_json (GVariant *value);

G_END_DECLS
