/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"

G_BEGIN_DECLS

#define AIP_TYPE_MANAGER_SERVICE (aip_manager_service_get_type ())
G_DECLARE_FINAL_TYPE (AipManagerService, aip_manager_service, AIP, MANAGER_SERVICE, AipBusManagerSkeleton)

AipManagerService *aip_manager_service_new (const AipBusContext *context);
void aip_manager_service_show (AipManagerService *self);
void aip_manager_service_show_state (AipManagerService *self);

G_END_DECLS
