/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include "server/aip-exchange-private.h"
#include "server/aip-replay-stream.h"

/* What the control plane's server may see of a head: nothing that frames, nothing it would act on. */
static const char *const passed[] = {
  "Accept", "Authorization", "Content-Type", "Host", "Origin", "User-Agent", "x-api-key", "x-goog-api-key",
};

/* The head anew, with a framing of our own: SoupServer reads ambiguous ones differently than we do. */
static GBytes *
render_request (AipExchange *self)
{
  GString *out = g_string_new (NULL);

  g_string_append_printf (out, "%s %s HTTP/1.1\r\n", self->head->method, self->route.endpoint);
  for (gsize i = 0; i < G_N_ELEMENTS (passed); i++)
    {
      const char *value = aip_head_get (self->head, passed[i]);

      if (value != NULL)
        g_string_append_printf (out, "%s: %s\r\n", passed[i], value);
    }
  if (self->head->host == NULL)
    g_string_append (out, "Host: localhost\r\n");
  g_string_append_printf (out, "X-Request-Id: %s\r\n", self->request_id);
  g_string_append_printf (out, "Connection: close\r\nContent-Length: %u\r\n\r\n",
                          self->gathered != NULL ? self->gathered->len : 0);
  if (self->gathered != NULL)
    g_string_append_len (out, (const char *) self->gathered->data, self->gathered->len);
  return g_string_free_to_bytes (out);
}

/**
 * aip_exchange_control:
 * @self: an exchange for the control plane whose body has come
 *
 * Hands the connection over to the worker's SoupServer, which reads the request again from its beginning.
 */
AipOutcome
aip_exchange_control (AipExchange *self)
{
  g_autoptr (GBytes) request = render_request (self);
  g_autoptr (GIOStream) client = aip_connection_steal (self->connection);

  self->connection = NULL;
  self->answered_here = TRUE;
  if (client != NULL)
    {
      g_autoptr (GIOStream) stream = aip_replay_stream_new (client, request);

      aip_worker_hand_over (self->worker, stream);
    }
  return AIP_OUTCOME_ANSWER;
}
