/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"

G_BEGIN_DECLS

/**
 * AipBusKind: how the groups of one kind become objects.
 *
 * @path: the kind's part of the object path
 * @dup_name: (transfer full): what an object is called
 * @equal: whether two sections show the same
 * @create: (transfer full): a new interface that shows nothing
 * @show: shows a section
 * @show_secret: (nullable): shows what may change with the secrets while the section does not
 * @show_breaker: (nullable): shows what changes by itself while the section does not
 */
typedef struct
{
  const char *path;
  char *(*dup_name) (gconstpointer section);
  gboolean (*equal) (gconstpointer a, gconstpointer b);
  GDBusInterfaceSkeleton *(*create) (const AipBusContext *context);
  void (*show) (GDBusInterfaceSkeleton *service, gconstpointer section);
  void (*show_secret) (GDBusInterfaceSkeleton *service, gconstpointer section);
  void (*show_breaker) (GDBusInterfaceSkeleton *service);
} AipBusKind;

/**
 * AipBusCollection: the objects of one kind on the bus.
 */
typedef struct _AipBusCollection AipBusCollection;

AipBusCollection *aip_bus_collection_new (const AipBusKind *kind,
                                          const AipBusContext *context,
                                          GDBusObjectManagerServer *manager);
void aip_bus_collection_free (AipBusCollection *self);
void aip_bus_collection_show (AipBusCollection *self, const GPtrArray *sections, gboolean secrets_changed);
void aip_bus_collection_show_breakers (AipBusCollection *self);

extern const AipBusKind aip_bus_kind_provider;
extern const AipBusKind aip_bus_kind_key;
extern const AipBusKind aip_bus_kind_mapping;
extern const AipBusKind aip_bus_kind_client;

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipBusCollection, aip_bus_collection_free)

G_END_DECLS
