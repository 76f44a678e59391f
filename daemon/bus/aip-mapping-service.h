/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"

G_BEGIN_DECLS

#define AIP_TYPE_MAPPING_SERVICE (aip_mapping_service_get_type ())
G_DECLARE_FINAL_TYPE (AipMappingService, aip_mapping_service, AIP, MAPPING_SERVICE, AipBusMappingSkeleton)

AipMappingService *aip_mapping_service_new (const AipBusContext *context);
void aip_mapping_service_show (AipMappingService *self, const AipMappingConfig *config);

char *aip_mapping_dup_name (const AipMappingConfig *config);
char *aip_mapping_dup_group (const AipMappingConfig *config);

G_END_DECLS
