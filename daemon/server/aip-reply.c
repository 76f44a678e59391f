/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-reply"

#include "server/aip-reply.h"

#include <string.h>

#include "base/aip-ascii.h"
#include "base/aip-clock.h"
#include "base/aip-error.h"

/**
 * aip_reply_add_line:
 * @headers: lines of headers
 * @name: (array length=name_length): a header's name
 * @name_length: its bytes
 * @value: (array length=value_length): its value, which must not hold what could end the line
 * @value_length: its bytes
 */
void
aip_reply_add_line (GString *headers,
                    const char *name,
                    gsize name_length,
                    const char *value,
                    gsize value_length)
{
  gsize at = headers->len;
  char *to;

  g_string_set_size (headers, at + name_length + 2 + value_length + 2);
  to = headers->str + at;
  memcpy (to, name, name_length);
  memcpy (to + name_length, ": ", 2);
  memcpy (to + name_length + 2, value, value_length);
  memcpy (to + name_length + 2 + value_length, "\r\n", 2);
}

/**
 * aip_reply_add_header:
 * @headers: lines of headers
 * @name: a header's name
 * @value: its value; what could end the line is left out
 */
void
aip_reply_add_header (GString *headers, const char *name, const char *value)
{
  gsize length = strlen (value);
  g_autofree char *clean = NULL;

  if (aip_ascii_has_control (value, length))
    {
      gsize n = 0;

      clean = g_malloc (length);
      for (gsize i = 0; i < length; i++)
        if (!aip_ascii_has_control (&value[i], 1))
          clean[n++] = value[i];
      value = clean;
      length = n;
    }
  aip_reply_add_line (headers, name, strlen (name), value, length);
}

/* RFC 9110, 6.6.1; in the format of 5.6.7. */
static void
add_date (GString *headers)
{
  g_autoptr (GDateTime) now = g_date_time_new_from_unix_utc (aip_clock_wall () / G_TIME_SPAN_SECOND);
  g_autofree char *date = soup_date_time_to_string (now, SOUP_DATE_HTTP);

  aip_reply_add_header (headers, "Date", date);
}

/**
 * aip_reply_json:
 * @connection: a connection whose request was not answered
 * @status: HTTP status
 * @headers: lines of headers to send; added to
 * @body: JSON
 *
 * Answers the request, whole.
 *
 * Returns: how long the answer's body is, in bytes
 */
gsize
aip_reply_json (AipConnection *connection, guint status, GString *headers, const char *body)
{
  gsize length = strlen (body);

  add_date (headers);
  aip_reply_add_header (headers, "Content-Type", "application/json");
  aip_connection_send_head (connection, status, headers, length);
  aip_connection_send_body (connection, body, length);
  aip_connection_end (connection, TRUE);
  return length;
}

/**
 * aip_reply_failure:
 * @connection: a connection whose request was not answered
 * @protocol: whose shape the error takes
 * @failure: what went wrong
 * @headers: lines of headers to send; added to
 *
 * Returns: how long the answer's body is, in bytes
 */
gsize
aip_reply_failure (AipConnection *connection,
                   AipProtocol protocol,
                   const AipFailure *failure,
                   GString *headers)
{
  g_autofree char *body = aip_protocol_format_error (protocol, failure);

  if (failure->status == 429 && strstr (headers->str, "Retry-After") == NULL)
    aip_reply_add_header (headers, "Retry-After", "1");
  if (failure->status == 401)
    aip_reply_add_header (headers, "WWW-Authenticate", "Bearer realm=\"aiproxy\"");
  if (failure->status == 503 && strstr (headers->str, "Retry-After") == NULL)
    aip_reply_add_header (headers, "Retry-After", "5");
  return aip_reply_json (connection, failure->status, headers, body);
}

/**
 * aip_reply_status_of:
 * @error: an error of the domain AIP_ERROR
 *
 * Returns: the HTTP status that the contract gives it
 */
guint
aip_reply_status_of (const GError *error)
{
  static const guint statuses[AIP_N_ERRORS] = {
    [AIP_ERROR_FAILED] = 500,          [AIP_ERROR_INVALID_ARGUMENT] = 400, [AIP_ERROR_INVALID_CONFIG] = 500,
    [AIP_ERROR_NOT_FOUND] = 404,       [AIP_ERROR_EXISTS] = 409,           [AIP_ERROR_IN_USE] = 409,
    [AIP_ERROR_UNAUTHENTICATED] = 401, [AIP_ERROR_FORBIDDEN] = 403,        [AIP_ERROR_TIMED_OUT] = 504,
    [AIP_ERROR_TOO_LARGE] = 413,       [AIP_ERROR_RATE_LIMITED] = 429,     [AIP_ERROR_LOCKED] = 503,
    [AIP_ERROR_UNAVAILABLE] = 503,     [AIP_ERROR_PROTOCOL] = 502,         [AIP_ERROR_CANCELLED] = 499,
    [AIP_ERROR_NOT_SUPPORTED] = 501,
  };

  if (error->domain != AIP_ERROR || error->code < 0 || error->code >= AIP_N_ERRORS)
    return 500;
  return statuses[error->code];
}
