/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-keyring"

#include "keys/aip-keyring-view.h"

#include "base/aip-error.h"
#include "keys/aip-keyring-items.h"
#include "keys/aip-keyring.h"

/**
 * aip_keyring_view_new:
 *
 * Returns: (transfer full): a view before its first load
 */
AipKeyringView *
aip_keyring_view_new (void)
{
  AipKeyringView *self = g_new0 (AipKeyringView, 1);

  self->state = AIP_KEY_STORE_LOADING;
  self->items = aip_keyring_items_new ();
  self->written = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  return self;
}

/**
 * aip_keyring_view_free:
 * @self: (transfer full): a view
 *
 * Frees it. Secrets that nobody else holds are wiped.
 */
void
aip_keyring_view_free (AipKeyringView *self)
{
  g_return_if_fail (self != NULL);

  g_clear_pointer (&self->list, aip_keyring_list_free);
  g_hash_table_unref (self->items);
  g_hash_table_unref (self->written);
  g_free (self);
}

/**
 * aip_keyring_view_lookup:
 * @self: the view
 * @ref: a secret's name
 *
 * Returns: (transfer full) (nullable): the secret
 */
AipSecret *
aip_keyring_view_lookup (AipKeyringView *self, const char *ref)
{
  g_return_val_if_fail (self != NULL && ref != NULL, NULL);

  AipKeyringItem *item = g_hash_table_lookup (self->items, ref);

  return item != NULL ? aip_secret_ref (item->secret) : NULL;
}

/**
 * aip_keyring_view_begin:
 * @self: the view
 *
 * A load begins: what was written before it will be in its result.
 */
void
aip_keyring_view_begin (AipKeyringView *self)
{
  g_return_if_fail (self != NULL);

  g_hash_table_remove_all (self->written);
}

/* What is written while a load runs is known better than by what the load has read. */
static void
keep_written (AipKeyringView *self, GHashTable *items)
{
  GHashTableIter iter;
  void *ref = NULL;

  g_hash_table_iter_init (&iter, self->written);
  while (g_hash_table_iter_next (&iter, &ref, NULL))
    {
      AipKeyringItem *item = g_hash_table_lookup (self->items, ref);

      if (item != NULL)
        aip_keyring_items_put (items, ref, item->path, item->secret);
      else
        g_hash_table_remove (items, ref);
    }
}

/* GNOME's service, started anew, does not even list what lies in a collection that is locked. */
static gboolean
is_locked (AipKeyringList *list, const char *path)
{
  return g_ptr_array_find_with_equal_func (list->locked, path, g_str_equal, NULL) ||
         (list->collection_locked && aip_keyring_is_below (path, list->collection));
}

/* A service that was started anew is locked because it was, not because somebody locked it: what we have of
 * it serves on. */
static void
keep_left_open (AipKeyringView *self, AipKeyringList *list)
{
  GHashTableIter iter;
  void *ref = NULL;
  void *value = NULL;

  g_hash_table_iter_init (&iter, self->items);
  while (g_hash_table_iter_next (&iter, &ref, &value))
    {
      AipKeyringItem *item = value;

      if (!g_hash_table_contains (list->items, ref) && is_locked (list, item->path))
        aip_keyring_items_put (list->items, ref, item->path, item->secret);
    }
}

static AipKeyStoreState
state_of (AipKeyringList *list)
{
  if (list->collection == NULL)
    return AIP_KEY_STORE_UNAVAILABLE;

  return list->collection_locked || list->locked->len > 0 ? AIP_KEY_STORE_LOCKED : AIP_KEY_STORE_READY;
}

/**
 * aip_keyring_view_apply:
 * @self: the view
 * @list: (transfer full): what a load has read
 *
 * Makes the result of a load the truth.
 *
 * Returns: whether anything changed
 */
gboolean
aip_keyring_view_apply (AipKeyringView *self, AipKeyringList *list)
{
  g_return_val_if_fail (self != NULL && list != NULL, FALSE);

  AipKeyStoreState state = state_of (list);

  self->left_open = self->left_open && state == AIP_KEY_STORE_LOCKED;
  if (self->left_open)
    keep_left_open (self, list);
  keep_written (self, list->items);
  gboolean changed = state != self->state || !aip_keyring_items_equal (self->items, list->items);

  self->state = state;
  g_hash_table_unref (self->items);
  self->items = g_hash_table_ref (list->items);
  g_clear_pointer (&self->list, aip_keyring_list_free);
  self->list = list;

  return changed;
}

/**
 * aip_keyring_view_fail:
 * @self: the view
 *
 * The keyring went away or does not answer. The secrets stay, and serve: nobody took them back.
 *
 * Returns: whether anything changed
 */
gboolean
aip_keyring_view_fail (AipKeyringView *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  gboolean changed = self->state != AIP_KEY_STORE_UNAVAILABLE;

  self->left_open = self->left_open || self->state == AIP_KEY_STORE_READY;
  self->state = AIP_KEY_STORE_UNAVAILABLE;
  g_clear_pointer (&self->list, aip_keyring_list_free);

  return changed;
}

/**
 * aip_keyring_view_lock:
 * @self: the view
 * @collection: a collection's path
 *
 * A collection was locked, and somebody wants its secrets out of reach: they are dropped, and wiped as
 * soon as no request uses them.
 *
 * Returns: whether anything changed
 */
gboolean
aip_keyring_view_lock (AipKeyringView *self, const char *collection)
{
  g_return_val_if_fail (self != NULL && collection != NULL, FALSE);

  self->left_open = FALSE;

  gboolean dropped = aip_keyring_items_drop (self->items, collection);
  gboolean is_default = self->list != NULL && g_strcmp0 (self->list->collection, collection) == 0;

  if (!dropped && (!is_default || self->state == AIP_KEY_STORE_LOCKED))
    return FALSE;

  self->state = AIP_KEY_STORE_LOCKED;
  return TRUE;
}

/**
 * aip_keyring_view_write:
 * @self: the view
 * @ref: the secret's name
 * @path: (nullable): the path of its item, if it was stored
 * @secret: (nullable): the secret, if it was stored; %NULL: it was removed
 *
 * Follows what was written into the keyring.
 */
void
aip_keyring_view_write (AipKeyringView *self, const char *ref, const char *path, AipSecret *secret)
{
  g_return_if_fail (self != NULL && ref != NULL);

  if (secret != NULL)
    aip_keyring_items_put (self->items, ref, path, secret);
  else
    g_hash_table_remove (self->items, ref);
  g_hash_table_add (self->written, g_strdup (ref));
}

/**
 * aip_keyring_view_error_new:
 * @self: the view
 *
 * Returns: (transfer full) (nullable): what keeps us from the secrets, if anything does after a load that
 *   came through
 */
GError *
aip_keyring_view_error_new (AipKeyringView *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (self->state == AIP_KEY_STORE_UNAVAILABLE)
    return g_error_new (AIP_ERROR, AIP_ERROR_UNAVAILABLE, AIP_KEYRING_NO_DEFAULT);
  if (self->state == AIP_KEY_STORE_LOCKED)
    return g_error_new (AIP_ERROR, AIP_ERROR_LOCKED, "the keyring is locked: run `aiproxyctl unlock`");

  return NULL;
}
