/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"

G_BEGIN_DECLS

/* What of their limits clients and tenants have used. */

GVariant *aip_bus_usage_of_client (const AipBusContext *context, const char *name);
GVariant *aip_bus_usage_list_tenants (const AipBusContext *context);

G_END_DECLS
