/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/aip-records.h"

G_BEGIN_DECLS

GVariant *aip_bus_request_make (const AipRequestEvent *event, gboolean decision);
gboolean aip_bus_request_parse_filter (GVariant *filter, AipRecordFilter *wanted, GError **error);

G_END_DECLS
