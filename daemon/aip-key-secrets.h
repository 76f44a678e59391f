/* SPDX-License-Identifier: MIT */
#pragma once

#include "aip-key-stores.h"
#include "routing/aip-router.h"

G_BEGIN_DECLS

/**
 * AipKeySecrets: the secrets of all keys of a configuration, as the router wants them. Of what has not
 * changed it remembers them: a change of one key of thousands must not look for all.
 */
typedef struct _AipKeySecrets AipKeySecrets;

AipKeySecrets *aip_key_secrets_new (AipKeyStores *stores);
void aip_key_secrets_free (AipKeySecrets *self);
const AipKeySecret *aip_key_secrets_find (AipKeySecrets *self, AipConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipKeySecrets, aip_key_secrets_free)

G_END_DECLS
