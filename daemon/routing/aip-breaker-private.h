/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-breaker.h"

G_BEGIN_DECLS

/* What only the files of AipBreaker use. */

#define AIP_BREAKER_MAX_HOLD_US (24 * G_TIME_SPAN_HOUR)
#define AIP_BREAKER_MAX_STREAK 30

void aip_breaker_change (AipBreaker *self, gint64 until_us);
void aip_breaker_put_off (AipBreaker *self, gint64 until_us);
void aip_breaker_tell (AipBreaker *self);
void aip_breaker_recover (AipBreaker *self);
void aip_breaker_free_probe (AipBreaker *self);
gint64 aip_breaker_get_period (const AipBreaker *self, gint64 now_us);
void aip_breaker_sum_window (const AipBreaker *self, gint64 now_us, guint *n, guint *n_faults);
gboolean aip_breaker_may_be_brought_forward (const AipBreaker *self, gint64 now_us);

G_END_DECLS
