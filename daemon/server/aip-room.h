/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

guint aip_room_for_clients (guint configured, guint n_workers);

G_END_DECLS
