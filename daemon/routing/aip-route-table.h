/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-route-make.h"

G_BEGIN_DECLS

/**
 * AipRouteTable: a route for each name that is known exactly, made when it is asked for first: a change of
 * the configuration costs nothing for what nobody uses. Any thread may use it.
 * @rules: who serves what
 * @n_keys: the highest AipCandidate.index, plus one
 * @slots: (element-type utf8 guint): by the client's name for the model, the place of its route in @routes;
 *   the names are those of @rules; shared by the tables of rules that have the same names
 * @routes: (array) (element-type AipRoute): atomic pointers; %NULL: not asked for yet
 */
typedef struct
{
  const AipRouteRules *rules;
  guint n_keys;
  GHashTable *slots;
  AipRoute **routes;
} AipRouteTable;

AipRouteTable *aip_route_table_new (const AipRouteRules *rules, guint n_keys, const AipRouteTable *old);
void aip_route_table_free (AipRouteTable *self);

AipRoute *aip_route_table_find (const AipRouteTable *self, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRouteTable, aip_route_table_free)

G_END_DECLS
