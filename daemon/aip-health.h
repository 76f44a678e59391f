/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-secret.h"
#include "config/aip-config.h"
#include "routing/aip-live-keys.h"

G_BEGIN_DECLS

/**
 * AipHealth: asks providers for their models from time to time, with keys that the breaker has left out and
 * keys that nobody has used for a while, so that what is well again comes back early and what is not is known
 * before a request meets it. On the main thread.
 */
typedef struct _AipHealth AipHealth;

/* (transfer full) (nullable): the secret of a key */
typedef AipSecret *(*AipHealthSecretFunc) (const AipKeyConfig *key, void *user_data);

AipHealth *aip_health_new (AipLiveKeys *live, AipHealthSecretFunc find_secret, void *user_data);
void aip_health_free (AipHealth *self);
void aip_health_set_config (AipHealth *self, AipConfig *config);
void aip_health_set_paused (AipHealth *self, gboolean paused);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipHealth, aip_health_free)

G_END_DECLS
