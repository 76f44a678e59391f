/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-activity-service.h"

#include "base/aip-error.h"
#include "bus/aip-bus-request.h"
#include "bus/aip-bus-subscribers.h"

#define INTERFACE "org.example.AIProxy1.Activity"

struct _AipActivityService
{
  AipBusActivitySkeleton parent_instance;

  const AipBusContext *context;
  AipBusSubscribers *subscribers;
};

static void aip_activity_service_iface_init (AipBusActivityIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (AipActivityService,
                               aip_activity_service,
                               AIP_BUS_TYPE_ACTIVITY_SKELETON,
                               G_IMPLEMENT_INTERFACE (AIP_BUS_TYPE_ACTIVITY, aip_activity_service_iface_init))

static void
events_cb (GPtrArray *events, guint64 dropped, void *user_data)
{
  AipActivityService *self = user_data;

  for (guint i = 0; i < events->len; i++)
    {
      const AipRequestEvent *event = g_ptr_array_index (events, i);

      aip_bus_subscribers_emit (self->subscribers, INTERFACE,
                                event->finished ? "RequestFinished" : "RequestStarted",
                                g_variant_new ("(@a{sv})", aip_bus_request_make (event, TRUE)));
    }
  if (dropped > 0)
    aip_bus_subscribers_emit (self->subscribers, INTERFACE, "Dropped", g_variant_new ("(t)", dropped));
}

/* --- who watches --- */

static void
watch_if_wanted (AipActivityService *self)
{
  AipActivity *activity = self->context->host->get_activity (self->context->host_data);
  gboolean wanted = aip_bus_subscribers_count (self->subscribers) > 0;

  if (wanted && !aip_activity_is_watched (activity))
    aip_activity_watch (activity, events_cb, self);
  else if (!wanted && aip_activity_is_watched (activity))
    aip_activity_unwatch (activity);
}

static void
gone_cb (const char *sender, guint count, void *user_data)
{
  watch_if_wanted (user_data);
}

static gboolean
handle_subscribe (AipBusActivity *activity, GDBusMethodInvocation *invocation, GVariant *options)
{
  AipActivityService *self = AIP_ACTIVITY_SERVICE (activity);
  GError *error = NULL;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  if (!aip_bus_subscribers_add (self->subscribers, g_dbus_method_invocation_get_sender (invocation), &error))
    return aip_bus_fail (invocation, error);
  watch_if_wanted (self);
  aip_bus_activity_complete_subscribe (activity, invocation);
  return TRUE;
}

static gboolean
handle_unsubscribe (AipBusActivity *activity, GDBusMethodInvocation *invocation, GVariant *options)
{
  AipActivityService *self = AIP_ACTIVITY_SERVICE (activity);

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  aip_bus_subscribers_remove (self->subscribers, g_dbus_method_invocation_get_sender (invocation));
  watch_if_wanted (self);
  aip_bus_activity_complete_unsubscribe (activity, invocation);
  return TRUE;
}

/* --- cancelling --- */

static void
cancelled_cb (gboolean found, void *user_data)
{
  if (found)
    aip_bus_activity_complete_cancel (NULL, user_data);
  else
    aip_bus_fail (user_data, g_error_new (AIP_ERROR, AIP_ERROR_NOT_FOUND,
                                          "no request of this id is under way; it may be over already"));
}

static gboolean
handle_cancel (AipBusActivity *activity, GDBusMethodInvocation *invocation, const char *id, GVariant *options)
{
  const AipBusContext *context = AIP_ACTIVITY_SERVICE (activity)->context;

  if (!aip_bus_refuse_options (invocation, options, NULL))
    context->host->cancel (id, cancelled_cb, invocation, context->host_data);
  return TRUE;
}

/* --- what is over --- */

static AipRecords *
records_of (AipBusActivity *activity)
{
  const AipBusContext *context = AIP_ACTIVITY_SERVICE (activity)->context;

  return context->host->get_records (context->host_data);
}

static gboolean
handle_get_record (AipBusActivity *activity,
                   GDBusMethodInvocation *invocation,
                   const char *id,
                   GVariant *options)
{
  g_autoptr (AipRequestEvent) event = NULL;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  event = aip_records_find (records_of (activity), id);
  if (event == NULL)
    return aip_bus_fail (invocation,
                         g_error_new (AIP_ERROR, AIP_ERROR_NOT_FOUND,
                                      "no request of this id is on record: it is not over yet, or too long "
                                      "ago, for only the last %u are kept",
                                      aip_records_get_max (records_of (activity))));
  aip_bus_activity_complete_get_record (activity, invocation, aip_bus_request_make (event, TRUE));
  return TRUE;
}

static gboolean
handle_search (AipBusActivity *activity,
               GDBusMethodInvocation *invocation,
               GVariant *filter,
               GVariant *options)
{
  AipRecordFilter wanted = { 0 };
  GError *error = NULL;
  g_autoptr (GPtrArray) found = NULL;
  GVariantBuilder builder;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  if (!aip_bus_request_parse_filter (filter, &wanted, &error))
    return aip_bus_fail (invocation, error);
  found = aip_records_search (records_of (activity), &wanted);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < found->len; i++)
    g_variant_builder_add_value (&builder, aip_bus_request_make (g_ptr_array_index (found, i), FALSE));
  aip_bus_activity_complete_search (activity, invocation, g_variant_builder_end (&builder));
  return TRUE;
}

static gboolean
handle_purge (AipBusActivity *activity, GDBusMethodInvocation *invocation, GVariant *options)
{
  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  aip_records_purge (records_of (activity));
  aip_bus_activity_complete_purge (activity, invocation);
  return TRUE;
}

static void
aip_activity_service_iface_init (AipBusActivityIface *iface)
{
  iface->handle_subscribe = handle_subscribe;
  iface->handle_unsubscribe = handle_unsubscribe;
  iface->handle_cancel = handle_cancel;
  iface->handle_get_record = handle_get_record;
  iface->handle_search = handle_search;
  iface->handle_purge = handle_purge;
}

static void
aip_activity_service_finalize (GObject *object)
{
  AipActivityService *self = AIP_ACTIVITY_SERVICE (object);
  AipActivity *activity = self->context->host->get_activity (self->context->host_data);

  if (aip_activity_is_watched (activity))
    aip_activity_unwatch (activity);
  g_clear_pointer (&self->subscribers, aip_bus_subscribers_free);
  G_OBJECT_CLASS (aip_activity_service_parent_class)->finalize (object);
}

static void
aip_activity_service_class_init (AipActivityServiceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = aip_activity_service_finalize;
}

static void
aip_activity_service_init (AipActivityService *self)
{
}

/**
 * aip_activity_service_new:
 * @context: (transfer none): the context
 *
 * Returns: (transfer full): the requests on the bus
 */
AipActivityService *
aip_activity_service_new (const AipBusContext *context)
{
  AipActivityService *self = g_object_new (AIP_TYPE_ACTIVITY_SERVICE, NULL);

  self->context = context;
  self->subscribers = aip_bus_subscribers_new (context->connection, gone_cb, self);
  return self;
}
