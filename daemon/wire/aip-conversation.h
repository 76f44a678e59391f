/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean aip_conversation_find (const char *body, gsize length, gsize *start, gsize *end);

G_END_DECLS
