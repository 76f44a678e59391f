/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-live-keys.h"

G_BEGIN_DECLS

/**
 * AipBreakerLog: tells the log once of each key that its owner has to do something about: one that is
 * refused, or whose account is empty. On the main thread.
 */
typedef struct _AipBreakerLog AipBreakerLog;

AipBreakerLog *aip_breaker_log_new (AipLiveKeys *live);
void aip_breaker_log_free (AipBreakerLog *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipBreakerLog, aip_breaker_log_free)

G_END_DECLS
