/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-activity-service.h"

#include "base/aip-error.h"
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
insert_text (GVariantDict *dict, const char *name, const char *text)
{
  g_variant_dict_insert (dict, name, "s", text != NULL ? text : "");
}

static GVariant *
make_candidates (const AipRequestTrace *trace)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < MIN (trace->n_candidates, AIP_REQUEST_TRACE_MAX); i++)
    {
      const AipTracedCandidate *candidate = &trace->candidates[i];
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

      insert_text (&dict, "provider", candidate->provider);
      insert_text (&dict, "key", candidate->key);
      insert_text (&dict, "model", candidate->model);
      g_variant_dict_insert (&dict, "score", "d", candidate->score);
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
make_tries (const AipRequestTrace *trace)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < MIN (trace->n_tries, AIP_REQUEST_TRACE_MAX); i++)
    {
      const AipTracedTry *one = &trace->tries[i];
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

      insert_text (&dict, "provider", one->provider);
      insert_text (&dict, "key", one->key);
      insert_text (&dict, "model", one->model);
      g_variant_dict_insert (&dict, "status", "u", one->status);
      insert_text (&dict, "fault", one->fault);
      insert_text (&dict, "reason", one->reason);
      g_variant_dict_insert (&dict, "begun-us", "x", one->begun_us);
      g_variant_dict_insert (&dict, "duration-us", "x", one->duration_us);
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  return g_variant_builder_end (&builder);
}

static void
insert_trace (GVariantDict *dict, const AipRequestTrace *trace)
{
  insert_text (dict, "strategy", trace->strategy);
  g_variant_dict_insert (dict, "n-candidates", "u", trace->n_candidates);
  g_variant_dict_insert_value (dict, "candidates", make_candidates (trace));
  g_variant_dict_insert (dict, "n-tries", "u", trace->n_tries);
  g_variant_dict_insert_value (dict, "tries", make_tries (trace));
}

static void
insert_end (GVariantDict *dict, const AipRequestEvent *event)
{
  g_variant_dict_insert (dict, "outcome", "s", aip_outcome_kind_to_string (event->outcome));
  g_variant_dict_insert (dict, "status", "u", event->status);
  insert_text (dict, "provider", event->provider);
  insert_text (dict, "key", event->key);
  insert_text (dict, "upstream-model", event->upstream_model);
  g_variant_dict_insert (dict, "attempts", "u", event->attempts);
  if (event->first_byte_us >= 0)
    g_variant_dict_insert (dict, "first-byte-us", "x", event->first_byte_us);
  g_variant_dict_insert (dict, "duration-us", "x", event->duration_us);
  g_variant_dict_insert (dict, "bytes-in", "t", event->bytes_in);
  g_variant_dict_insert (dict, "bytes-out", "t", event->bytes_out);
  if (event->usage.known)
    {
      g_variant_dict_insert (dict, "input-tokens", "t", (guint64) event->usage.input_tokens);
      g_variant_dict_insert (dict, "output-tokens", "t", (guint64) event->usage.output_tokens);
    }
  if (event->trace != NULL)
    insert_trace (dict, event->trace);
}

static GVariant *
make_body (const AipRequestEvent *event)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  insert_text (&dict, "id", event->id);
  g_variant_dict_insert (&dict, "time-us", "x", event->time_us);
  insert_text (&dict, "client", event->client);
  insert_text (&dict, "method", event->method);
  insert_text (&dict, "path", event->path);
  insert_text (&dict, "model", event->model);
  g_variant_dict_insert (&dict, "stream", "b", event->stream);
  if (event->finished)
    insert_end (&dict, event);
  return g_variant_new ("(@a{sv})", g_variant_dict_end (&dict));
}

static void
events_cb (GPtrArray *events, guint64 dropped, void *user_data)
{
  AipActivityService *self = user_data;

  for (guint i = 0; i < events->len; i++)
    {
      const AipRequestEvent *event = g_ptr_array_index (events, i);

      aip_bus_subscribers_emit (self->subscribers, INTERFACE,
                                event->finished ? "RequestFinished" : "RequestStarted", make_body (event));
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

static void
aip_activity_service_iface_init (AipBusActivityIface *iface)
{
  iface->handle_subscribe = handle_subscribe;
  iface->handle_unsubscribe = handle_unsubscribe;
  iface->handle_cancel = handle_cancel;
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
