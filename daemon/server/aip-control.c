/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-control"

#include "server/aip-control.h"

#include <libsoup/soup.h>
#include <string.h>

#include "aip-build.h"
#include "server/aip-reply.h"
#include "server/aip-status.h"
#include "server/aip-token.h"

struct _AipControl
{
  AipWorker *worker; /* (not owned): it owns us */
  SoupServer *server;
};

static const AipClient *
client_of (AipControl *self, SoupServerMessage *message, GError **error)
{
  const char *token = aip_token_find (soup_server_message_get_request_headers (message));

  return aip_clients_authenticate (aip_worker_get_snapshot (self->worker)->clients, token,
                                   token != NULL ? strlen (token) : 0, error);
}

static void
respond (SoupServerMessage *message, guint status, const char *type, char *body)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  SoupMessageHeaders *asked = soup_server_message_get_request_headers (message);
  const char *origin = soup_message_headers_get_one (asked, "Origin");

  soup_server_message_set_status (message, status, NULL);
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  /* SoupServer closes as it was asked to, but does not tell: the client would send its next request into
   * nothing. */
  soup_message_headers_replace (headers, "Connection", "close");
  /* The exchange has put it there: the client's own, or a new one. */
  soup_message_headers_replace (headers, "X-Request-Id",
                                soup_message_headers_get_one (asked, "X-Request-Id"));
  /* The guard lets only allowed origins come this far. */
  if (origin != NULL)
    {
      soup_message_headers_replace (headers, "Access-Control-Allow-Origin", origin);
      soup_message_headers_replace (headers, "Vary", "Origin");
    }
  soup_server_message_set_response (message, type, SOUP_MEMORY_TAKE, body, strlen (body));
}

/* Returns who asks; NULL: it may not, and the message was answered. */
static const AipClient *
authorize (AipControl *self, SoupServerMessage *message)
{
  g_autoptr (GError) error = NULL;
  AipFailure failure = { .code = "invalid_api_key" };
  const AipClient *client = client_of (self, message, &error);

  if (client != NULL)
    return client;
  failure.status = aip_reply_status_of (error);
  failure.message = error->message;
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "WWW-Authenticate",
                                "Bearer realm=\"aiproxy\"");
  respond (message, failure.status, "application/json",
           aip_protocol_format_error (AIP_PROTOCOL_OPENAI, &failure));
  return NULL;
}

static const char *
get_state (AipControl *self)
{
  int epoch = g_atomic_int_get (&aip_worker_get_shared (self->worker)->pause_epoch);

  return AIP_EPOCH_IS_PAUSED (epoch) ? "paused" : "ok";
}

static void
health_cb (SoupServer *server,
           SoupServerMessage *message,
           const char *path,
           GHashTable *query,
           gpointer user_data)
{
  AipControl *self = user_data;
  const AipClient *client = aip_token_find (soup_server_message_get_request_headers (message)) != NULL
                                ? client_of (self, message, NULL)
                                : NULL;
  GString *body = g_string_new (NULL);

  g_string_append_printf (body, "{\"status\":\"%s\",\"version\":\"" AIP_VERSION "\"",
                          client != NULL ? get_state (self) : "ok");

  /* "/" stands for every path without a handler of its own, but only known ones come here. */
  if (client != NULL)
    g_string_append_printf (body, ",\"providers\":%u,\"connections\":%d",
                            aip_status_count_providers (aip_worker_get_snapshot (self->worker), client),
                            g_atomic_int_get (&aip_worker_get_shared (self->worker)->n_connections));
  g_string_append (body, "}\n");
  respond (message, 200, "application/json", g_string_free (body, FALSE));
}

static void
status_cb (SoupServer *server,
           SoupServerMessage *message,
           const char *path,
           GHashTable *query,
           gpointer user_data)
{
  AipControl *self = user_data;
  const AipClient *client = authorize (self, message);

  if (client != NULL)
    respond (message, 200, "application/json",
             aip_status_format (aip_worker_get_snapshot (self->worker), client, get_state (self)));
}

static void
stats_cb (SoupServer *server,
          SoupServerMessage *message,
          const char *path,
          GHashTable *query,
          gpointer user_data)
{
  AipControl *self = user_data;
  AipCountersSnapshot counters;
  GString *body;

  if (!authorize (self, message))
    return;
  aip_counters_read (aip_worker_get_shared (self->worker)->counters, &counters);
  body = g_string_new ("{");
  for (int i = 0; i < AIP_N_COUNTERS; i++)
    g_string_append_printf (body, "\"%s\":%" G_GUINT64_FORMAT ",", aip_counter_get_name (i),
                            counters.counters[i]);
  g_string_append_printf (body,
                          "\"connections\":%" G_GINT64_FORMAT ",\"active_requests\":%" G_GINT64_FORMAT "}\n",
                          counters.gauges[AIP_GAUGE_CONNECTIONS], counters.gauges[AIP_GAUGE_ACTIVE_REQUESTS]);
  respond (message, 200, "application/json", g_string_free (body, FALSE));
}

/* Prometheus text format 0.0.4. */
static void
metrics_cb (SoupServer *server,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  AipControl *self = user_data;
  const AipConfig *config = aip_worker_get_snapshot (self->worker)->config;
  AipCountersSnapshot counters;
  GString *body;

  if (!config->metrics.public_access && !authorize (self, message))
    return;
  if (!config->metrics.enabled)
    {
      respond (message, 404, "text/plain", g_strdup ("switched off: see `enabled` in [metrics]\n"));
      return;
    }
  aip_counters_read (aip_worker_get_shared (self->worker)->counters, &counters);
  body = g_string_new (NULL);
  for (int i = 0; i < AIP_N_COUNTERS; i++)
    g_string_append_printf (
        body, "# HELP aiproxy_%s %s\n# TYPE aiproxy_%s counter\naiproxy_%s %" G_GUINT64_FORMAT "\n",
        aip_counter_get_name (i), aip_counter_get_help (i), aip_counter_get_name (i),
        aip_counter_get_name (i), counters.counters[i]);
  g_string_append_printf (body,
                          "# TYPE aiproxy_connections gauge\naiproxy_connections %" G_GINT64_FORMAT "\n"
                          "# TYPE aiproxy_active_requests gauge\naiproxy_active_requests %" G_GINT64_FORMAT
                          "\n",
                          counters.gauges[AIP_GAUGE_CONNECTIONS], counters.gauges[AIP_GAUGE_ACTIVE_REQUESTS]);
  respond (message, 200, "text/plain; version=0.0.4", g_string_free (body, FALSE));
}

/**
 * aip_control_new:
 * @worker: its worker, on whose thread it is
 *
 * Returns: (transfer full): a control plane
 */
AipControl *
aip_control_new (AipWorker *worker)
{
  AipControl *self = g_new0 (AipControl, 1);

  self->worker = worker;
  self->server = soup_server_new ("server-header", "aiproxy", NULL);
  soup_server_add_handler (self->server, "/", health_cb, self, NULL);
  soup_server_add_handler (self->server, "/status", status_cb, self, NULL);
  soup_server_add_handler (self->server, "/stats", stats_cb, self, NULL);
  soup_server_add_handler (self->server, "/metrics", metrics_cb, self, NULL);
  return self;
}

/**
 * aip_control_free:
 * @self: (transfer full): a control plane
 */
void
aip_control_free (AipControl *self)
{
  soup_server_disconnect (self->server);
  g_object_unref (self->server);
  g_free (self);
}

/**
 * aip_control_serve:
 * @self: a control plane
 * @stream: (transfer none): one vetted request that asks for the connection to be closed, and the way back
 */
void
aip_control_serve (AipControl *self, GIOStream *stream)
{
  g_autoptr (GError) error = NULL;
  /* SoupServer wants addresses; the client's, which may be a Unix socket's, is of no use to the handlers. */
  g_autoptr (GSocketAddress) nowhere = g_inet_socket_address_new_from_string ("127.0.0.1", 0);

  if (!soup_server_accept_iostream (self->server, stream, nowhere, nowhere, &error))
    g_warning ("the control plane does not take a connection: %s", error->message);
}
