/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/aip-ctl.h"

G_BEGIN_DECLS

void aip_ctl_usage_print (AipCtl *ctl, GVariant *limits);

G_END_DECLS
