/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-url.h"

#include <gio/gio.h>
#include <string.h>

#include "base/aip-error.h"

typedef struct
{
  char *scheme;
  char *userinfo;
  char *host;
  int port; /* -1: none */
  char *path;
  char *query;
  char *fragment;
} Parts;

static void
parts_clear (Parts *parts)
{
  g_free (parts->scheme);
  g_free (parts->userinfo);
  g_free (parts->host);
  g_free (parts->path);
  g_free (parts->query);
  g_free (parts->fragment);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Parts, parts_clear)

static gboolean
fail (GError **error, const char *message)
{
  g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG, message);
  return FALSE;
}

/* GLib decodes %XX in hosts, libcurl too; what nobody needs there is no way around the checks. */
static gboolean
has_encoded_host (const char *url)
{
  const char *authority = strstr (url, "//") + strlen ("//");

  return memchr (authority, '%', strcspn (authority, "/?#")) != NULL;
}

static gboolean
split (const char *url, Parts *parts, GError **error)
{
  for (const char *letter = url; *letter != '\0'; letter++)
    if (!g_ascii_isgraph (*letter) || strchr ("\\\"<>^`{|}", *letter) != NULL)
      return fail (error,
                   "has a character that no URL has; write such as https://host/v1, other characters as %XX, "
                   "and names in other scripts in their xn-- form");

  if (!g_uri_split (url, G_URI_FLAGS_ENCODED, &parts->scheme, &parts->userinfo, &parts->host, &parts->port,
                    &parts->path, &parts->query, &parts->fragment, NULL) ||
      parts->scheme == NULL || parts->host == NULL || *parts->host == '\0' || has_encoded_host (url) ||
      parts->port == 0)
    return fail (error, "is not a complete URL; write such as https://host/v1 or https://host:8443/v1");
  if (parts->userinfo != NULL)
    return fail (error, "has a user name or password; leave it out: no secret stands in this file");
  return TRUE;
}

/* Resolvers take 2130706433, 0x7f.1 and 0177.0.0.1 for 127.0.0.1. A name whose last label is a number is such
 * an address, says the WHATWG URL standard ("ends in a number"). */
static gboolean
is_odd_ipv4 (const char *host)
{
  gsize length = strlen (host);
  const char *label;

  while (length > 0 && host[length - 1] == '.')
    length--;
  for (label = host + length; label > host && label[-1] != '.'; label--)
    continue;
  length -= label - host;

  if (length > 2 && label[0] == '0' && (label[1] | 0x20) == 'x')
    return strspn (label + 2, G_CSET_DIGITS "abcdefABCDEF") >= length - 2;
  return strspn (label, G_CSET_DIGITS) >= length;
}

/* IPv4 inside IPv6: ::a.b.c.d, ::ffff:a.b.c.d (RFC 4291, 2.5.5) and 64:ff9b::a.b.c.d (RFC 6052). */
static gboolean
is_ipv4_in_ipv6 (GInetAddress *address)
{
  static const guint8 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
  static const guint8 translated[12] = { 0, 0x64, 0xff, 0x9b };
  static const guint8 compatible[12] = { 0 };
  const guint8 *bytes = g_inet_address_to_bytes (address);

  if (g_inet_address_get_family (address) != G_SOCKET_FAMILY_IPV6 ||
      g_inet_address_get_is_loopback (address) || g_inet_address_get_is_any (address))
    return FALSE;
  return memcmp (bytes, mapped, sizeof mapped) == 0 || memcmp (bytes, translated, sizeof translated) == 0 ||
         memcmp (bytes, compatible, sizeof compatible) == 0;
}

/* Where clouds hand their machines' credentials to whoever asks from inside. */
static gboolean
is_metadata (const char *host, GInetAddress *address)
{
  static const char *const names[] = { "metadata", "metadata.google.internal", "metadata.goog", NULL };
  static const char *const addresses[] = { "169.254.169.254", "169.254.170.2", "100.100.100.200",
                                           "fd00:ec2::254", NULL };
  g_autofree char *text = NULL;

  if (address == NULL)
    {
      text = g_ascii_strdown (host, -1);
      while (g_str_has_suffix (text, "."))
        text[strlen (text) - 1] = '\0';
      return g_strv_contains (names, text);
    }
  text = g_inet_address_to_string (address);
  return g_strv_contains (addresses, text);
}

static gboolean
check_host (const char *host, gboolean *loopback, GError **error)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);
  g_autofree char *lower = g_ascii_strdown (host, -1);

  if (address == NULL && strchr (host, ':') != NULL)
    return fail (error, "has a host that is neither a name nor an address; write such as https://host/v1");
  if (address == NULL ? is_odd_ipv4 (host) : is_ipv4_in_ipv6 (address))
    return fail (error, "has an IPv4 address in disguise; write it as a.b.c.d");
  if (is_metadata (host, address))
    return fail (
        error, "is a cloud's metadata service, which hands out credentials; write the AI service's own URL");

  *loopback = address != NULL ? g_inet_address_get_is_loopback (address)
                              : g_str_equal (lower, "localhost") || g_str_has_suffix (lower, ".localhost");
  return TRUE;
}

static gboolean
check_upstream (const Parts *parts, gboolean allow_query, gboolean *loopback, GError **error)
{
  if (!g_str_equal (parts->scheme, "https") && !g_str_equal (parts->scheme, "http"))
    return fail (error, "is neither http nor https; write such as https://host/v1");
  if (parts->fragment != NULL)
    return fail (error, "has a \"#\", which cuts off what the daemon appends; leave it out");
  if (parts->query != NULL && !allow_query)
    return fail (error, "has a \"?\", which only dialect azure may have; leave it out");
  return check_host (parts->host, loopback, error);
}

/**
 * aip_config_url_check:
 * @url: where an upstream is
 * @allow_query: whether "?..." may follow, which Azure needs for its api-version
 * @in_clear: (out): whether keys would travel unencrypted over a network
 * @error: return location for an AIP_ERROR_INVALID_CONFIG, which does not repeat @url
 *
 * Refuses what is no plain http or https URL, and hosts that no AI service has: an attacker who can
 * write one setting must not reach a cloud's metadata service.
 *
 * Returns: (transfer full) (nullable): @url without trailing slashes
 */
char *
aip_config_url_check (const char *url, gboolean allow_query, gboolean *in_clear, GError **error)
{
  g_auto (Parts) parts = { NULL };
  char *checked;
  gboolean loopback = FALSE;

  g_return_val_if_fail (url != NULL, NULL);
  g_return_val_if_fail (in_clear != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!split (url, &parts, error) || !check_upstream (&parts, allow_query, &loopback, error))
    return NULL;

  *in_clear = g_str_equal (parts.scheme, "http") && !loopback;
  checked = g_strdup (url);
  if (parts.query == NULL)
    for (gsize length = strlen (checked); checked[length - 1] == '/'; length--)
      checked[length - 1] = '\0';
  return checked;
}

/**
 * aip_config_url_check_proxy:
 * @url: where a proxy is
 * @error: return location for an AIP_ERROR_INVALID_CONFIG, which does not repeat @url
 *
 * Returns: whether @url is one of a proxy that libcurl knows, without a password
 */
gboolean
aip_config_url_check_proxy (const char *url, GError **error)
{
  static const char *const schemes[] = { "http", "https", "socks4", "socks4a", "socks5", "socks5h", NULL };
  g_auto (Parts) parts = { NULL };

  g_return_val_if_fail (url != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!split (url, &parts, error))
    return FALSE;
  if (!g_strv_contains (schemes, parts.scheme) || parts.query != NULL || parts.fragment != NULL ||
      (*parts.path != '\0' && !g_str_equal (parts.path, "/")))
    return fail (error, "is no proxy; write none, or http://HOST:PORT, or socks5h://HOST:PORT");
  return TRUE;
}

/* Unique local addresses (RFC 4193), which GLib does not tell. */
static gboolean
is_unique_local (GInetAddress *address)
{
  return g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6 &&
         (g_inet_address_to_bytes (address)[0] & 0xfe) == 0xfc;
}

static gboolean
is_private_name (const char *host)
{
  static const char *const ends[] = { ".localhost", ".local", ".lan", ".internal", ".home.arpa", ".test" };
  g_autofree char *lower = g_ascii_strdown (host, -1);

  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++)
    if (g_str_has_suffix (lower, ends[i]))
      return TRUE;
  return strchr (lower, '.') == NULL;
}

/**
 * aip_config_url_is_public:
 * @url: one that aip_config_url_check () has found right; or ""
 *
 * Returns: whether its host looks like one of the Internet, by its name or address: not this machine's, nor
 *   one of a private network
 */
gboolean
aip_config_url_is_public (const char *url)
{
  g_autoptr (GUri) parsed = NULL;
  g_autoptr (GInetAddress) address = NULL;

  g_return_val_if_fail (url != NULL, FALSE);

  parsed = g_uri_parse (url, G_URI_FLAGS_NONE, NULL);
  if (parsed == NULL || g_uri_get_host (parsed) == NULL)
    return FALSE;
  address = g_inet_address_new_from_string (g_uri_get_host (parsed));
  if (address == NULL)
    return !is_private_name (g_uri_get_host (parsed));
  return !g_inet_address_get_is_loopback (address) && !g_inet_address_get_is_any (address) &&
         !g_inet_address_get_is_link_local (address) && !g_inet_address_get_is_site_local (address) &&
         !is_unique_local (address);
}
