/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-route.h"

G_BEGIN_DECLS

/**
 * AipRouteTable: the enabled providers, the mappings, and a route for each name that is known exactly.
 * Immutable but for the routes' turns.
 */
typedef struct _AipRouteTable AipRouteTable;

AipRouteTable *
aip_route_table_new (const AipConfig *config, const AipKeySecret *secrets, const GPtrArray *discovered);
void aip_route_table_free (AipRouteTable *self);

const GPtrArray *aip_route_table_get_providers (const AipRouteTable *self);
GHashTable *aip_route_table_get_routes (const AipRouteTable *self);
const AipRouteProvider *aip_route_table_find_provider (const AipRouteTable *self, const char *name);
const AipRouteProvider *aip_route_table_find_fixed_provider (const AipRouteTable *self, AipProtocol protocol);
AipRoute *aip_route_table_find (const AipRouteTable *self, const char *name);
AipRoute *aip_route_table_make (const AipRouteTable *self, const char *name, const AipRouteProvider *only);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRouteTable, aip_route_table_free)

G_END_DECLS
