/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "routing/aip-live-keys.h"

G_BEGIN_DECLS

/**
 * AipBusBreakers: has the breakers shown again when one has changed, whichever thread changed it, and when
 * the time of an open one has come. Costs nothing in between. For the main thread.
 */
typedef struct _AipBusBreakers AipBusBreakers;

typedef void (*AipBusBreakersFunc) (void *user_data);

/**
 * AipBusBreaker: what one object shows of its breaker. Embed it; all zero: nothing yet.
 * @state: static; NULL: nothing was shown yet
 */
typedef struct
{
  const char *state;
  gint64 until_us;
  guint serial;
} AipBusBreaker;

/**
 * AipBusBreakerText: what the properties of an object are to be.
 * @until: microseconds since the epoch
 */
typedef struct
{
  const char *state;
  char *reason;
  gint64 until;
} AipBusBreakerText;

AipBusBreakers *aip_bus_breakers_new (AipLiveKeys *live, AipBusBreakersFunc func, void *user_data);
void aip_bus_breakers_free (AipBusBreakers *self);
gboolean aip_bus_breakers_look (AipBusBreakers *self,
                                const char *provider,
                                const char *key,
                                AipBusBreaker *shown,
                                AipBusBreakerText *text);

G_END_DECLS
