/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "base/aip-secret.h"

G_BEGIN_DECLS

/**
 * AipKeyStoreState: why a key has no secret, as far as the store is the reason.
 */
typedef enum
{
  AIP_KEY_STORE_LOADING,
  AIP_KEY_STORE_READY,
  AIP_KEY_STORE_LOCKED,      /* there, but its owner has to unlock it */
  AIP_KEY_STORE_UNAVAILABLE, /* not there at all */
} AipKeyStoreState;

#define AIP_TYPE_KEY_STORE (aip_key_store_get_type ())

/**
 * AipKeyStore: where the upstream keys' secrets lie. Backends load asynchronously and without prompting;
 * lookups are then answered from locked memory, whatever the state is, and give a reference to the
 * caller: a store that has gone away goes on answering, one that was locked has nothing left to answer.
 * Used from the main thread alone.
 *
 * Signal "changed": secrets or the state changed; look them up again.
 */
G_DECLARE_DERIVABLE_TYPE (AipKeyStore, aip_key_store, AIP, KEY_STORE, GObject)

struct _AipKeyStoreClass
{
  GObjectClass parent_class;

  const char *name;    /* "libsecret", "credentials", "environment", "memory" */
  gboolean persistent; /* what is stored outlives the process */

  void (*load_async) (AipKeyStore *self,
                      GCancellable *cancellable,
                      GAsyncReadyCallback callback,
                      void *user_data);
  gboolean (*load_finish) (AipKeyStore *self, GAsyncResult *result, GError **error);
  AipKeyStoreState (*get_state) (AipKeyStore *self);
  AipSecret *(*lookup) (AipKeyStore *self, const char *ref);
  char **(*list) (AipKeyStore *self); /* (nullable): nobody knows what there is until it is looked up */

  /* (nullable), all of them together: the backend cannot be written to, see aip_key_store_is_writable () */
  void (*store_async) (AipKeyStore *self,
                       const char *ref,
                       AipSecret *secret,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       void *user_data);
  gboolean (*store_finish) (AipKeyStore *self, GAsyncResult *result, GError **error);
  void (*remove_async) (AipKeyStore *self,
                        const char *ref,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        void *user_data);
  gboolean (*remove_finish) (AipKeyStore *self, GAsyncResult *result, GError **error);

  /* (nullable), both: what can be written to takes every removal */
  void (*check_remove_async) (AipKeyStore *self,
                              const char *ref,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              void *user_data);
  gboolean (*check_remove_finish) (AipKeyStore *self, GAsyncResult *result, GError **error);

  /* (nullable), both: there is nothing to unlock */
  void (*unlock_async) (AipKeyStore *self,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        void *user_data);
  gboolean (*unlock_finish) (AipKeyStore *self, GAsyncResult *result, GError **error);
};

const char *aip_key_store_get_name (AipKeyStore *self);
AipKeyStoreState aip_key_store_get_state (AipKeyStore *self);
void aip_key_store_load_async (AipKeyStore *self,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               void *user_data);
gboolean aip_key_store_load_finish (AipKeyStore *self, GAsyncResult *result, GError **error);
AipSecret *aip_key_store_lookup (AipKeyStore *self, const char *ref);
char **aip_key_store_list (AipKeyStore *self);

gboolean aip_key_store_is_writable (AipKeyStore *self);
gboolean aip_key_store_is_persistent (AipKeyStore *self);
void aip_key_store_store_async (AipKeyStore *self,
                                const char *ref,
                                AipSecret *secret,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                void *user_data);
gboolean aip_key_store_store_finish (AipKeyStore *self, GAsyncResult *result, GError **error);
void aip_key_store_remove_async (AipKeyStore *self,
                                 const char *ref,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 void *user_data);
gboolean aip_key_store_remove_finish (AipKeyStore *self, GAsyncResult *result, GError **error);
void aip_key_store_check_remove_async (AipKeyStore *self,
                                       const char *ref,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       void *user_data);
gboolean aip_key_store_check_remove_finish (AipKeyStore *self, GAsyncResult *result, GError **error);
void aip_key_store_unlock_async (AipKeyStore *self,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 void *user_data);
gboolean aip_key_store_unlock_finish (AipKeyStore *self, GAsyncResult *result, GError **error);

AipKeyStore *aip_key_store_environment_new (void);
AipKeyStore *aip_key_store_credentials_new (const char *directory);
AipKeyStore *aip_key_store_memory_new (void);
void aip_key_store_memory_set (AipKeyStore *self, const char *ref, AipSecret *secret);
AipKeyStore *aip_key_store_libsecret_new (guint time_limit);

G_END_DECLS
