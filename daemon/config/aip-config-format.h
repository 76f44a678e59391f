/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"

G_BEGIN_DECLS

char *aip_config_format (const AipConfig *config, gboolean defaults);

G_END_DECLS
