/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"

G_BEGIN_DECLS

#define AIP_TYPE_PROVIDER_SERVICE (aip_provider_service_get_type ())
G_DECLARE_FINAL_TYPE (AipProviderService, aip_provider_service, AIP, PROVIDER_SERVICE, AipBusProviderSkeleton)

AipProviderService *aip_provider_service_new (const AipBusContext *context);
void aip_provider_service_show_breaker (AipProviderService *self);
void aip_provider_service_show (AipProviderService *self, const AipProviderConfig *config);

G_END_DECLS
