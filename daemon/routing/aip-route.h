/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-route-provider.h"

G_BEGIN_DECLS

/**
 * AipRouteStep: one provider that serves a name, under one name of its own.
 * @rank: place of @model among the targets of a mapping, from 0
 * @protocols: mask of (1 << AipProtocol) for which the step counts
 * @model: (not owned): the provider's name for the model
 * @candidates: (element-type AipCandidate): its keys for @model; empty: none is usable
 */
typedef struct
{
  guint rank;
  const AipRouteProvider *provider;
  guint protocols;
  const char *model;
  GArray *candidates;
} AipRouteStep;

/**
 * AipRoute: all that is known about one name: the steps, best first, and whose turn it is among equals.
 */
typedef struct
{
  GArray *steps; /* of AipRouteStep */
  guint turn;    /* atomic */
} AipRoute;

AipRoute *aip_route_new (void);
void aip_route_free (AipRoute *self);

void aip_route_add (AipRoute *self,
                    guint rank,
                    const AipRouteProvider *provider,
                    guint protocols,
                    const char *model);
void aip_route_sort (AipRoute *self);
guint aip_route_next_turn (AipRoute *self);
void aip_route_fill (const AipRoute *self, AipProtocol protocol, guint turn, GArray *plan);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRoute, aip_route_free)

G_END_DECLS
