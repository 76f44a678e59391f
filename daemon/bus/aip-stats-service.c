/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-stats-service.h"

#include "base/aip-error.h"
#include "bus/aip-bus-path.h"
#include "bus/aip-bus-subscribers.h"

#define INTERFACE "org.example.AIProxy1.Stats"
#define MIN_INTERVAL_MS 100
#define MAX_INTERVAL_MS 3600000

struct _AipStatsService
{
  AipBusStatsSkeleton parent_instance;

  const AipBusContext *context;
  AipBusSubscribers *subscribers;
  GHashTable *timers; /* unique name -> GSource */
};

static void aip_stats_service_iface_init (AipBusStatsIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (AipStatsService,
                               aip_stats_service,
                               AIP_BUS_TYPE_STATS_SKELETON,
                               G_IMPLEMENT_INTERFACE (AIP_BUS_TYPE_STATS, aip_stats_service_iface_init))

static GVariant *
make_snapshot (AipStatsService *self)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  AipCountersSnapshot counters;
  guint64 uptime_ms = 0;

  self->context->host->read_counters (&counters, &uptime_ms, self->context->host_data);
  g_variant_dict_insert (&dict, "uptime-ms", "t", uptime_ms);
  for (int i = 0; i < AIP_N_COUNTERS; i++)
    g_variant_dict_insert (&dict, aip_counter_get_name (i), "t", counters.counters[i]);
  g_variant_dict_insert (&dict, "connections", "x", counters.gauges[AIP_GAUGE_CONNECTIONS]);
  g_variant_dict_insert (&dict, "active_requests", "x", counters.gauges[AIP_GAUGE_ACTIVE_REQUESTS]);
  return g_variant_dict_end (&dict);
}

static gboolean
handle_get_snapshot (AipBusStats *stats, GDBusMethodInvocation *invocation, GVariant *options)
{
  if (!aip_bus_refuse_options (invocation, options, NULL))
    aip_bus_stats_complete_get_snapshot (stats, invocation, make_snapshot (AIP_STATS_SERVICE (stats)));
  return TRUE;
}

/* --- subscribers, each at an interval of its own --- */

typedef struct
{
  AipStatsService *service;
  char *sender;
} Tick;

static void
tick_free (Tick *tick)
{
  g_free (tick->sender);
  g_free (tick);
}

static void
send_to (AipStatsService *self, const char *sender)
{
  g_dbus_connection_emit_signal (self->context->connection, sender, AIP_BUS_ROOT, INTERFACE, "Updated",
                                 g_variant_new ("(@a{sv})", make_snapshot (self)), NULL);
}

static gboolean
tick_cb (gpointer user_data)
{
  Tick *tick = user_data;

  send_to (tick->service, tick->sender);
  return G_SOURCE_CONTINUE;
}

static void
timer_free (gpointer source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

static void
start_timer (AipStatsService *self, const char *sender, guint interval_ms)
{
  GSource *source = g_timeout_source_new (interval_ms);
  Tick *tick = g_new0 (Tick, 1);

  *tick = (Tick){ self, g_strdup (sender) };
  g_source_set_callback (source, tick_cb, tick, (GDestroyNotify) tick_free);
  g_source_attach (source, NULL);
  g_hash_table_replace (self->timers, g_strdup (sender), source);
}

static gboolean
handle_subscribe (AipBusStats *stats, GDBusMethodInvocation *invocation, guint interval_ms, GVariant *options)
{
  AipStatsService *self = AIP_STATS_SERVICE (stats);
  g_autofree char *sender = g_strdup (g_dbus_method_invocation_get_sender (invocation));
  GError *error = NULL;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  if (interval_ms < MIN_INTERVAL_MS || interval_ms > MAX_INTERVAL_MS)
    return aip_bus_fail (invocation, g_error_new (AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                                                  "interval_ms: %u is not between %d and %d milliseconds",
                                                  interval_ms, MIN_INTERVAL_MS, MAX_INTERVAL_MS));
  if (!aip_bus_subscribers_add (self->subscribers, sender, &error))
    return aip_bus_fail (invocation, error);
  start_timer (self, sender, interval_ms);
  aip_bus_stats_complete_subscribe (stats, invocation);
  send_to (self, sender);
  return TRUE;
}

static gboolean
handle_unsubscribe (AipBusStats *stats, GDBusMethodInvocation *invocation, GVariant *options)
{
  AipStatsService *self = AIP_STATS_SERVICE (stats);
  const char *sender = g_dbus_method_invocation_get_sender (invocation);

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  g_hash_table_remove (self->timers, sender);
  aip_bus_subscribers_remove (self->subscribers, sender);
  aip_bus_stats_complete_unsubscribe (stats, invocation);
  return TRUE;
}

static void
gone_cb (const char *sender, guint count, void *user_data)
{
  g_hash_table_remove (AIP_STATS_SERVICE (user_data)->timers, sender);
}

static void
aip_stats_service_iface_init (AipBusStatsIface *iface)
{
  iface->handle_get_snapshot = handle_get_snapshot;
  iface->handle_subscribe = handle_subscribe;
  iface->handle_unsubscribe = handle_unsubscribe;
}

static void
aip_stats_service_finalize (GObject *object)
{
  AipStatsService *self = AIP_STATS_SERVICE (object);

  g_hash_table_unref (self->timers);
  g_clear_pointer (&self->subscribers, aip_bus_subscribers_free);
  G_OBJECT_CLASS (aip_stats_service_parent_class)->finalize (object);
}

static void
aip_stats_service_class_init (AipStatsServiceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = aip_stats_service_finalize;
}

static void
aip_stats_service_init (AipStatsService *self)
{
  self->timers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, timer_free);
}

/**
 * aip_stats_service_new:
 * @context: (transfer none): the context
 *
 * Returns: (transfer full): the counters on the bus
 */
AipStatsService *
aip_stats_service_new (const AipBusContext *context)
{
  AipStatsService *self = g_object_new (AIP_TYPE_STATS_SERVICE, NULL);

  self->context = context;
  self->subscribers = aip_bus_subscribers_new (context->connection, gone_cb, self);
  return self;
}
