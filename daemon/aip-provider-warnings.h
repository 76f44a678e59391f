/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"

G_BEGIN_DECLS

void aip_provider_warnings_log (const AipConfig *config, const AipConfig *before);

G_END_DECLS
