/* SPDX-License-Identifier: MIT */
#pragma once

#include "keys/aip-key-store.h"

G_BEGIN_DECLS

/* What only the backends of AipKeyStore use. */

/* In bytes; longer ones are taken for a mistake. */
#define AIP_KEY_STORE_MAX_SECRET (8 * 1024)

/* The ref of a client's token is this and the client's name. */
#define AIP_KEY_STORE_CLIENT_PREFIX "client:"

gboolean aip_key_store_is_ref (const char *ref);
AipSecret *aip_key_store_check_secret (AipKeyStore *self, const char *ref, const char *text, gsize length);
char **aip_key_store_dup_refs (GHashTable *secrets);
void aip_key_store_emit_changed (AipKeyStore *self);

G_END_DECLS
