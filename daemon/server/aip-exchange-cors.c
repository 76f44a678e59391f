/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include "server/aip-exchange-private.h"
#include "server/aip-reply.h"

/* What a browser needs to hear for a page of an allowed origin (Fetch standard, 3.2). The guard let it pass.
 */

/**
 * aip_exchange_is_preflight:
 * @self: an exchange that passed the guard
 *
 * Returns: whether a browser asks, without a token, if it may send the real request
 */
gboolean
aip_exchange_is_preflight (AipExchange *self)
{
  return g_str_equal (self->head->method, "OPTIONS") && aip_head_get (self->head, "Origin") != NULL &&
         aip_head_get (self->head, "Access-Control-Request-Method") != NULL;
}

/**
 * aip_exchange_add_cors:
 * @self: an exchange
 * @headers: lines of headers, added to
 *
 * Says which origin may read the answer; nothing where no origin was sent or it is not an allowed one.
 */
void
aip_exchange_add_cors (AipExchange *self, GString *headers)
{
  const char *origin = aip_head_get (self->head, "Origin");

  if (origin == NULL)
    return;
  aip_reply_add_header (headers, "Vary", "Origin");
  if (!g_strv_contains ((const char *const *) self->snapshot->config->server.allowed_origins, origin))
    return;
  aip_reply_add_header (headers, "Access-Control-Allow-Origin", origin);
  aip_reply_add_header (
      headers, "Access-Control-Expose-Headers",
      "Retry-After, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-requests, "
      "x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, x-ratelimit-reset-tokens, X-Request-Id, "
      "X-Proxy-Provider, X-Proxy-Key, X-Proxy-Model, X-Proxy-Attempts");
}

/**
 * aip_exchange_preflight:
 * @self: an exchange of a preflight request
 *
 * Returns: AIP_OUTCOME_ANSWER, after the answer
 */
AipOutcome
aip_exchange_preflight (AipExchange *self)
{
  GString *headers = aip_exchange_start_headers (self);
  const char *wanted = aip_head_get (self->head, "Access-Control-Request-Headers");

  aip_reply_add_header (headers, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
  if (wanted != NULL)
    aip_reply_add_header (headers, "Access-Control-Allow-Headers", wanted);
  if (aip_head_get (self->head, "Access-Control-Request-Private-Network") != NULL)
    aip_reply_add_header (headers, "Access-Control-Allow-Private-Network", "true");
  aip_reply_add_header (headers, "Access-Control-Max-Age", "600");
  self->status = 204;
  self->answered_here = TRUE;
  aip_connection_send_head (self->connection, 204, headers, -1);
  aip_connection_end (self->connection, TRUE);
  g_string_free (headers, TRUE);
  return AIP_OUTCOME_ANSWER;
}
