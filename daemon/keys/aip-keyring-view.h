/* SPDX-License-Identifier: MIT */
#pragma once

#include "keys/aip-key-store.h"
#include "keys/aip-keyring-list.h"

G_BEGIN_DECLS

/**
 * AipKeyringView: what is known of the keyring, which lookups are answered from.
 */
typedef struct
{
  AipKeyStoreState state;
  AipKeyringList *list; /* (nullable): of the last load; none: it failed */
  GHashTable *items;    /* ref -> AipKeyringItem; outlives a load that fails */
  GHashTable *written;  /* set of refs: stored or removed since the load that runs began */
  gboolean left_open;   /* the service went away while it gave secrets, and was not open since */
} AipKeyringView;

AipKeyringView *aip_keyring_view_new (void);
void aip_keyring_view_free (AipKeyringView *self);
AipSecret *aip_keyring_view_lookup (AipKeyringView *self, const char *ref);
void aip_keyring_view_begin (AipKeyringView *self);
gboolean aip_keyring_view_apply (AipKeyringView *self, AipKeyringList *list);
gboolean aip_keyring_view_fail (AipKeyringView *self);
gboolean aip_keyring_view_lock (AipKeyringView *self, const char *collection);
void aip_keyring_view_write (AipKeyringView *self, const char *ref, const char *path, AipSecret *secret);
GError *aip_keyring_view_error_new (AipKeyringView *self);

G_END_DECLS
