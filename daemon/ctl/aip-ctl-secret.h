/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean aip_ctl_secret_looks_like_key (const char *text);
gboolean aip_ctl_secret_is_random (const char *text);
gboolean aip_ctl_secret_check_words (const char *const *words, GError **error);

int aip_ctl_secret_read (const char *text, GError **error);

G_END_DECLS
