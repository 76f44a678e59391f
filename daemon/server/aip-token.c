/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-token"

#include "server/aip-token.h"

#include <string.h>

#include "base/aip-ascii.h"

/**
 * aip_token_find:
 * @headers: a request's headers
 *
 * Each protocol has its own place for a token; all are taken everywhere, since SDKs mix them.
 *
 * Returns: (transfer none) (nullable): the client's token
 */
const char *
aip_token_find (SoupMessageHeaders *headers)
{
  const char *authorization = soup_message_headers_get_one (headers, "Authorization");
  const char *token = NULL;

  if (authorization != NULL && aip_ascii_has_prefix (authorization, G_MAXSIZE, "Bearer "))
    token = authorization + 7 + strspn (authorization + 7, " ");
  if (token == NULL)
    token = soup_message_headers_get_one (headers, "x-api-key");
  if (token == NULL)
    token = soup_message_headers_get_one (headers, "x-goog-api-key");
  return token;
}
