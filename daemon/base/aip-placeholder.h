/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean aip_placeholder_is_token_digest (const guint8 digest[32]);
gboolean aip_placeholder_is_key (const char *text, gsize length);

G_END_DECLS
