/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include <string.h>

#include "base/aip-error.h"
#include "server/aip-exchange-private.h"
#include "server/aip-number.h"
#include "server/aip-reply.h"

/* What an exchange says that has no answer to pass on. */

/**
 * aip_exchange_start_headers:
 * @self: an exchange that was not answered
 *
 * Returns: (transfer full): the headers that every answer has
 */
GString *
aip_exchange_start_headers (AipExchange *self)
{
  GString *headers = g_string_sized_new (1000);

  aip_exchange_add_cors (self, headers);
  if (self->reservation != NULL)
    aip_exchange_add_limits (self, headers);
  return headers;
}

/**
 * aip_exchange_add_number:
 * @headers: lines of headers, added to
 * @name: of the header
 * @number: its value; negative counts as 0
 */
void
aip_exchange_add_number (GString *headers, const char *name, gint64 number)
{
  g_string_append (headers, name);
  g_string_append_len (headers, ": ", 2);
  aip_number_append (headers, MAX (number, 0), 10);
  g_string_append_len (headers, "\r\n", 2);
}

/**
 * aip_exchange_refuse:
 * @self: an exchange that was not answered
 * @failure: why
 *
 * Answers with an error in the client's protocol.
 *
 * Returns: what the step has to return
 */
AipOutcome
aip_exchange_refuse (AipExchange *self, const AipFailure *failure)
{
  GString *headers = aip_exchange_start_headers (self);

  self->status = failure->status;
  self->answered_here = TRUE;
  aip_reply_add_header (headers, "X-Request-Id", self->request_id);
  if (self->retry_after > 0)
    aip_exchange_add_number (headers, "Retry-After", self->retry_after);
  if (failure->status == 405)
    aip_reply_add_header (headers, "Allow", self->route.methods);
  if (failure->status == 426)
    g_string_append (headers, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
  /* SDKs that repeat a request by themselves heed it: what was cut is not wanted again. */
  if (self->outcome == AIP_OUTCOME_KIND_CANCELLED || self->never_fits)
    aip_reply_add_header (headers, "X-Should-Retry", "false");
  aip_exchange_count_out (self, aip_reply_failure (self->connection, self->route.protocol, failure, headers));
  g_string_free (headers, TRUE);
  return AIP_OUTCOME_ANSWER;
}

/**
 * aip_exchange_refuse_error:
 * @self: an exchange that was not answered
 * @error: why; a message that begins with "NAME: " is about that member of the request
 *
 * Returns: what the step has to return
 */
AipOutcome
aip_exchange_refuse_error (AipExchange *self, const GError *error)
{
  static const char *const members[] = { "model", "stream" };
  AipFailure failure = { .status = aip_reply_status_of (error), .message = error->message };

  for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
    if (g_str_has_prefix (error->message, members[i]) && error->message[strlen (members[i])] == ':')
      failure.param = members[i];
  if (g_error_matches (error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED))
    failure.code = "invalid_api_key";
  else if (g_error_matches (error, AIP_ERROR, AIP_ERROR_RATE_LIMITED))
    failure.code = "rate_limit_exceeded";
  else if (g_error_matches (error, AIP_ERROR, AIP_ERROR_NOT_FOUND))
    failure = (AipFailure){ failure.status, NULL, "model_not_found", "model", failure.message };
  return aip_exchange_refuse (self, &failure);
}

/**
 * aip_exchange_refuse_route:
 * @self: an exchange whose path or method is not served
 *
 * Returns: what the step has to return
 */
AipOutcome
aip_exchange_refuse_route (AipExchange *self)
{
  g_autofree char *message = NULL;
  AipFailure failure = { .status = 404, .code = "unknown_path" };

  if (self->route.kind == AIP_ROUTE_WRONG_METHOD)
    {
      failure = (AipFailure){ .status = 405, .code = "method_not_allowed" };
      message =
          g_strdup_printf ("%s is not served for this path, but %s", self->head->method, self->route.methods);
    }
  else
    message = g_strdup ("Unknown path. The OpenAI API is below /v1, such as /v1/chat/completions");
  failure.message = message;
  return aip_exchange_refuse (self, &failure);
}
