/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

void aip_number_append (GString *out, guint64 number, guint base);

G_END_DECLS
