/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipBreakerWatch: who wants to know when breakers change. Reference-counted, shared by all breakers, so that
 * one that outlives the watcher finds nobody there. Any thread may use it.
 */
typedef struct _AipBreakerWatch AipBreakerWatch;

/**
 * AipBreakerWatchFunc:
 * @user_data: as given
 *
 * A breaker has changed. Called in the thread that changed it, with locks held: it is to note that, wake
 * whoever wants to look, and return.
 */
typedef void (*AipBreakerWatchFunc) (void *user_data);

AipBreakerWatch *aip_breaker_watch_new (void);
AipBreakerWatch *aip_breaker_watch_ref (AipBreakerWatch *self);
void aip_breaker_watch_unref (AipBreakerWatch *self);
void aip_breaker_watch_add (AipBreakerWatch *self, AipBreakerWatchFunc func, void *user_data);
void aip_breaker_watch_remove (AipBreakerWatch *self, AipBreakerWatchFunc func, void *user_data);
void aip_breaker_watch_notify (AipBreakerWatch *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipBreakerWatch, aip_breaker_watch_unref)

G_END_DECLS
