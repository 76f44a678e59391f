/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"

G_BEGIN_DECLS

#define AIP_TYPE_STATS_SERVICE (aip_stats_service_get_type ())
G_DECLARE_FINAL_TYPE (AipStatsService, aip_stats_service, AIP, STATS_SERVICE, AipBusStatsSkeleton)

AipStatsService *aip_stats_service_new (const AipBusContext *context);

G_END_DECLS
