/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-route-plan.h"
#include "routing/aip-route-rules.h"

G_BEGIN_DECLS

GPtrArray *aip_route_explain (const AipConfig *config,
                              const AipRouteRules *rules,
                              const AipRoutePlan *plan,
                              const AipRoute *route,
                              const GArray *candidates,
                              guint max);

G_END_DECLS
