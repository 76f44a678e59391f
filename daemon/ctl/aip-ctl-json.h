/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *aip_ctl_json_format (GVariant *value, gboolean pretty);
char *aip_ctl_json_format_properties (GVariant *properties, gboolean pretty);
char *aip_ctl_json_format_objects (const GPtrArray *objects);
char *aip_ctl_json_name_property (const char *property);

G_END_DECLS
