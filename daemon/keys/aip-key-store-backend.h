/* SPDX-License-Identifier: MIT */
#pragma once

#include "keys/aip-key-store.h"

G_BEGIN_DECLS

/* What only the backends of AipKeyStore use. */

AipSecret *aip_key_store_check_secret (AipKeyStore *self, const char *ref, const char *text, gsize length);
void aip_key_store_emit_changed (AipKeyStore *self);

G_END_DECLS
