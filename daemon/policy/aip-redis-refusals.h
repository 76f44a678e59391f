/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipRedisRefusals: tells the log that a Redis which is there does not do what it is asked, and that it does
 * again. For the thread of its GMainContext alone.
 */
typedef struct _AipRedisRefusals AipRedisRefusals;

AipRedisRefusals *aip_redis_refusals_new (void);
void aip_redis_refusals_free (AipRedisRefusals *self);
void aip_redis_refusals_note (AipRedisRefusals *self, const char *why);
void aip_redis_refusals_note_success (AipRedisRefusals *self);
void aip_redis_refusals_forget (AipRedisRefusals *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRedisRefusals, aip_redis_refusals_free)

G_END_DECLS
