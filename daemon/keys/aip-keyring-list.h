/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * AipKeyringList: what the keyring has of ours.
 */
typedef struct
{
  char *collection;           /* (nullable): the default one; where new secrets go */
  gboolean collection_locked; /* the default one */
  GPtrArray *paths;           /* of the items whose secrets can be fetched */
  GHashTable *refs;           /* path -> ref, of those paths that have one */
  GPtrArray *locked;          /* of the others */
  GHashTable *items;          /* ref -> AipKeyringItem; none before they are read */
} AipKeyringList;

void aip_keyring_list_free (AipKeyringList *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipKeyringList, aip_keyring_list_free)

void aip_keyring_list_async (GDBusConnection *bus,
                             GHashTable *known,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             void *user_data);
AipKeyringList *aip_keyring_list_finish (GAsyncResult *result, GError **error);

G_END_DECLS
