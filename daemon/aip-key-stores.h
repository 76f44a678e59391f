/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"
#include "keys/aip-key-store.h"

G_BEGIN_DECLS

/**
 * AipKeyStores: all places where secrets may lie: what `secret=` of a key can name. On the main thread.
 */
typedef struct _AipKeyStores AipKeyStores;
typedef void (*AipKeyStoresFunc) (void *user_data);

AipKeyStores *
aip_key_stores_new (const char *choice, gboolean on_session_bus, AipKeyStoresFunc changed, void *user_data);
void aip_key_stores_free (AipKeyStores *self);
void aip_key_stores_reload (AipKeyStores *self);
void aip_key_stores_settle (AipKeyStores *self, AipKeyStoresFunc func, void *user_data);
void aip_key_stores_end_waits (AipKeyStores *self);
guint aip_key_stores_get_serial (AipKeyStores *self);
gboolean aip_key_stores_is_loading (AipKeyStores *self);
AipKeyStore *aip_key_stores_get_main (AipKeyStores *self);
AipSecret *aip_key_stores_find (AipKeyStores *self, const AipKeyConfig *key);
const char *aip_key_stores_explain (AipKeyStores *self, const AipKeyConfig *key, gboolean *locked);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipKeyStores, aip_key_stores_free)

G_END_DECLS
