/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-redis-url.h"

#include <string.h>

#include "base/aip-error.h"

#define DEFAULT_PORT 6379
#define MAX_DATABASE 65535
#define MAX_SOCKET_PATH 107 /* sun_path, without its NUL */

static gboolean
fail (GError **error, const char *message)
{
  g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG, message);
  return FALSE;
}

static gboolean
parse_database (const char *text, guint *database, GError **error)
{
  guint64 number = 0;

  if (*text != '\0' && !g_ascii_string_to_unsigned (text, 10, 0, MAX_DATABASE, &number, NULL))
    return fail (error, "names no database; write its number last, as in redis://127.0.0.1:6379/0");
  *database = (guint) number;
  return TRUE;
}

static gboolean
parse_user (const char *userinfo, AipRedisAddress *address, GError **error)
{
  if (userinfo == NULL || *userinfo == '\0')
    return TRUE;
  if (strchr (userinfo, ':') != NULL)
    return fail (error,
                 "has a password, and no secret stands in this file; leave it out and say where it is with "
                 "password=env:VARIABLE or password=credential:NAME");
  address->user = g_uri_unescape_string (userinfo, NULL);
  return (address->user != NULL && *address->user != '\0') ||
         fail (error, "has a user name that cannot be read; write such as redis://user@127.0.0.1:6379/0");
}

static gboolean
parse_socket (const char *text, AipRedisAddress *address, GError **error)
{
  gsize length = strcspn (text, "?");

  if (text[0] != '/' || text[1] == '\0' || length > MAX_SOCKET_PATH)
    return fail (error, "names no socket; write such as unix:/run/redis/redis.sock, at most 107 bytes");
  if (text[length] == '?' && !g_str_has_prefix (text + length, "?db="))
    return fail (error, "has an option that there is not; write such as unix:/run/redis/redis.sock?db=1");
  address->path = g_strndup (text, length);
  return parse_database (text[length] == '?' ? text + length + strlen ("?db=") : "", &address->database,
                         error);
}

static gboolean
parse_network (const char *url, AipRedisAddress *address, GError **error)
{
  g_autofree char *scheme = NULL;
  g_autofree char *userinfo = NULL;
  g_autofree char *path = NULL;
  g_autofree char *query = NULL;
  g_autofree char *fragment = NULL;
  int port = -1;

  if (!g_uri_split (url, G_URI_FLAGS_ENCODED, &scheme, &userinfo, &address->host, &port, &path, &query,
                    &fragment, NULL) ||
      address->host == NULL || *address->host == '\0' || port == 0 || query != NULL || fragment != NULL ||
      strchr (address->host, '%') != NULL)
    return fail (error, "is not a complete URL; write such as redis://127.0.0.1:6379/0");
  address->port = port == -1 ? DEFAULT_PORT : (guint16) port;
  return parse_user (userinfo, address, error) &&
         parse_database (path[0] == '/' ? path + 1 : path, &address->database, error);
}

/**
 * aip_redis_address_parse:
 * @url: redis://[USER@]HOST[:PORT][/DATABASE] or unix:/PATH[?db=DATABASE]
 * @address: (out): what it says; cleared on error
 * @error: return location for an %AIP_ERROR_INVALID_CONFIG, which does not repeat the URL
 *
 * Returns: whether @url is one
 */
gboolean
aip_redis_address_parse (const char *url, AipRedisAddress *address, GError **error)
{
  gboolean valid;

  g_return_val_if_fail (url != NULL && address != NULL, FALSE);

  *address = (AipRedisAddress){ 0 };
  for (const char *letter = url; *letter != '\0'; letter++)
    if (!g_ascii_isgraph (*letter))
      return fail (error, "has a character that no URL has; write such as redis://127.0.0.1:6379/0");
  if (g_str_has_prefix (url, "unix:"))
    valid = parse_socket (url + strlen ("unix:"), address, error);
  else if (g_str_has_prefix (url, "redis://"))
    valid = parse_network (url, address, error);
  else if (g_str_has_prefix (url, "rediss://"))
    valid = fail (error, "asks for TLS, which the Redis client of this build cannot do; let stunnel or the "
                         "like carry it and write its address, such as redis://127.0.0.1:6379/0");
  else
    valid = fail (error, "is no address of a Redis; write such as redis://127.0.0.1:6379/0 or "
                         "unix:/run/redis/redis.sock");
  if (!valid)
    aip_redis_address_clear (address);
  return valid;
}

/**
 * aip_redis_address_clear:
 * @address: what aip_redis_address_parse () gave
 *
 * Frees what is in it.
 */
void
aip_redis_address_clear (AipRedisAddress *address)
{
  g_return_if_fail (address != NULL);

  g_clear_pointer (&address->path, g_free);
  g_clear_pointer (&address->host, g_free);
  g_clear_pointer (&address->user, g_free);
  *address = (AipRedisAddress){ 0 };
}
