/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define AIP_BUS_NAME "org.example.AIProxy"
#define AIP_BUS_ROOT "/org/example/AIProxy"

char *aip_bus_path_make (const char *kind, const char *name);

G_END_DECLS
