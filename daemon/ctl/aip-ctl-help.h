/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/aip-ctl-command.h"

G_BEGIN_DECLS

char *aip_ctl_help_format_overview (const char *group);
char *aip_ctl_help_format_command (const AipCtlCommand *command);

G_END_DECLS
