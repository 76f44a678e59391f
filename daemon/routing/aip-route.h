/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-balance.h"
#include "routing/aip-route-provider.h"
#include "routing/aip-strategy.h"

G_BEGIN_DECLS

/**
 * AipRouteStep: one provider that serves a name, under one name of its own.
 * @rank: place of @model among the targets of a mapping, from 0
 * @protocols: mask of (1 << AipProtocol) for which the step counts
 * @model: (not owned): the provider's name for the model
 * @context: how many tokens fit into @model; 0: not known
 * @candidates: (element-type AipCandidate): its keys for @model; empty: none is usable
 */
typedef struct
{
  guint rank;
  const AipRouteProvider *provider;
  guint protocols;
  const char *model;
  guint context;
  GArray *candidates;
} AipRouteStep;

/**
 * AipRoute: all that is known about one name: the steps, best first.
 * @steps: (element-type AipRouteStep)
 * @strategy: (nullable): what a mapping says
 * @balance: (nullable): whose turn it is among equals; %NULL: the route was made for one request
 */
typedef struct
{
  GArray *steps;
  const AipStrategy *strategy;
  AipBalance *balance;
} AipRoute;

AipRoute *aip_route_new (void);
void aip_route_free (AipRoute *self);

void aip_route_add (AipRoute *self,
                    guint rank,
                    const AipRouteProvider *provider,
                    guint protocols,
                    const char *model,
                    guint context);
void aip_route_sort (AipRoute *self);
guint aip_route_count_group (const AipRoute *self, guint start);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRoute, aip_route_free)

G_END_DECLS
