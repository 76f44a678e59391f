/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * AipBusSubscribers: who asked for signals, until they take it back or leave the bus.
 */
typedef struct _AipBusSubscribers AipBusSubscribers;

/* @count: how many there are now */
typedef void (*AipBusSubscribersFunc) (const char *sender, guint count, void *user_data);

AipBusSubscribers *
aip_bus_subscribers_new (GDBusConnection *connection, AipBusSubscribersFunc gone, void *user_data);
void aip_bus_subscribers_free (AipBusSubscribers *self);

gboolean aip_bus_subscribers_add (AipBusSubscribers *self, const char *sender, GError **error);
gboolean aip_bus_subscribers_remove (AipBusSubscribers *self, const char *sender);
guint aip_bus_subscribers_count (AipBusSubscribers *self);
void
aip_bus_subscribers_emit (AipBusSubscribers *self, const char *interface, const char *signal, GVariant *body);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipBusSubscribers, aip_bus_subscribers_free)

G_END_DECLS
