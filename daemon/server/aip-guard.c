/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-guard"

#include "server/aip-guard.h"

#include <gio/gio.h>
#include <string.h>

struct _AipGuard
{
  GHashTable *hosts;   /* of lower-case names without a port */
  GHashTable *origins; /* as browsers write them */
};

/* "[::1]:8000" -> "[::1]"; "localhost:8000" -> "localhost"; NULL when it is neither. */
static char *
host_of_authority (const char *authority)
{
  const char *end = authority[0] == '[' ? strchr (authority, ']') : authority + strcspn (authority, ":");

  if (end == NULL)
    return NULL;
  if (*end == ']')
    end++;
  if (*end == ':')
    for (const char *p = end + 1; *p != '\0'; p++)
      if (!g_ascii_isdigit (*p) || p - end > 5)
        return NULL;
  if (*end != '\0' && *end != ':')
    return NULL;
  return g_ascii_strdown (authority, end - authority);
}

/* An address we listen on is a name of ours, but "any address" is none. */
static gboolean
is_wildcard (const char *host)
{
  return g_str_equal (host, "0.0.0.0") || g_str_equal (host, "[::]") || g_str_equal (host, "*");
}

static void
add_host (AipGuard *self, const char *authority)
{
  g_autofree char *host = host_of_authority (authority);

  if (host != NULL && *host != '\0' && !is_wildcard (host))
    g_hash_table_add (self->hosts, g_steal_pointer (&host));
}

/**
 * aip_guard_new:
 * @config: where the allowed hosts and origins stand; not kept
 *
 * Returns: (transfer full): a guard
 */
AipGuard *
aip_guard_new (const AipConfig *config)
{
  static const char *const loopback[] = { "127.0.0.1", "[::1]", "localhost", NULL };
  AipGuard *self = g_new0 (AipGuard, 1);

  self->hosts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->origins = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (gsize i = 0; loopback[i] != NULL; i++)
    add_host (self, loopback[i]);
  for (gsize i = 0; config->server.allowed_hosts[i] != NULL; i++)
    add_host (self, config->server.allowed_hosts[i]);
  for (gsize i = 0; config->server.listen[i] != NULL; i++)
    if (!g_str_has_prefix (config->server.listen[i], "unix:"))
      add_host (self, config->server.listen[i]);
  for (gsize i = 0; config->server.allowed_origins[i] != NULL; i++)
    g_hash_table_add (self->origins, g_strdup (config->server.allowed_origins[i]));
  return self;
}

/**
 * aip_guard_free:
 * @self: (transfer full): a guard
 */
void
aip_guard_free (AipGuard *self)
{
  g_hash_table_unref (self->hosts);
  g_hash_table_unref (self->origins);
  g_free (self);
}

static gboolean
refuse (AipFailure *failure, guint status, const char *code, const char *message)
{
  *failure = (AipFailure){ .status = status, .code = code, .message = message };
  return FALSE;
}

/* A name that a web site bound to our address would be what the browser sends here (DNS rebinding). */
static gboolean
check_host (const AipGuard *self, const AipHead *head, AipFailure *failure)
{
  g_autofree char *host = head->host != NULL ? host_of_authority (head->host) : NULL;

  if (head->host == NULL || (host != NULL && g_hash_table_contains (self->hosts, host)))
    return TRUE;
  return refuse (failure, 403, "host_not_allowed",
                 "This Host is not one of ours. To reach AI Proxy by this name, add it to `allowed-hosts` in "
                 "[server] of aiproxy.conf");
}

static gboolean
check_origin (const AipGuard *self, const AipHead *head, AipFailure *failure)
{
  const char *origin = aip_head_get (head, "Origin");
  const char *site = aip_head_get (head, "Sec-Fetch-Site");

  if (origin != NULL && g_hash_table_contains (self->origins, origin))
    return TRUE;
  if (origin != NULL || (site != NULL && g_ascii_strcasecmp (site, "cross-site") == 0))
    return refuse (failure, 403, "origin_not_allowed",
                   "Web pages of this origin may not use AI Proxy. To allow one, add its origin, such as "
                   "https://app.example, to `allowed-origins` in [server] of aiproxy.conf");
  return TRUE;
}

/**
 * aip_guard_get_hops:
 * @head: a request's head
 *
 * Returns: how many gateways of our kind it came through
 */
guint
aip_guard_get_hops (const AipHead *head)
{
  const char *hops = aip_head_get (head, AIP_HOP_HEADER);

  return hops != NULL ? (guint) CLAMP (g_ascii_strtoll (hops, NULL, 10), 0, 1000) : 0;
}

/**
 * aip_guard_check:
 * @self: a guard
 * @head: a request's head
 * @failure: (out caller-allocates): what to answer, all static text
 *
 * Returns: whether it may go on
 */
gboolean
aip_guard_check (const AipGuard *self, const AipHead *head, AipFailure *failure)
{
  if (!check_host (self, head, failure) || !check_origin (self, head, failure))
    return FALSE;
  if (aip_guard_get_hops (head) >= AIP_MAX_HOPS)
    return refuse (failure, 508, "loop_detected",
                   "The request came through too many AI proxies: a provider's base-url leads back here");
  return TRUE;
}

static gboolean
is_dots (const char *segment, gsize length)
{
  return (length == 1 && segment[0] == '.') || (length == 2 && segment[0] == '.' && segment[1] == '.');
}

/* Letters and digits have no need to be encoded, unless to get past a rule (RFC 3986, 2.3). */
static gboolean
hides_letters (const char *path)
{
  for (const char *p = strchr (path, '%'); p != NULL; p = strchr (p + 1, '%'))
    {
      int c = g_ascii_isxdigit (p[1]) && g_ascii_isxdigit (p[2])
                  ? g_ascii_xdigit_value (p[1]) * 16 + g_ascii_xdigit_value (p[2])
                  : -1;

      if (c >= 0 && c < 0x80 && (g_ascii_isalnum (c) || strchr ("-._~", c) != NULL))
        return TRUE;
    }
  return FALSE;
}

/* What another server may decode and resolve is a way out of the base URL. */
static gboolean
is_plain_path (const char *path)
{
  gboolean encoded = strchr (path, '%') != NULL;
  g_autofree char *unescaped = encoded ? g_uri_unescape_string (path, "/\\") : NULL;
  const char *decoded = encoded ? unescaped : path;
  const char *segment;

  if (decoded == NULL || strchr (decoded, '\\') != NULL || strstr (path, "//") != NULL ||
      hides_letters (path))
    return FALSE;
  for (const char *p = decoded; *p != '\0'; p++)
    if ((guchar) *p < 0x20 || *p == 0x7f || *p == '#' || *p == '?')
      return FALSE;
  for (segment = decoded; segment != NULL; segment = strchr (segment, '/'))
    {
      segment += *segment == '/';
      if (is_dots (segment, strcspn (segment, "/;")))
        return FALSE;
    }
  return TRUE;
}

/**
 * aip_guard_check_path:
 * @path: the path of a request that is to be forwarded, percent-encoded
 * @failure: (out caller-allocates): what to answer, all static text
 *
 * Returns: whether every server reads the same thing in it
 */
gboolean
aip_guard_check_path (const char *path, AipFailure *failure)
{
  if (is_plain_path (path))
    return TRUE;
  return refuse (failure, 400, "invalid_path",
                 "The path holds an empty or dotted segment or a wrong percent-encoding: send it plain");
}
