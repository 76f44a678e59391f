/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-live-keys.h"

G_BEGIN_DECLS

/**
 * AipBreakerNews: tells the main thread that breakers have changed, many changes at once.
 */
typedef struct _AipBreakerNews AipBreakerNews;

AipBreakerNews *
aip_breaker_news_new (AipLiveKeys *live, gint64 delay_us, AipBreakerWatchFunc func, void *user_data);
void aip_breaker_news_free (AipBreakerNews *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipBreakerNews, aip_breaker_news_free)

G_END_DECLS
