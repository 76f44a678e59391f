/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *aip_config_text_set (const char *text, const char *group, const char *key, const char *value);

G_END_DECLS
