/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

const char *aip_ctl_near_find (const GPtrArray *names, const char *wanted);

G_END_DECLS
