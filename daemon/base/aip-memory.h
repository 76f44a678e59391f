/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

void aip_memory_trim (void);

G_END_DECLS
