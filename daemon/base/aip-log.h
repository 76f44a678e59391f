/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

void aip_log_init (GLogLevelFlags level);
void aip_log_set_threshold (GLogLevelFlags level);
char *aip_log_mask (const char *message);

G_END_DECLS
