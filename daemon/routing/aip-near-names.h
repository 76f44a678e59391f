/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

GPtrArray *aip_near_names_find (const GPtrArray *names, const char *wanted, guint max);

G_END_DECLS
