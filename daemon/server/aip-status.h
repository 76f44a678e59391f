/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-snapshot.h"

G_BEGIN_DECLS

guint aip_status_count_providers (const AipSnapshot *snapshot, const AipClient *client);
char *aip_status_format (const AipSnapshot *snapshot, const AipClient *client, const char *state);

G_END_DECLS
