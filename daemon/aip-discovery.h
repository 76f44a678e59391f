/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"
#include "keys/aip-key-store.h"

G_BEGIN_DECLS

/**
 * AipDiscovery: asks the providers that name no models in the configuration for their lists, and keeps
 * what they said. On the main thread.
 */
typedef struct _AipDiscovery AipDiscovery;
typedef void (*AipDiscoveryFunc) (void *user_data);
typedef AipSecret *(*AipDiscoverySecretFunc) (const AipKeyConfig *key, void *user_data);

AipDiscovery *
aip_discovery_new (AipDiscoverySecretFunc get_secret, AipDiscoveryFunc changed, void *user_data);
void aip_discovery_free (AipDiscovery *self);
void aip_discovery_set_config (AipDiscovery *self, AipConfig *config);
void aip_discovery_refresh (AipDiscovery *self);
void aip_discovery_retry (AipDiscovery *self);
gboolean aip_discovery_is_complete (AipDiscovery *self);
const GPtrArray *aip_discovery_get_lists (AipDiscovery *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipDiscovery, aip_discovery_free)

G_END_DECLS
