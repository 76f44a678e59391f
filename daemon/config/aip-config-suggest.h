/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

const char *aip_config_suggest (const char *word, const char *const *candidates);
char *aip_config_suggest_or_list (const char *word, const char *const *candidates);

G_END_DECLS
