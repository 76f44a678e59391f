/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/aip-ctl.h"

G_BEGIN_DECLS

void aip_ctl_complete (AipCtl *ctl, char **words);

G_END_DECLS
