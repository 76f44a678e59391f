/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Private to AipSecret and its tests. */

void *aip_secret_arena_alloc (gsize size);
void aip_secret_arena_free (void *memory, gsize size);

G_END_DECLS
