/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *aip_ctl_request_dup_time (GVariant *request, gboolean date);
char *aip_ctl_request_dup_tokens (GVariant *request);
char *aip_ctl_request_dup_place (GVariant *request);

G_END_DECLS
