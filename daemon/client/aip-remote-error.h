/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean aip_remote_error_is_unreachable (const GError *error);
void aip_remote_error_tidy (GError *error);

G_END_DECLS
