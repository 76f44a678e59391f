/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-live-keys.h"

G_BEGIN_DECLS

/**
 * AipBreakerFile: keeps what the breakers know over the daemon's end, in the file `breakers` of its folder
 * for state. On the main thread.
 */
typedef struct _AipBreakerFile AipBreakerFile;

AipBreakerFile *aip_breaker_file_new (const char *state_dir, AipLiveKeys *live);
void aip_breaker_file_free (AipBreakerFile *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipBreakerFile, aip_breaker_file_free)

G_END_DECLS
