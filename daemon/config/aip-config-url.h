/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *aip_config_url_check (const char *url, gboolean allow_query, gboolean *in_clear, GError **error);
gboolean aip_config_url_is_public (const char *url);
gboolean aip_config_url_check_proxy (const char *url, GError **error);

G_END_DECLS
