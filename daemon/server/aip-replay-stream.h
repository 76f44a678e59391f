/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

GIOStream *aip_replay_stream_new (GIOStream *base, GBytes *first);

G_END_DECLS
