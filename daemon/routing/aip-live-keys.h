/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-live-key.h"

G_BEGIN_DECLS

/**
 * AipLiveKeys: the live state of all keys of the configuration, by provider and key. It outlives
 * configurations: what is in both the old and the new one goes on as it was. Any thread may use it.
 */
typedef struct _AipLiveKeys AipLiveKeys;

AipLiveKeys *aip_live_keys_new (void);
AipLiveKeys *aip_live_keys_ref (AipLiveKeys *self);
void aip_live_keys_unref (AipLiveKeys *self);

GPtrArray *aip_live_keys_set_config (AipLiveKeys *self, AipConfig *config);
AipLiveKey *aip_live_keys_find (AipLiveKeys *self, const char *provider, const char *key);
GPtrArray *aip_live_keys_list (AipLiveKeys *self);
guint64 aip_live_keys_get_serial (AipLiveKeys *self);
void aip_live_keys_add_watch (AipLiveKeys *self, AipBreakerWatchFunc func, void *user_data);
void aip_live_keys_remove_watch (AipLiveKeys *self, AipBreakerWatchFunc func, void *user_data);

GVariant *aip_live_keys_save (AipLiveKeys *self, gint64 now_us, gint64 wall_us);
gboolean aip_live_keys_restore (AipLiveKeys *self, GVariant *saved, gint64 now_us, gint64 wall_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipLiveKeys, aip_live_keys_unref)

G_END_DECLS
