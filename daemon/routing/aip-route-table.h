/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-route-make.h"

G_BEGIN_DECLS

/**
 * AipRouteTable: a route for each name that is known exactly. Immutable but for the routes' turns.
 * @routes: (element-type utf8 AipRoute): by the client's name for the model
 * @names: the keys of @routes
 */
typedef struct
{
  GHashTable *routes;
  GStringChunk *names;
} AipRouteTable;

AipRouteTable *aip_route_table_new (const AipRouteRules *rules, guint n_keys);
void aip_route_table_free (AipRouteTable *self);

AipRoute *aip_route_table_find (const AipRouteTable *self, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRouteTable, aip_route_table_free)

G_END_DECLS
