/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-websocket"

#include "server/aip-websocket.h"

#include <string.h>

#include "base/aip-ascii.h"

/* RFC 6455, 1.3 */
#define MAGIC "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
/* A browser cannot set headers of a WebSocket; OpenAI's own place for a key there. */
#define TOKEN_PREFIX "openai-insecure-api-key."
#define PROTOCOLS "Sec-WebSocket-Protocol"

static gboolean
has_token (const AipHead *head, const char *name, const char *token)
{
  const char *list = soup_message_headers_get_list (head->headers, name);

  return list != NULL && soup_header_contains (list, token);
}

/* RFC 6455, 4.1: 16 bytes in base64. */
static gboolean
is_key (const char *key)
{
  g_autofree guchar *decoded = NULL;
  gsize length = 0;

  if (key == NULL || strlen (key) != 24)
    return FALSE;
  decoded = g_base64_decode (key, &length);
  return decoded != NULL && length == 16;
}

/**
 * aip_websocket_check_request:
 * @head: a request's head
 * @failure: (out caller-allocates): what to answer, all static text
 *
 * Returns: whether it asks for a WebSocket, as RFC 6455, 4.2.1 wants it
 */
gboolean
aip_websocket_check_request (const AipHead *head, AipFailure *failure)
{
  *failure =
      (AipFailure){ .status = 426,
                    .code = "upgrade_required",
                    .message = "This path speaks WebSocket, version 13: connect with a client for that, "
                               "to ws://.../v1/realtime?model=NAME" };
  if (!g_str_equal (head->method, "GET") || head->minor == 0 || !has_token (head, "Upgrade", "websocket") ||
      !has_token (head, "Connection", "upgrade") ||
      g_strcmp0 (aip_head_get (head, "Sec-WebSocket-Version"), "13") != 0)
    return FALSE;
  *failure =
      (AipFailure){ .status = 400,
                    .code = "invalid_websocket",
                    .message = "Sec-WebSocket-Key has to be 16 bytes in base64, and there can be no body" };
  return is_key (aip_head_get (head, "Sec-WebSocket-Key")) && !aip_head_has_body (head);
}

/* Where the next name in a list begins and how long it is; NULL at its end. */
static const char *
next_name (const char *list, gsize *length)
{
  const char *name = list + strspn (list, ", \t");

  *length = strcspn (name, ", \t");
  return *length > 0 ? name : NULL;
}

static gboolean
is_token_name (const char *name, gsize length)
{
  return aip_ascii_has_prefix (name, length, TOKEN_PREFIX);
}

/**
 * aip_websocket_find_token:
 * @head: a request's head
 * @length: (out): of what is returned, in bytes
 *
 * Returns: (transfer none) (nullable): the client's token among the subprotocols; not 0-terminated
 */
const char *
aip_websocket_find_token (const AipHead *head, gsize *length)
{
  const char *list = soup_message_headers_get_list (head->headers, PROTOCOLS);

  for (const char *name = list != NULL ? next_name (list, length) : NULL; name != NULL;
       name = next_name (name + *length, length))
    if (is_token_name (name, *length))
      {
        *length -= strlen (TOKEN_PREFIX);
        return name + strlen (TOKEN_PREFIX);
      }
  return NULL;
}

/**
 * aip_websocket_dup_protocols:
 * @head: a request that aip_websocket_check_request () let pass
 *
 * Returns: (transfer full) (nullable): the protocols that it offers, but for the one that is a token
 */
char *
aip_websocket_dup_protocols (const AipHead *head)
{
  const char *list = soup_message_headers_get_list (head->headers, PROTOCOLS);
  g_autoptr (GString) kept = g_string_new (NULL);
  gsize length = 0;

  for (const char *name = list != NULL ? next_name (list, &length) : NULL; name != NULL;
       name = next_name (name + length, &length))
    {
      if (is_token_name (name, length))
        continue;
      if (kept->len > 0)
        g_string_append (kept, ", ");
      g_string_append_len (kept, name, length);
    }
  return kept->len > 0 ? g_string_free (g_steal_pointer (&kept), FALSE) : NULL;
}

/**
 * aip_websocket_add_request:
 * @lines: lines for an upstream, added to
 * @head: a request that aip_websocket_check_request () let pass; has to last as long as @lines, and so does
 *   the next
 * @protocols: (nullable): what aip_websocket_dup_protocols () says of it
 */
void
aip_websocket_add_request (AipHeaderLines *lines, const AipHead *head, const char *protocols)
{
  const char *extensions = soup_message_headers_get_list (head->headers, "Sec-WebSocket-Extensions");

  aip_header_lines_add (lines, "Connection", "Upgrade");
  aip_header_lines_add (lines, "Upgrade", "websocket");
  aip_header_lines_add (lines, "Sec-WebSocket-Version", "13");
  aip_header_lines_add (lines, "Sec-WebSocket-Key", aip_head_get (head, "Sec-WebSocket-Key"));
  if (protocols != NULL)
    aip_header_lines_add (lines, PROTOCOLS, protocols);
  if (extensions != NULL)
    aip_header_lines_add (lines, "Sec-WebSocket-Extensions", extensions);
}

/**
 * aip_websocket_check_answer:
 * @head: the client's request
 * @headers: (array length=n_headers): of an upstream's answer 101
 * @n_headers: how many
 *
 * Returns: whether it has accepted just this request (RFC 6455, 4.1)
 */
gboolean
aip_websocket_check_answer (const AipHead *head, const AipHeaderView *headers, gsize n_headers)
{
  const AipHeaderView *upgrade = aip_header_views_find (headers, n_headers, "Upgrade");
  const AipHeaderView *accept = aip_header_views_find (headers, n_headers, "Sec-WebSocket-Accept");
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA1);
  g_autofree char *expected = NULL;
  guint8 digest[20];
  gsize length = sizeof digest;

  g_checksum_update (checksum, (const guchar *) aip_head_get (head, "Sec-WebSocket-Key"), -1);
  g_checksum_update (checksum, (const guchar *) MAGIC, -1);
  g_checksum_get_digest (checksum, digest, &length);
  expected = g_base64_encode (digest, length);
  return upgrade != NULL && aip_ascii_equal (upgrade->value, upgrade->value_length, "websocket") &&
         accept != NULL && accept->value_length == strlen (expected) &&
         memcmp (accept->value, expected, accept->value_length) == 0;
}
