/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config-file.h"

G_BEGIN_DECLS

/**
 * AipConfigWatch: tells when one of the config files was written, replaced, made or removed, once
 * per burst of changes.
 */
typedef struct _AipConfigWatch AipConfigWatch;
typedef void (*AipConfigWatchFunc) (void *user_data);

AipConfigWatch *aip_config_watch_new (const char *const *paths, AipConfigWatchFunc func, void *user_data);
void aip_config_watch_expect (AipConfigWatch *self, const char *path, const AipConfigStamp *written);
void aip_config_watch_free (AipConfigWatch *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipConfigWatch, aip_config_watch_free)

G_END_DECLS
