/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"

G_BEGIN_DECLS

#define AIP_TYPE_KEY_SERVICE (aip_key_service_get_type ())
G_DECLARE_FINAL_TYPE (AipKeyService, aip_key_service, AIP, KEY_SERVICE, AipBusKeySkeleton)

AipKeyService *aip_key_service_new (const AipBusContext *context);
void aip_key_service_show (AipKeyService *self, const AipKeyConfig *config);
void aip_key_service_show_breaker (AipKeyService *self);
void aip_key_service_show_secret (AipKeyService *self, const AipKeyConfig *config);

G_END_DECLS
