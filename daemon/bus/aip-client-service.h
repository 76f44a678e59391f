/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"

G_BEGIN_DECLS

#define AIP_TYPE_CLIENT_SERVICE (aip_client_service_get_type ())
G_DECLARE_FINAL_TYPE (AipClientService, aip_client_service, AIP, CLIENT_SERVICE, AipBusClientSkeleton)

AipClientService *aip_client_service_new (const AipBusContext *context);
void aip_client_service_show (AipClientService *self, const AipClientConfig *config);
void aip_client_service_show_first (AipClientService *self);
void aip_client_service_show_token (AipClientService *self, const AipClientConfig *config);

G_END_DECLS
