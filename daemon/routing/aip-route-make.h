/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-route-rules.h"
#include "routing/aip-route.h"

G_BEGIN_DECLS

AipRoute *aip_route_make (const AipRouteRules *rules, const char *name, const AipRouteProvider *only);

G_END_DECLS
