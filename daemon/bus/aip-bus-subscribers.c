/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-bus-subscribers.h"

#include "base/aip-error.h"
#include "bus/aip-bus-path.h"

/* More is a program that forgets to unsubscribe. */
#define MAX_SUBSCRIBERS 64

struct _AipBusSubscribers
{
  GDBusConnection *connection;
  AipBusSubscribersFunc gone;
  void *user_data;
  GHashTable *watches; /* unique name -> id of its name watch */
};

static void
unwatch (gpointer id)
{
  g_bus_unwatch_name (GPOINTER_TO_UINT (id));
}

/**
 * aip_bus_subscribers_new:
 * @connection: (transfer none): the bus; outlives the table
 * @gone: (nullable): called when a subscriber has left the bus
 * @user_data: for @gone
 *
 * Returns: (transfer full): an empty table
 */
AipBusSubscribers *
aip_bus_subscribers_new (GDBusConnection *connection, AipBusSubscribersFunc gone, void *user_data)
{
  AipBusSubscribers *self = g_new0 (AipBusSubscribers, 1);

  self->connection = connection;
  self->gone = gone;
  self->user_data = user_data;
  self->watches = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unwatch);
  return self;
}

/**
 * aip_bus_subscribers_free:
 * @self: (transfer full): a table
 */
void
aip_bus_subscribers_free (AipBusSubscribers *self)
{
  g_hash_table_unref (self->watches);
  g_free (self);
}

static void
vanished_cb (GDBusConnection *connection, const char *name, gpointer user_data)
{
  AipBusSubscribers *self = user_data;
  g_autofree char *sender = g_strdup (name);

  if (aip_bus_subscribers_remove (self, sender) && self->gone != NULL)
    self->gone (sender, g_hash_table_size (self->watches), self->user_data);
}

/**
 * aip_bus_subscribers_add:
 * @self: a table
 * @sender: a caller's unique name
 * @error: return location for AIP_ERROR_RATE_LIMITED: there are too many
 *
 * Returns: whether @sender is in the table now
 */
gboolean
aip_bus_subscribers_add (AipBusSubscribers *self, const char *sender, GError **error)
{
  guint id;

  if (g_hash_table_contains (self->watches, sender))
    return TRUE;
  if (g_hash_table_size (self->watches) >= MAX_SUBSCRIBERS)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_RATE_LIMITED,
                   "there are %d subscribers already: end one of the programs that watch", MAX_SUBSCRIBERS);
      return FALSE;
    }
  id = g_bus_watch_name_on_connection (self->connection, sender, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                       vanished_cb, self, NULL);
  g_hash_table_insert (self->watches, g_strdup (sender), GUINT_TO_POINTER (id));
  return TRUE;
}

/**
 * aip_bus_subscribers_remove:
 * @self: a table
 * @sender: a unique name
 *
 * Returns: whether it was there
 */
gboolean
aip_bus_subscribers_remove (AipBusSubscribers *self, const char *sender)
{
  return g_hash_table_remove (self->watches, sender);
}

/**
 * aip_bus_subscribers_count:
 * @self: a table
 *
 * Returns: how many there are
 */
guint
aip_bus_subscribers_count (AipBusSubscribers *self)
{
  return g_hash_table_size (self->watches);
}

/**
 * aip_bus_subscribers_emit:
 * @self: a table
 * @interface: an interface of the root object
 * @signal: one of its signals
 * @body: (transfer floating): its arguments, as a tuple
 *
 * Sends the signal to each subscriber and to nobody else.
 */
void
aip_bus_subscribers_emit (AipBusSubscribers *self, const char *interface, const char *signal, GVariant *body)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (body);
  GHashTableIter iter;
  gpointer sender;

  g_hash_table_iter_init (&iter, self->watches);
  while (g_hash_table_iter_next (&iter, &sender, NULL))
    g_dbus_connection_emit_signal (self->connection, sender, AIP_BUS_ROOT, interface, signal, owned, NULL);
}
