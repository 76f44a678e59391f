/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-clients.h"

G_BEGIN_DECLS

gboolean aip_rights_allow_model (const AipClient *client, const char *model, GError **error);
gboolean aip_rights_allow_strategy (const AipClient *client, const char *strategy, GError **error);
gboolean aip_rights_allow_provider (const AipClient *client, const char *provider, GError **error);
gboolean aip_rights_allow_key (const AipClient *client, const char *key, GError **error);

G_END_DECLS
