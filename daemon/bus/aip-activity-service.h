/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"

G_BEGIN_DECLS

#define AIP_TYPE_ACTIVITY_SERVICE (aip_activity_service_get_type ())
G_DECLARE_FINAL_TYPE (AipActivityService, aip_activity_service, AIP, ACTIVITY_SERVICE, AipBusActivitySkeleton)

AipActivityService *aip_activity_service_new (const AipBusContext *context);

G_END_DECLS
