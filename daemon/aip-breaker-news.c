/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-breaker-news"

#include "aip-breaker-news.h"

struct _AipBreakerNews
{
  AipLiveKeys *live;
  gint64 delay_us;
  AipBreakerWatchFunc func;
  void *user_data;
  GSource *source; /* made ready by whichever thread changes a breaker */
  int waiting;     /* atomic: it will be ready */
};

typedef struct
{
  GSource source;
  AipBreakerNews *owner;
} Wakeup;

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  AipBreakerNews *self = ((Wakeup *) source)->owner;

  g_source_set_ready_time (source, -1);
  /* Before anybody looks, so that what changes meanwhile is told again. */
  g_atomic_int_set (&self->waiting, FALSE);
  self->func (self->user_data);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs wakeup_funcs = { .dispatch = dispatch };

static void
changed_cb (void *user_data)
{
  AipBreakerNews *self = user_data;

  if (g_atomic_int_compare_and_exchange (&self->waiting, FALSE, TRUE))
    g_source_set_ready_time (self->source, g_get_monotonic_time () + self->delay_us);
}

/**
 * aip_breaker_news_new:
 * @live: (transfer none): whose breakers it is about
 * @delay_us: how long to wait for more, in microseconds
 * @func: called from the default main context after changes
 * @user_data: for @func
 *
 * Returns: (transfer full): the news
 */
AipBreakerNews *
aip_breaker_news_new (AipLiveKeys *live, gint64 delay_us, AipBreakerWatchFunc func, void *user_data)
{
  AipBreakerNews *self = g_new0 (AipBreakerNews, 1);

  self->live = aip_live_keys_ref (live);
  self->delay_us = delay_us;
  self->func = func;
  self->user_data = user_data;
  self->source = g_source_new (&wakeup_funcs, sizeof (Wakeup));
  ((Wakeup *) self->source)->owner = self;
  g_source_set_static_name (self->source, "aip-breaker-news");
  g_source_attach (self->source, NULL);
  aip_live_keys_add_watch (live, changed_cb, self);
  return self;
}

/**
 * aip_breaker_news_free:
 * @self: (transfer full): the news; nobody is told any more
 */
void
aip_breaker_news_free (AipBreakerNews *self)
{
  aip_live_keys_remove_watch (self->live, changed_cb, self);
  g_source_destroy (self->source);
  g_source_unref (self->source);
  aip_live_keys_unref (self->live);
  g_free (self);
}
