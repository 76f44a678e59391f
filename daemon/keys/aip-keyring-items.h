/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "base/aip-secret.h"

G_BEGIN_DECLS

/* The schemas' names; the only attribute of each is the name of the key or client. */
#define AIP_KEYRING_SCHEMA_ATTRIBUTE "xdg:schema"
#define AIP_KEYRING_KEY_SCHEMA "org.example.AIProxy.UpstreamKey"
#define AIP_KEYRING_KEY_ATTRIBUTE "key-id"
#define AIP_KEYRING_CLIENT_SCHEMA "org.example.AIProxy.ClientToken"
#define AIP_KEYRING_CLIENT_ATTRIBUTE "client"

/**
 * AipKeyringItem: one secret, and the bus path of the keyring's item that it is from.
 */
typedef struct
{
  char *path;
  AipSecret *secret;
} AipKeyringItem;

GHashTable *aip_keyring_items_new (void);
void aip_keyring_items_put (GHashTable *items, const char *ref, const char *path, AipSecret *secret);
gboolean aip_keyring_items_drop (GHashTable *items, const char *collection);
gboolean aip_keyring_items_equal (GHashTable *a, GHashTable *b);
gboolean aip_keyring_is_below (const char *path, const char *collection);

char *aip_keyring_dup_ref (GVariant *attributes);
GVariant *aip_keyring_attributes_new (const char *ref);
char *aip_keyring_dup_label (const char *ref);

G_END_DECLS
