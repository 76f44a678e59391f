/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gsize aip_event_stream_whole_length (const char *data, gsize length, gsize seen);

G_END_DECLS
