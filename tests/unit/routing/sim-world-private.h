/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim-world.h"

G_BEGIN_DECLS

/* What only the files of the simulator use. */

void sim_request_start (SimWorld *world, guint index);
void sim_plan_check (SimWorld *world,
                     const SimAsk *ask,
                     const AipRouteQuery *query,
                     const GArray *plan,
                     gint64 retry_after_us);
void sim_health_start (SimWorld *world);

G_END_DECLS
