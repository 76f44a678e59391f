/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/aip-ctl.h"

G_BEGIN_DECLS

gboolean aip_ctl_offline_is_needed (const GError *error);
char **aip_ctl_offline_run (const AipCtl *ctl, const char *option, int *code);

G_END_DECLS
