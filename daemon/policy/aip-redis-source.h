/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <hiredis/async.h>

G_BEGIN_DECLS

void aip_redis_source_attach (redisAsyncContext *redis, GMainContext *context);

G_END_DECLS
