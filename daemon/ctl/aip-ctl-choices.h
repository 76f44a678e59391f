/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/aip-ctl-command.h"

G_BEGIN_DECLS

const char *aip_ctl_choices_find (const char *name, gsize length);
gboolean aip_ctl_choices_check (const AipCtlCommand *command, const AipCtlArgs *args, GError **error);

G_END_DECLS
