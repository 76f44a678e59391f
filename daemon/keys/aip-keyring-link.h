/* SPDX-License-Identifier: MIT */
#pragma once

#include "keys/aip-keyring-session.h"
#include "keys/aip-keyring.h"

G_BEGIN_DECLS

/**
 * AipKeyringLink: the connection to the service, from the bus to the session, and what was learnt over it.
 */
typedef struct
{
  GDBusConnection *bus; /* (nullable): this and the next two are there once it was opened */
  AipKeyringWatch *watch;
  AipKeyringSession *session;
  gboolean present;  /* the service is on the bus */
  GHashTable *known; /* path -> ref of items, see aip_keyring_list_async () */
  AipKeyringFunc func;
  void *user_data;
} AipKeyringLink;

AipKeyringLink *aip_keyring_link_new (AipKeyringFunc func, void *user_data);
void aip_keyring_link_free (AipKeyringLink *self);
void aip_keyring_link_drop (AipKeyringLink *self);
void aip_keyring_link_open_async (AipKeyringLink *self,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  void *user_data);
AipKeyringSession *aip_keyring_link_open_finish (GAsyncResult *result, GError **error);

G_END_DECLS
