/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-clients.h"

G_BEGIN_DECLS

/* Whose rights a request is held to: all of them. */
typedef enum
{
  AIP_RIGHTS_CLIENT,
  AIP_RIGHTS_TENANT,
  AIP_N_RIGHTS,
} AipRightsOwner;

gboolean aip_rights_allow_model (const AipClient *client, const char *model, GError **error);
gboolean aip_rights_allow_strategy (const AipClient *client, const char *strategy, GError **error);
gboolean aip_rights_allow_provider (const AipClient *client, const char *provider, GError **error);
gboolean aip_rights_allow_key (const AipClient *client, const char *key, GError **error);

const char *const *aip_rights_get_providers (const AipClient *client, AipRightsOwner owner);
const char *const *aip_rights_get_keys (const AipClient *client, AipRightsOwner owner);

G_END_DECLS
