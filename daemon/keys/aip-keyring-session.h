/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "base/aip-secret.h"

G_BEGIN_DECLS

/**
 * AipKeyringSession:
 *
 * A session with the keyring service, in which secrets go over the bus encrypted, if the service can. The
 * only thing that takes libsecret.
 */
typedef struct _AipKeyringSession AipKeyringSession;

AipKeyringSession *aip_keyring_session_ref (AipKeyringSession *self);
void aip_keyring_session_unref (AipKeyringSession *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipKeyringSession, aip_keyring_session_unref)

void
aip_keyring_session_open_async (GCancellable *cancellable, GAsyncReadyCallback callback, void *user_data);
AipKeyringSession *aip_keyring_session_open_finish (GAsyncResult *result, GError **error);

GVariant *aip_keyring_session_encode (AipKeyringSession *self, AipSecret *secret);
void aip_keyring_session_fetch_async (AipKeyringSession *self,
                                      const char *const *paths,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      void *user_data);
GHashTable *aip_keyring_session_fetch_finish (GAsyncResult *result, GError **error);

G_END_DECLS
