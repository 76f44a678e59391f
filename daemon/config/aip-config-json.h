/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef void (*AipConfigJsonFunc) (const char *name, const char *value, void *user_data);

gboolean aip_config_json_foreach (const char *text, AipConfigJsonFunc func, void *user_data, GError **error);

G_END_DECLS
