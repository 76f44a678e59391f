/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/aip-remote.h"

G_BEGIN_DECLS

/**
 * AipRemoteKind: what the daemon has many of, each with a name.
 */
typedef enum
{
  AIP_REMOTE_PROVIDER,
  AIP_REMOTE_KEY,
  AIP_REMOTE_MAPPING,
  AIP_REMOTE_CLIENT,
  AIP_N_REMOTE_KINDS,
} AipRemoteKind;

const char *aip_remote_kind_to_string (AipRemoteKind kind);
char *aip_remote_build_path (AipRemoteKind kind, const char *name);
const char *aip_remote_object_get_name (AipRemoteKind kind, GVariant *object);

GPtrArray *
aip_remote_list_sync (AipRemote *self, AipRemoteKind kind, GCancellable *cancellable, GError **error);
GVariant *aip_remote_lookup_sync (AipRemote *self,
                                  AipRemoteKind kind,
                                  const char *name,
                                  GCancellable *cancellable,
                                  GError **error);
gboolean aip_remote_update_sync (AipRemote *self,
                                 AipRemoteKind kind,
                                 const char *name,
                                 GVariant *settings,
                                 GCancellable *cancellable,
                                 GError **error);
gboolean aip_remote_remove_sync (AipRemote *self,
                                 AipRemoteKind kind,
                                 const char *name,
                                 GVariant *options,
                                 GCancellable *cancellable,
                                 GError **error);
gboolean aip_remote_reset_breaker_sync (AipRemote *self,
                                        AipRemoteKind kind,
                                        const char *name,
                                        GCancellable *cancellable,
                                        GError **error);
GVariant *aip_remote_test_sync (AipRemote *self,
                                AipRemoteKind kind,
                                const char *name,
                                GCancellable *cancellable,
                                GError **error);
gboolean aip_remote_add_key_sync (AipRemote *self,
                                  const char *name,
                                  GVariant *settings,
                                  int secret,
                                  GCancellable *cancellable,
                                  GError **error);
gboolean
aip_remote_import_key_sync (AipRemote *self, const char *name, GCancellable *cancellable, GError **error);
gboolean aip_remote_set_secret_sync (AipRemote *self,
                                     const char *key,
                                     int secret,
                                     GCancellable *cancellable,
                                     GError **error);
gboolean
aip_remote_import_secret_sync (AipRemote *self, const char *key, GCancellable *cancellable, GError **error);
char *aip_remote_add_client_sync (AipRemote *self,
                                  const char *name,
                                  GVariant *settings,
                                  GCancellable *cancellable,
                                  GError **error);
GVariant *
aip_remote_get_usage_sync (AipRemote *self, const char *client, GCancellable *cancellable, GError **error);
char *
aip_remote_reveal_token_sync (AipRemote *self, const char *client, GCancellable *cancellable, GError **error);
char *
aip_remote_rotate_token_sync (AipRemote *self, const char *client, GCancellable *cancellable, GError **error);

G_END_DECLS
