/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

void aip_keyring_create_async (GDBusConnection *bus,
                               const char *ref,
                               GVariant *secret,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               void *user_data);
char *aip_keyring_create_finish (GAsyncResult *result, GError **error);
void aip_keyring_check_delete_async (GDBusConnection *bus,
                                     const char *ref,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     void *user_data);
void aip_keyring_delete_async (GDBusConnection *bus,
                               const char *ref,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               void *user_data);
gboolean aip_keyring_delete_finish (GAsyncResult *result, GError **error);

G_END_DECLS
