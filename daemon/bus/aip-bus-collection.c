/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-bus-collection.h"

#include "bus/aip-bus-path.h"

/* One object. @section lives as long as the config that was shown last, which AipBus keeps. */
typedef struct
{
  GDBusInterfaceSkeleton *service;
  char *path;
  gconstpointer section;
  guint round; /* the last one that still had it */
} Entry;

struct _AipBusCollection
{
  const AipBusKind *kind;
  const AipBusContext *context;
  GDBusObjectManagerServer *manager;
  GHashTable *entries; /* name -> Entry */
  GPtrArray *shown;    /* of Entry: in the order of the sections shown last */
  guint round;
  guint n_round; /* how many entries this one has had so far */
};

static void
entry_free (Entry *entry)
{
  g_object_unref (entry->service);
  g_free (entry->path);
  g_free (entry);
}

/**
 * aip_bus_collection_new:
 * @kind: which objects these are
 * @context: (transfer none): for the objects
 * @manager: (transfer none): exports them; outlives the collection
 *
 * Returns: (transfer full): a collection of no object
 */
AipBusCollection *
aip_bus_collection_new (const AipBusKind *kind,
                        const AipBusContext *context,
                        GDBusObjectManagerServer *manager)
{
  AipBusCollection *self = g_new0 (AipBusCollection, 1);

  self->kind = kind;
  self->context = context;
  self->manager = manager;
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) entry_free);
  self->shown = g_ptr_array_new ();
  return self;
}

/**
 * aip_bus_collection_free:
 * @self: (transfer full): a collection
 */
void
aip_bus_collection_free (AipBusCollection *self)
{
  g_ptr_array_unref (self->shown);
  g_hash_table_unref (self->entries);
  g_free (self);
}

static void export(AipBusCollection *self, const Entry *entry)
{
  g_autoptr (GDBusObjectSkeleton) object = g_dbus_object_skeleton_new (entry->path);

  g_dbus_object_skeleton_add_interface (object, entry->service);
  g_dbus_object_manager_server_export (self->manager, object);
}

static Entry *
add_entry (AipBusCollection *self, char *name)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->service = self->kind->create (self->context);
  entry->path = aip_bus_path_make (self->kind->path, name);
  g_hash_table_insert (self->entries, name, entry);
  return entry;
}

/* As a rule a section is where it was, and the very same. */
static Entry *
find_shown (const AipBusCollection *self, guint place, gconstpointer section)
{
  Entry *entry = place < self->shown->len ? g_ptr_array_index (self->shown, place) : NULL;

  return entry != NULL && entry->section == section ? entry : NULL;
}

static Entry *
show_section (AipBusCollection *self, gconstpointer section)
{
  g_autofree char *name = self->kind->dup_name (section);
  Entry *entry = g_hash_table_lookup (self->entries, name);
  gboolean is_new = entry == NULL;

  if (is_new)
    entry = add_entry (self, g_steal_pointer (&name));
  if (is_new || !self->kind->equal (entry->section, section))
    self->kind->show (entry->service, section);
  entry->section = section;
  return entry;
}

static void
remove_others (AipBusCollection *self)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Entry *entry = value;

      if (entry->round == self->round)
        continue;
      g_dbus_object_manager_server_unexport (self->manager, entry->path);
      g_hash_table_iter_remove (&iter);
    }
}

static Entry *
show_one (AipBusCollection *self, guint place, gconstpointer section, gboolean secrets_changed)
{
  Entry *entry = find_shown (self, place, section);
  gboolean is_same = entry != NULL;
  gboolean is_new;

  if (!is_same)
    entry = show_section (self, section);
  is_new = entry->round == 0;
  if (self->kind->show_secret != NULL && (secrets_changed || !is_same))
    self->kind->show_secret (entry->service, section);
  if (self->kind->show_breaker != NULL && !is_same)
    self->kind->show_breaker (entry->service);
  self->n_round += entry->round != self->round ? 1 : 0;
  entry->round = self->round;
  if (is_new)
    export(self, entry);
  return entry;
}

/**
 * aip_bus_collection_show:
 * @self: a collection
 * @sections: what the configuration has of this kind; it lives until the next call
 * @secrets_changed: whether secrets, or why there are none, may have changed since that call
 *
 * Makes the objects on the bus those of @sections. Only what differs is touched: of thousands, as a rule,
 * one.
 */
void
aip_bus_collection_show (AipBusCollection *self, const GPtrArray *sections, gboolean secrets_changed)
{
  self->round++;
  self->n_round = 0;
  g_ptr_array_set_size (self->shown, MAX (sections->len, self->shown->len));
  for (guint i = 0; i < sections->len; i++)
    self->shown->pdata[i] = show_one (self, i, g_ptr_array_index (sections, i), secrets_changed);
  g_ptr_array_set_size (self->shown, sections->len);
  if (g_hash_table_size (self->entries) > self->n_round)
    remove_others (self);
}

/**
 * aip_bus_collection_show_breakers:
 * @self: a collection of what has breakers
 *
 * Shows them as they are now.
 */
void
aip_bus_collection_show_breakers (AipBusCollection *self)
{
  for (guint i = 0; i < self->shown->len; i++)
    self->kind->show_breaker (((Entry *) g_ptr_array_index (self->shown, i))->service);
}
