/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean aip_glob_match (const char *glob, const char *text);
gboolean aip_glob_match_any (const char *const *globs, const char *text);
gboolean aip_glob_is_exact (const char *glob);

G_END_DECLS
