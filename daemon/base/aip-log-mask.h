/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Private to the log writer. */

void aip_log_mask_append (GString *out, const char *text, gsize length);

G_END_DECLS
