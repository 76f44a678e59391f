/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-bus-breakers.h"

#include "base/aip-clock.h"

/* Showing looks at every key: where there are thousands that fail, they are not to keep the thread busy. */
#define MIN_INTERVAL_US (200 * G_TIME_SPAN_MILLISECOND)
#define LONGEST_WAIT_US G_TIME_SPAN_MINUTE
#define NEVER G_MAXINT64

struct _AipBusBreakers
{
  AipLiveKeys *live;
  AipBusBreakersFunc func;
  void *user_data;
  GSource *news; /* made ready by whichever thread changes a breaker */
  GSource *time; /* ready when the first open one becomes half-open */
  gint64 first_until_us;
  gint64 shown_us; /* when all were shown last */
};

typedef struct
{
  GSource source;
  AipBusBreakers *owner;
} Wakeup;

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  AipBusBreakers *self = ((Wakeup *) source)->owner;
  gint64 now = g_get_monotonic_time ();

  g_source_set_ready_time (source, -1);
  if (self->shown_us != 0 && now - self->shown_us < MIN_INTERVAL_US)
    {
      g_source_set_ready_time (source, self->shown_us + MIN_INTERVAL_US);
      return G_SOURCE_CONTINUE;
    }
  self->shown_us = now;
  g_source_set_ready_time (self->time, -1);
  self->first_until_us = NEVER;
  self->func (self->user_data);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs wakeup_funcs = { .dispatch = dispatch };

static GSource *
make_source (AipBusBreakers *self, const char *name)
{
  GSource *source = g_source_new (&wakeup_funcs, sizeof (Wakeup));

  ((Wakeup *) source)->owner = self;
  g_source_set_static_name (source, name);
  g_source_attach (source, NULL);
  return source;
}

static void
changed_cb (void *user_data)
{
  g_source_set_ready_time (((AipBusBreakers *) user_data)->news, 0);
}

/**
 * aip_bus_breakers_new:
 * @live: (transfer none): the keys whose breakers are shown
 * @func: has each object look with aip_bus_breakers_look (); called from the default main context
 * @user_data: for @func
 *
 * Returns: (transfer full): the breakers
 */
AipBusBreakers *
aip_bus_breakers_new (AipLiveKeys *live, AipBusBreakersFunc func, void *user_data)
{
  AipBusBreakers *self = g_new0 (AipBusBreakers, 1);

  self->live = aip_live_keys_ref (live);
  self->func = func;
  self->user_data = user_data;
  self->first_until_us = NEVER;
  self->news = make_source (self, "aip-breakers-news");
  self->time = make_source (self, "aip-breakers-time");
  aip_live_keys_add_watch (live, changed_cb, self);
  return self;
}

static void
end_source (GSource *source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

/**
 * aip_bus_breakers_free:
 * @self: (transfer full): the breakers
 */
void
aip_bus_breakers_free (AipBusBreakers *self)
{
  aip_live_keys_remove_watch (self->live, changed_cb, self);
  end_source (self->news);
  end_source (self->time);
  aip_live_keys_unref (self->live);
  g_free (self);
}

static void
wait_for (AipBusBreakers *self, gint64 until_us, gint64 now_us)
{
  if (until_us >= self->first_until_us)
    return;
  self->first_until_us = until_us;
  /* The main loop's clock stands still while the machine sleeps. */
  g_source_set_ready_time (self->time, g_get_monotonic_time () + MIN (until_us - now_us, LONGEST_WAIT_US));
}

/**
 * aip_bus_breakers_look:
 * @self: the breakers
 * @provider: a provider's name
 * @key: (nullable): the name of a key of it; %NULL: it needs none
 * @shown: (inout): what its object shows
 * @text: (out caller-allocates): what it is to show from now on, where that is something else; its reason is
 *   (transfer full)
 *
 * Looks at one breaker, and waits for its time where that is still to come.
 *
 * Returns: whether it has changed
 */
gboolean
aip_bus_breakers_look (AipBusBreakers *self,
                       const char *provider,
                       const char *key,
                       AipBusBreaker *shown,
                       AipBusBreakerText *text)
{
  g_autoptr (AipLiveKey) live = aip_live_keys_find (self->live, provider, key);
  AipBreaker *breaker = live != NULL ? aip_live_key_get_breaker (live) : NULL;
  gint64 now = aip_clock_now ();
  AipBusBreaker found = { aip_breaker_state_get_name (AIP_BREAKER_CLOSED), 0, 0 };

  if (breaker != NULL)
    found = (AipBusBreaker){ aip_breaker_state_get_name (aip_breaker_get_state (breaker, now)),
                             aip_breaker_get_until (breaker), aip_breaker_get_serial (breaker) };
  if (found.until_us > now)
    wait_for (self, found.until_us, now);
  if (found.state == shown->state && found.until_us == shown->until_us && found.serial == shown->serial)
    return FALSE;
  *shown = found;
  *text = (AipBusBreakerText){
    .state = found.state,
    .reason = found.until_us != 0 ? aip_live_key_dup_cause (live) : NULL,
    .until = found.until_us != 0 ? aip_clock_wall () + (found.until_us - now) : 0,
  };
  if (text->reason == NULL)
    text->reason = g_strdup ("");
  return TRUE;
}
