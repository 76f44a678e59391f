/* SPDX-License-Identifier: MIT */
#pragma once

#include "keys/aip-keyring-list.h"

G_BEGIN_DECLS

void aip_keyring_open_async (GDBusConnection *bus,
                             AipKeyringList *list,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             void *user_data);
gboolean aip_keyring_open_finish (GAsyncResult *result, GError **error);

G_END_DECLS
