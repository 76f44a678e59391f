/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-breaker.h"

G_BEGIN_DECLS

/* What only the files of AipBreaker use. */

#define AIP_BREAKER_MAX_HOLD_US (24 * G_TIME_SPAN_HOUR)
#define AIP_BREAKER_MAX_STREAK 30

void aip_breaker_change (AipBreaker *self, gint64 until_us);

G_END_DECLS
