/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-values.h"

#include <gio/gunixsocketaddress.h>
#include <math.h>
#include <string.h>
#include <sys/un.h>

#include "base/aip-error.h"

typedef struct
{
  const char *name;
  guint64 factor;
} Unit;

/* From the largest to the smallest, which is how the formatters pick one. */
static const Unit duration_units[] = {
  { "d", G_GUINT64_CONSTANT (86400000) },
  { "h", 3600000 },
  { "m", 60000 },
  { "s", 1000 },
  { "ms", 1 },
  { NULL },
};

static const Unit size_units[] = {
  { "TiB", G_GUINT64_CONSTANT (1) << 40 },
  { "GiB", G_GUINT64_CONSTANT (1) << 30 },
  { "MiB", G_GUINT64_CONSTANT (1) << 20 },
  { "KiB", G_GUINT64_CONSTANT (1) << 10 },
  { "TB", G_GUINT64_CONSTANT (1000000000000) },
  { "GB", G_GUINT64_CONSTANT (1000000000) },
  { "MB", 1000000 },
  { "KB", 1000 },
  { "B", 1 },
  { NULL },
};

static gboolean
parse_quantity (const char *text, const Unit *units, guint64 bare, guint64 *value)
{
  gsize digits = strspn (text, G_CSET_DIGITS);
  g_autofree char *number = g_strndup (text, digits);
  const char *suffix = text + digits + strspn (text + digits, " ");
  guint64 factor = *suffix == '\0' ? bare : 0;
  guint64 count;

  if (!g_ascii_string_to_unsigned (number, 10, 0, G_MAXUINT64, &count, NULL))
    return FALSE;
  for (; factor == 0 && units->name != NULL; units++)
    if (g_ascii_strcasecmp (units->name, suffix) == 0)
      factor = units->factor;
  /* Nothing is ambiguous about none of it. */
  if (*suffix == '\0' && count == 0)
    factor = 1;
  return factor != 0 && g_uint64_checked_mul (value, count, factor);
}

static char *
format_quantity (guint64 value, const Unit *units)
{
  while (units->factor > 1 && (value == 0 || value % units->factor != 0))
    units++;
  return g_strdup_printf ("%" G_GUINT64_FORMAT "%s", value / units->factor, units->name);
}

/**
 * aip_config_parse_boolean:
 * @text: true, yes, on or 1; false, no, off or 0; in any case
 * @value: (out): the meaning
 *
 * Returns: whether @text is a truth value
 */
gboolean
aip_config_parse_boolean (const char *text, gboolean *value)
{
  static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1", NULL };

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  for (guint i = 0; words[i] != NULL; i++)
    if (g_ascii_strcasecmp (words[i], text) == 0)
      {
        *value = i % 2 == 1;
        return TRUE;
      }
  return FALSE;
}

/**
 * aip_config_parse_double:
 * @text: digits, and a point with digits where wanted; a leading "-"
 * @value: (out): the number
 *
 * Refuses what strtod () takes beyond that: exponents, hexadecimal, infinity.
 *
 * Returns: whether @text is such a number
 */
gboolean
aip_config_parse_double (const char *text, double *value)
{
  const char *digits;
  char *end;

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  digits = text + (*text == '-' ? 1 : 0);
  if (!g_ascii_isdigit (*digits) || digits[strspn (digits, G_CSET_DIGITS ".")] != '\0')
    return FALSE;
  *value = g_ascii_strtod (text, &end);
  return *end == '\0' && isfinite (*value);
}

/**
 * aip_config_parse_duration:
 * @text: a whole number and one of ms, s, m, h, d; 0 needs no unit
 * @milliseconds: (out): the duration
 *
 * Returns: whether @text is a duration that fits
 */
gboolean
aip_config_parse_duration (const char *text, guint64 *milliseconds)
{
  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (milliseconds != NULL, FALSE);

  return parse_quantity (text, duration_units, 0, milliseconds);
}

/**
 * aip_config_parse_size:
 * @text: a whole number and one of B, KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (of 1024);
 *   none: bytes
 * @bytes: (out): the size
 *
 * Returns: whether @text is a size that fits
 */
gboolean
aip_config_parse_size (const char *text, guint64 *bytes)
{
  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);

  return parse_quantity (text, size_units, 1, bytes);
}

/**
 * aip_config_format_duration:
 * @milliseconds: a duration
 *
 * Returns: (transfer full): text that aip_config_parse_duration () reads back, in the largest unit
 *   that leaves a whole number
 */
char *
aip_config_format_duration (guint64 milliseconds)
{
  return format_quantity (milliseconds, duration_units);
}

/**
 * aip_config_format_size:
 * @bytes: a size
 *
 * Returns: (transfer full): text that aip_config_parse_size () reads back
 */
char *
aip_config_format_size (guint64 bytes)
{
  return format_quantity (bytes, size_units);
}

static GSocketAddress *
parse_unix (const char *path, GError **error)
{
  if (!g_path_is_absolute (path) || strlen (path) >= sizeof ((struct sockaddr_un *) NULL)->sun_path)
    {
      g_set_error (
          error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
          "is not a socket's path; write unix:/PATH with an absolute path of at most %" G_GSIZE_FORMAT
          " bytes",
          sizeof ((struct sockaddr_un *) NULL)->sun_path - 1);
      return NULL;
    }
  return g_unix_socket_address_new (path);
}

/* @colon: (nullable): what stands before the port */
static gboolean
parse_port (const char *colon, guint64 *port, GError **error)
{
  const char *text = colon != NULL ? colon + 1 : "";
  const char *fault = "has a port that is no number";

  if (g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT16, port, NULL))
    return TRUE;
  if (*text == '\0')
    fault = "has an address without a port";
  else if (text[strspn (text, "-" G_CSET_DIGITS)] == '\0')
    fault = "has a port out of range";
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
               "%s; write ADDRESS:PORT, such as 127.0.0.1:8000, with a port from 0 (any free one) to 65535",
               fault);
  return FALSE;
}

/**
 * aip_config_parse_listen:
 * @text: "127.0.0.1:8000", "[::1]:8000" or "unix:/path"
 * @error: return location for an AIP_ERROR_INVALID_CONFIG
 *
 * Names are refused: what they stand for may change between the check and the listening.
 *
 * Returns: (transfer full) (nullable): a GInetSocketAddress or GUnixSocketAddress
 */
GSocketAddress *
aip_config_parse_listen (const char *text, GError **error)
{
  const char *colon;
  g_autofree char *host = NULL;
  g_autoptr (GInetAddress) address = NULL;
  guint64 port;
  gsize length;

  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (g_str_has_prefix (text, "unix:"))
    return parse_unix (text + strlen ("unix:"), error);

  colon = strrchr (text, ':');
  if (!parse_port (colon, &port, error))
    return NULL;

  length = colon - text;
  if (length > 2 && text[0] == '[' && text[length - 1] == ']')
    host = g_strndup (text + 1, length - 2);
  else if (memchr (text, ':', length) == NULL)
    host = g_strndup (text, length);

  if (host != NULL)
    address = g_inet_address_new_from_string (host);
  if (address == NULL || (text[0] == '[') != (g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6))
    {
      g_set_error_literal (
          error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
          "is not an IP address with a port; write 127.0.0.1:8000 or [::1]:8000 for this machine "
          "alone, 0.0.0.0:8000 or [::]:8000 for all networks, or unix:/PATH");
      return NULL;
    }
  return g_inet_socket_address_new (address, (guint16) port);
}

/**
 * aip_config_is_loopback:
 * @address: what to listen on
 *
 * Returns: whether only this machine can reach @address; Unix sockets count, files guard them
 */
gboolean
aip_config_is_loopback (GSocketAddress *address)
{
  g_return_val_if_fail (G_IS_SOCKET_ADDRESS (address), FALSE);

  return !G_IS_INET_SOCKET_ADDRESS (address) ||
         g_inet_address_get_is_loopback (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address)));
}
