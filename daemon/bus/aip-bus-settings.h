/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config-edit.h"

G_BEGIN_DECLS

gboolean aip_bus_settings_add_to_edit (GVariant *settings,
                                       const char *group,
                                       const char *refused,
                                       AipConfigEdit *edit,
                                       GError **error);
gboolean aip_bus_options_check (GVariant *options, const char *const *known, GError **error);
gboolean aip_bus_options_get_boolean (GVariant *options, const char *name, gboolean initial);
const char *aip_bus_options_get_string (GVariant *options, const char *name);

G_END_DECLS
