/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-route-make.h"
#include "routing/aip-route-plan.h"

G_BEGIN_DECLS

void aip_route_error_no_provider (const AipConfig *config, GError **error);
void aip_route_error_unknown_provider (const AipConfig *config, const char *name, GError **error);
void aip_route_error_no_key (const AipRouteProvider *provider, const AipRoutePlan *plan, GError **error);
void aip_route_error_protocol (AipProtocol protocol, const AipRouteProvider *only, GError **error);
void aip_route_error_no_candidate (const AipRouteRules *rules,
                                   const GPtrArray *catalog,
                                   const AipRoutePlan *plan,
                                   const AipRoute *route,
                                   GError **error);

G_END_DECLS
