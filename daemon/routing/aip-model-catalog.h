/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-route-table.h"

G_BEGIN_DECLS

GPtrArray *aip_model_catalog_new (const AipRouteTable *table);

G_END_DECLS
