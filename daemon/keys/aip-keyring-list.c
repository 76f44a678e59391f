/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-keyring"

#include "keys/aip-keyring-list.h"

#include "keys/aip-keyring-items.h"
#include "keys/aip-keyring.h"

/*
 * Two searches, one for each schema, and the default collection's lock; then the attributes of each item
 * found that are not known yet, which tell the name of its key.
 */

/* Calls under way at once: a bus has limits for each of its users. */
#define CHUNK 100

typedef struct
{
  GDBusConnection *bus;
  GHashTable *known;
  AipKeyringList *list;
  GError *error; /* the first one */
  guint pending; /* calls */
  guint next;    /* index in list->paths */
} Listing;

/* For one item's call. */
typedef struct
{
  GTask *task;
  char *path;
} Asking;

/**
 * aip_keyring_list_free:
 * @self: (transfer full): a list
 *
 * Frees it.
 */
void
aip_keyring_list_free (AipKeyringList *self)
{
  g_return_if_fail (self != NULL);

  g_ptr_array_unref (self->paths);
  g_hash_table_unref (self->refs);
  g_hash_table_unref (self->items);
  g_ptr_array_unref (self->locked);
  g_free (self->collection);
  g_free (self);
}

static void
listing_free (void *data)
{
  Listing *listing = data;

  g_clear_pointer (&listing->list, aip_keyring_list_free);
  g_clear_error (&listing->error);
  g_hash_table_unref (listing->known);
  g_object_unref (listing->bus);
  g_free (listing);
}

static void
keep_error (Listing *listing, GError *error)
{
  if (listing->error == NULL)
    listing->error = error;
  else
    g_error_free (error);
}

static void
take_ref (Listing *listing, const char *path, const char *ref)
{
  if (*ref != '\0')
    g_hash_table_replace (listing->list->refs, g_strdup (path), g_strdup (ref));
}

static void attributes_cb (GObject *source, GAsyncResult *result, void *user_data);

static void
ask_attributes (GTask *task, const char *path)
{
  Listing *listing = g_task_get_task_data (task);
  Asking *asking = g_new0 (Asking, 1);

  asking->task = g_object_ref (task);
  asking->path = g_strdup (path);
  listing->pending++;
  aip_keyring_get_property (listing->bus, path, AIP_KEYRING_ITEM_INTERFACE, "Attributes",
                            g_task_get_cancellable (task), attributes_cb, asking);
}

/* Called when no call is under way. */
static void
advance (GTask *task)
{
  Listing *listing = g_task_get_task_data (task);
  GPtrArray *paths = listing->list->paths;

  if (listing->error != NULL)
    {
      g_task_return_error (task, g_steal_pointer (&listing->error));
      return;
    }

  for (; listing->next < paths->len && listing->pending < CHUNK; listing->next++)
    {
      const char *path = g_ptr_array_index (paths, listing->next);
      const char *ref = g_hash_table_lookup (listing->known, path);

      if (ref != NULL)
        take_ref (listing, path, ref);
      else
        ask_attributes (task, path);
    }

  if (listing->pending == 0)
    g_task_return_pointer (task, g_steal_pointer (&listing->list), (GDestroyNotify) aip_keyring_list_free);
}

static void
answered (GTask *task)
{
  Listing *listing = g_task_get_task_data (task);

  g_assert (listing->pending > 0);
  if (--listing->pending == 0)
    advance (task);
}

static void
read_ref (Listing *listing, const char *path, GVariant *attributes)
{
  g_autofree char *ref = aip_keyring_dup_ref (attributes);

  if (ref == NULL)
    {
      g_warning ("the keyring's item %s names no key or client as this program would: not used", path);
      ref = g_strdup ("");
    }

  take_ref (listing, path, ref);
  g_hash_table_replace (listing->known, g_strdup (path), g_steal_pointer (&ref));
}

static void
attributes_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  Asking *asking = user_data;
  Listing *listing = g_task_get_task_data (asking->task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) attributes = aip_keyring_get_property_finish (source, result, "a{ss}", &error);

  if (attributes != NULL)
    read_ref (listing, asking->path, attributes);
  else if (!aip_keyring_error_is_gone (error))
    keep_error (listing, g_steal_pointer (&error));

  answered (asking->task);
  g_object_unref (asking->task);
  g_free (asking->path);
  g_free (asking);
}

static void
add_paths (GPtrArray *paths, GVariant *reply, gsize child)
{
  g_autoptr (GVariant) array = g_variant_get_child_value (reply, child);
  GVariantIter iter;
  char *path = NULL;

  g_variant_iter_init (&iter, array);
  while (g_variant_iter_next (&iter, "o", &path))
    g_ptr_array_add (paths, path);
}

static void
searched_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  Listing *listing = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (reply != NULL)
    {
      add_paths (listing->list->paths, reply, 0);
      add_paths (listing->list->locked, reply, 1);
    }
  else
    keep_error (listing, error);
  answered (task);
}

static void
search (GTask *task, const char *schema)
{
  Listing *listing = g_task_get_task_data (task);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{ss}"));
  g_variant_builder_add (&builder, "{ss}", AIP_KEYRING_SCHEMA_ATTRIBUTE, schema);
  listing->pending++;
  aip_keyring_call (listing->bus, AIP_KEYRING_PATH, AIP_KEYRING_SERVICE_INTERFACE, "SearchItems",
                    g_variant_new ("(@a{ss})", g_variant_builder_end (&builder)), "(aoao)",
                    g_task_get_cancellable (task), searched_cb, g_object_ref (task));
}

static void
locked_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  Listing *listing = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) locked = aip_keyring_get_property_finish (source, result, "b", &error);

  if (locked != NULL)
    listing->list->collection_locked = g_variant_get_boolean (locked);
  else if (aip_keyring_error_is_gone (error))
    g_clear_pointer (&listing->list->collection, g_free);
  else
    keep_error (listing, g_steal_pointer (&error));
  answered (task);
}

static void
default_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  g_autoptr (GTask) task = user_data;
  Listing *listing = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  const char *path = NULL;

  if (reply == NULL)
    {
      keep_error (listing, error);
      answered (task);
      return;
    }

  g_variant_get (reply, "(&o)", &path);
  if (g_str_equal (path, AIP_KEYRING_NO_PATH))
    {
      answered (task);
      return;
    }

  GCancellable *cancellable = g_task_get_cancellable (task);

  listing->list->collection = g_strdup (path);
  aip_keyring_get_property (listing->bus, path, AIP_KEYRING_COLLECTION_INTERFACE, "Locked", cancellable,
                            locked_cb, g_steal_pointer (&task));
}

/**
 * aip_keyring_list_async:
 * @bus: the session bus
 * @known: path -> ref, "" where an item has none: what need not be asked for; the rest is added. The caller
 *   takes out what changes.
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's main context
 * @user_data: for @callback
 *
 * Lists the items of our schemas in all collections, without their secrets. Prompts nobody.
 */
void
aip_keyring_list_async (GDBusConnection *bus,
                        GHashTable *known,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        void *user_data)
{
  g_return_if_fail (G_IS_DBUS_CONNECTION (bus));
  g_return_if_fail (known != NULL);

  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Listing *listing = g_new0 (Listing, 1);

  listing->bus = g_object_ref (bus);
  listing->known = g_hash_table_ref (known);
  listing->list = g_new0 (AipKeyringList, 1);
  listing->list->paths = g_ptr_array_new_with_free_func (g_free);
  listing->list->refs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  listing->list->items = aip_keyring_items_new ();
  listing->list->locked = g_ptr_array_new_with_free_func (g_free);
  g_task_set_source_tag (task, aip_keyring_list_async);
  g_task_set_task_data (task, listing, listing_free);

  search (task, AIP_KEYRING_KEY_SCHEMA);
  search (task, AIP_KEYRING_CLIENT_SCHEMA);
  listing->pending++;
  aip_keyring_call (bus, AIP_KEYRING_PATH, AIP_KEYRING_SERVICE_INTERFACE, "ReadAlias",
                    g_variant_new ("(s)", "default"), "(o)", cancellable, default_cb, g_object_ref (task));
}

/**
 * aip_keyring_list_finish:
 * @result: what the callback got
 * @error: where to put what a call ended with, see aip_keyring_error_new ()
 *
 * Ends aip_keyring_list_async ().
 *
 * Returns: (transfer full) (nullable): the list
 */
AipKeyringList *
aip_keyring_list_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
