/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-route-rules.h"
#include "routing/aip-route.h"

G_BEGIN_DECLS

GPtrArray *aip_route_explain (const AipConfig *config,
                              const AipRouteRules *rules,
                              const AipRouteQuery *query,
                              const AipRoute *route,
                              const GArray *plan);

G_END_DECLS
