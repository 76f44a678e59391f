/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

gboolean aip_config_parse_boolean (const char *text, gboolean *value);
gboolean aip_config_parse_double (const char *text, double *value);
gboolean aip_config_parse_duration (const char *text, guint64 *milliseconds);
gboolean aip_config_parse_size (const char *text, guint64 *bytes);
char *aip_config_format_duration (guint64 milliseconds);
char *aip_config_format_size (guint64 bytes);

GSocketAddress *aip_config_parse_listen (const char *text, GError **error);
gboolean aip_config_is_loopback (GSocketAddress *address);

G_END_DECLS
