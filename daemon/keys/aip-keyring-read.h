/* SPDX-License-Identifier: MIT */
#pragma once

#include "keys/aip-key-store.h"
#include "keys/aip-keyring-list.h"
#include "keys/aip-keyring-session.h"

G_BEGIN_DECLS

void aip_keyring_read_async (AipKeyStore *store,
                             GDBusConnection *bus,
                             AipKeyringSession *session,
                             GHashTable *known,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             void *user_data);
AipKeyringList *aip_keyring_read_finish (GAsyncResult *result, GError **error);

G_END_DECLS
