/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-types.h"

#include <string.h>

#include "config/aip-config-url.h"
#include "config/aip-config-values.h"

/* What RFC 9110, section 5.6.2, calls a token. */
#define TOKEN_CHARACTERS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "!#$%&'*+-.^_`|~"

static gboolean
parse_listen (const AipSetting *setting, char **items, void *field, GError **error)
{
  if (items[0] == NULL)
    return aip_setting_fail (error, "is empty; write at least one address, such as 127.0.0.1:8000");

  for (guint i = 0; items[i] != NULL; i++)
    {
      g_autoptr (GSocketAddress) address = aip_config_parse_listen (items[i], error);

      if (address == NULL)
        return FALSE;
      for (guint j = 0; j < i; j++)
        if (g_str_equal (items[i], items[j]) && !g_str_has_suffix (items[i], ":0"))
          return aip_setting_fail (error, "names one address twice; leave the second one out");
    }
  *(char ***) field = g_strdupv (items);
  return TRUE;
}

static gboolean
parse_hosts (const AipSetting *setting, char **items, void *field, GError **error)
{
  for (guint i = 0; items[i] != NULL; i++)
    if (items[i][strspn (items[i], G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-._:[]")] != '\0')
      return aip_setting_fail (
          error, "has an entry that is no host; write names or addresses without scheme, path and "
                 "wildcards, such as ai.example or ai.example:8000, separated by \";\"");
  *(char ***) field = g_strdupv (items);
  return TRUE;
}

static gboolean
is_origin (const char *text)
{
  const char *host = strstr (text, "://");

  if (host == NULL || host == text || !g_ascii_isalpha (*text))
    return FALSE;
  for (const char *letter = text; letter < host; letter++)
    if (!g_ascii_isalnum (*letter) && strchr ("+-.", *letter) == NULL)
      return FALSE;
  host += strlen ("://");
  return *host != '\0' && host[strspn (host, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-._:[]")] == '\0';
}

static gboolean
parse_origins (const AipSetting *setting, char **items, void *field, GError **error)
{
  for (guint i = 0; items[i] != NULL; i++)
    if (!is_origin (items[i]))
      return aip_setting_fail (
          error, "has an entry that is no origin; write each one in full as SCHEME://HOST or "
                 "SCHEME://HOST:PORT without a path, such as https://app.example: there is no wildcard, as "
                 "any page could then use your keys");
  *(char ***) field = g_strdupv (items);
  return TRUE;
}

static gboolean
parse_proxy (const AipSetting *setting, const char *text, void *field, GError **error)
{
  if (*text == '\0')
    return TRUE;
  if (!g_str_equal (text, "none") && !aip_config_url_check_proxy (text, error))
    return FALSE;
  *(char **) field = g_strdup (text);
  return TRUE;
}

static const char *
find_header_fault (const char *name, const char *value)
{
  static const char *const credentials[] = {
    "authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", NULL
  };
  static const char *const framing[] = {
    "host",    "content-length", "content-type", "transfer-encoding", "connection", "keep-alive", "te",
    "trailer", "upgrade",        "expect",       "accept-encoding",   NULL
  };
  g_autofree char *lower = g_ascii_strdown (name, -1);

  if (*name == '\0' || name[strspn (name, TOKEN_CHARACTERS)] != '\0')
    return "has an entry without a header's name; write Name: value;Name2: value2, and \\; for a \";\" in a "
           "value";
  for (const char *letter = value; *letter != '\0'; letter++)
    if (g_ascii_iscntrl (*letter) && *letter != '\t')
      return "has a control character in a value, such as a line break; leave it out";
  if (g_strv_contains (credentials, lower))
    return "has a header that carries a credential; make a [key NAME] for this provider, which the keyring "
           "keeps";
  if (g_strv_contains (framing, lower))
    return "has a header that the daemon sets itself; leave it out";
  return NULL;
}

static void
clear_headers (void *field)
{
  AipConfigHeader *headers = *(AipConfigHeader **) field;

  for (AipConfigHeader *header = headers; header != NULL && header->name != NULL; header++)
    {
      g_free (header->name);
      g_free (header->value);
    }
  g_clear_pointer ((AipConfigHeader **) field, g_free);
}

static gboolean
parse_headers (const AipSetting *setting, char **items, void *field, GError **error)
{
  AipConfigHeader *headers = g_new0 (AipConfigHeader, g_strv_length (items) + 1);

  *(AipConfigHeader **) field = headers;
  for (guint i = 0; items[i] != NULL; i++)
    {
      const char *colon = strchr (items[i], ':');
      const char *fault;

      headers[i].name = g_strndup (items[i], colon == NULL ? 0 : colon - items[i]);
      headers[i].value = g_strstrip (g_strdup (colon == NULL ? "" : colon + 1));
      fault = find_header_fault (headers[i].name, headers[i].value);
      if (fault != NULL)
        {
          clear_headers (field);
          return aip_setting_fail (error, "%s", fault);
        }
    }
  return TRUE;
}

/* Whatever a header's value is for, it may be what lets somebody in. */
static char **
format_headers (const void *field)
{
  g_autoptr (GPtrArray) items = g_ptr_array_new ();

  for (const AipConfigHeader *header = *(AipConfigHeader *const *) field; header->name != NULL; header++)
    g_ptr_array_add (items, g_strconcat (header->name, ": " AIP_SETTING_HIDDEN, NULL));
  g_ptr_array_add (items, NULL);
  return (char **) g_ptr_array_steal (items, NULL);
}

const AipSettingType aip_setting_listen = { .parse_items = parse_listen,
                                            .format_items = aip_setting_format_list,
                                            .clear = aip_setting_clear_list };
const AipSettingType aip_setting_hosts = { .parse_items = parse_hosts,
                                           .format_items = aip_setting_format_list,
                                           .clear = aip_setting_clear_list };
const AipSettingType aip_setting_origins = { .parse_items = parse_origins,
                                             .format_items = aip_setting_format_list,
                                             .clear = aip_setting_clear_list };
const AipSettingType aip_setting_headers = { .parse_items = parse_headers,
                                             .format_items = format_headers,
                                             .clear = clear_headers };
const AipSettingType aip_setting_proxy = { .parse = parse_proxy,
                                           .format = aip_setting_format_string,
                                           .clear = aip_setting_clear_string };
