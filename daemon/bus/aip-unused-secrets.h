/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-change.h"
#include "config/aip-config.h"
#include "keys/aip-key-store.h"

G_BEGIN_DECLS

/* Secrets in the key store that nothing in the configuration names: a daemon that was killed while it added a
 * key left one behind, or a daemon with another configuration uses it. */

char **aip_unused_secrets_list (const AipConfig *config, AipKeyStore *store);
void aip_unused_secrets_remove (AipChange *change, const AipBusHost *host, void *host_data, const char *ref);

G_END_DECLS
