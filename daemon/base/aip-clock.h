/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gint64 aip_clock_now (void);
gint64 aip_clock_wall (void);
void aip_clock_set_fake (gint64 monotonic_us, gint64 wall_us);
void aip_clock_unset_fake (void);

G_END_DECLS
