/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-keyring"

#include "keys/aip-keyring-items.h"

#include <string.h>

#include "keys/aip-key-store-backend.h"

static void
item_free (void *data)
{
  AipKeyringItem *item = data;

  aip_secret_unref (item->secret);
  g_free (item->path);
  g_free (item);
}

/**
 * aip_keyring_items_new:
 *
 * Returns: (transfer full): an empty table of ref -> #AipKeyringItem
 */
GHashTable *
aip_keyring_items_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, item_free);
}

/**
 * aip_keyring_items_put:
 * @items: the table
 * @ref: the secret's name in the store
 * @path: the item's path
 * @secret: (transfer none): the secret
 *
 * Puts an item in, in place of the one there is under this name.
 */
void
aip_keyring_items_put (GHashTable *items, const char *ref, const char *path, AipSecret *secret)
{
  g_return_if_fail (items != NULL);
  g_return_if_fail (ref != NULL && path != NULL && secret != NULL);

  AipKeyringItem *item = g_new0 (AipKeyringItem, 1);

  item->path = g_strdup (path);
  item->secret = aip_secret_ref (secret);
  g_hash_table_replace (items, g_strdup (ref), item);
}

/**
 * aip_keyring_is_below:
 * @path: an item's path
 * @collection: a collection's path
 *
 * Returns: whether the item lies in the collection
 */
gboolean
aip_keyring_is_below (const char *path, const char *collection)
{
  g_return_val_if_fail (path != NULL && collection != NULL, FALSE);

  return g_str_has_prefix (path, collection) && path[strlen (collection)] == '/';
}

static gboolean
lies_in_cb (void *ref, void *item, void *collection)
{
  return aip_keyring_is_below (((AipKeyringItem *) item)->path, collection);
}

/**
 * aip_keyring_items_drop:
 * @items: the table
 * @collection: a collection's path
 *
 * Takes out all that lies in one collection. Secrets that nobody else holds are wiped.
 *
 * Returns: whether there was any
 */
gboolean
aip_keyring_items_drop (GHashTable *items, const char *collection)
{
  g_return_val_if_fail (items != NULL, FALSE);
  g_return_val_if_fail (collection != NULL, FALSE);

  return g_hash_table_foreach_remove (items, lies_in_cb, (void *) collection) > 0;
}

static gboolean
secret_equal (AipSecret *a, AipSecret *b)
{
  gsize a_length = 0;
  gsize b_length = 0;
  const char *a_text = aip_secret_peek (a, &a_length);
  const char *b_text = aip_secret_peek (b, &b_length);

  return a_length == b_length && memcmp (a_text, b_text, a_length) == 0;
}

/**
 * aip_keyring_items_equal:
 * @a: a table
 * @b: a table
 *
 * Returns: whether both hold the same secrets under the same names, wherever they lie
 */
gboolean
aip_keyring_items_equal (GHashTable *a, GHashTable *b)
{
  GHashTableIter iter;
  void *ref = NULL;
  void *item = NULL;

  g_return_val_if_fail (a != NULL && b != NULL, FALSE);

  if (g_hash_table_size (a) != g_hash_table_size (b))
    return FALSE;

  g_hash_table_iter_init (&iter, a);
  while (g_hash_table_iter_next (&iter, &ref, &item))
    {
      AipKeyringItem *other = g_hash_table_lookup (b, ref);

      if (other == NULL || !secret_equal (((AipKeyringItem *) item)->secret, other->secret))
        return FALSE;
    }

  return TRUE;
}

/**
 * aip_keyring_dup_ref:
 * @attributes: an item's attributes, of type a{ss}
 *
 * Returns: (transfer full) (nullable): the ref of the secret, or %NULL: it is none of ours, or has a name
 *   that no key or client can have
 */
char *
aip_keyring_dup_ref (GVariant *attributes)
{
  const char *schema = NULL;
  const char *name = NULL;

  g_return_val_if_fail (g_variant_is_of_type (attributes, G_VARIANT_TYPE ("a{ss}")), NULL);

  if (!g_variant_lookup (attributes, AIP_KEYRING_SCHEMA_ATTRIBUTE, "&s", &schema))
    return NULL;

  g_autofree char *ref = NULL;

  if (g_str_equal (schema, AIP_KEYRING_KEY_SCHEMA) &&
      g_variant_lookup (attributes, AIP_KEYRING_KEY_ATTRIBUTE, "&s", &name))
    ref = g_strdup (name);
  else if (g_str_equal (schema, AIP_KEYRING_CLIENT_SCHEMA) &&
           g_variant_lookup (attributes, AIP_KEYRING_CLIENT_ATTRIBUTE, "&s", &name))
    ref = g_strconcat (AIP_KEY_STORE_CLIENT_PREFIX, name, NULL);

  /* A key named "client:x" would pass itself off as a client's token. */
  if (ref == NULL || strchr (name, ':') != NULL || !aip_key_store_is_ref (ref))
    return NULL;

  return g_steal_pointer (&ref);
}

/* Returns: (transfer none): the client's name in @ref, or %NULL: it names a key */
static const char *
client_of (const char *ref)
{
  return g_str_has_prefix (ref, AIP_KEY_STORE_CLIENT_PREFIX) ? ref + strlen (AIP_KEY_STORE_CLIENT_PREFIX)
                                                             : NULL;
}

/**
 * aip_keyring_attributes_new:
 * @ref: a secret's name in the store
 *
 * The attributes lie in the keyring in clear, and whoever has the same ones is replaced: hence the name
 * alone. A key's provider would leave a second item behind when the key moves to another one.
 *
 * Returns: (transfer floating): the item's attributes, of type a{ss}
 */
GVariant *
aip_keyring_attributes_new (const char *ref)
{
  GVariantBuilder builder;

  g_return_val_if_fail (aip_key_store_is_ref (ref), NULL);

  const char *client = client_of (ref);

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{ss}"));
  g_variant_builder_add (&builder, "{ss}", AIP_KEYRING_SCHEMA_ATTRIBUTE,
                         client != NULL ? AIP_KEYRING_CLIENT_SCHEMA : AIP_KEYRING_KEY_SCHEMA);
  if (client != NULL)
    g_variant_builder_add (&builder, "{ss}", AIP_KEYRING_CLIENT_ATTRIBUTE, client);
  else
    g_variant_builder_add (&builder, "{ss}", AIP_KEYRING_KEY_ATTRIBUTE, ref);

  return g_variant_builder_end (&builder);
}

/**
 * aip_keyring_dup_label:
 * @ref: a secret's name in the store
 *
 * Returns: (transfer full): what the keyring's own programs show, such as "AI Proxy: key openai-1"
 */
char *
aip_keyring_dup_label (const char *ref)
{
  g_return_val_if_fail (ref != NULL, NULL);

  const char *client = client_of (ref);

  if (client != NULL)
    return g_strdup_printf ("AI Proxy: token of client %s", client);
  return g_strdup_printf ("AI Proxy: key %s", ref);
}
