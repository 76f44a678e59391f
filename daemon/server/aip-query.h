/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *aip_query_dup_value (const char *query, const char *name, guint *n_values);
char *aip_query_render (const char *query, const char *model);

G_END_DECLS
