/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-types.h"

#include <string.h>

#include "base/aip-log.h"
#include "config/aip-config-redis-url.h"

static gboolean
is_variable (const char *name)
{
  return (g_ascii_isalpha (*name) || *name == '_') &&
         name[strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_")] == '\0';
}

/* A key put where its name belongs would be told to whoever asks why it is not there. */
static gboolean
looks_like_a_key (const char *name)
{
  g_autofree char *masked = aip_log_mask (name);

  return !g_str_equal (masked, name);
}

static gboolean
is_credential (const char *name)
{
  return *name != '\0' && *name != '.' &&
         name[strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_.")] == '\0' &&
         !looks_like_a_key (name);
}

static gboolean
parse_secret (const AipSetting *setting, const char *text, void *field, GError **error)
{
  AipKeyConfig *key = (AipKeyConfig *) ((char *) field - G_STRUCT_OFFSET (AipKeyConfig, ref_kind));
  const char *name = strchr (text, ':');

  name = name == NULL ? "" : name + 1;
  if (g_str_equal (text, "keyring"))
    key->ref_kind = AIP_KEY_REF_KEYRING;
  else if (g_str_has_prefix (text, "env:") && is_variable (name))
    key->ref_kind = AIP_KEY_REF_ENVIRONMENT;
  else if (g_str_has_prefix (text, "credential:") && is_credential (name))
    key->ref_kind = AIP_KEY_REF_CREDENTIAL;
  else
    return aip_setting_fail (
        error,
        "is none of keyring, env:VARIABLE and credential:NAME; a key never stands in this file: "
        "move it into the keyring with: aiproxyd --import-keys; or, while the daemon runs, with: aiproxyctl "
        "key "
        "add %s --import; or write secret=keyring and run: aiproxyctl key secret %s",
        key->name, key->name);
  key->ref = g_strdup (name);
  return TRUE;
}

static void
clear_secret (void *field)
{
  AipKeyConfig *key = (AipKeyConfig *) ((char *) field - G_STRUCT_OFFSET (AipKeyConfig, ref_kind));

  g_clear_pointer (&key->ref, g_free);
}

/* A secret that is no upstream's: where it lies, or empty for none. */
static gboolean
parse_secret_ref (const AipSetting *setting, const char *text, void *field, GError **error)
{
  AipSecretRef *ref = field;
  const char *name = strchr (text, ':');

  if (*text == '\0')
    return TRUE;
  name = name == NULL ? "" : name + 1;
  if (g_str_has_prefix (text, "env:") && is_variable (name))
    ref->kind = AIP_KEY_REF_ENVIRONMENT;
  else if (g_str_has_prefix (text, "credential:") && is_credential (name))
    ref->kind = AIP_KEY_REF_CREDENTIAL;
  else
    return aip_setting_fail (error, "is neither env:VARIABLE nor credential:NAME; no secret stands in this "
                                    "file: put it into the environment or a systemd credential");
  ref->name = g_strdup (name);
  return TRUE;
}

static char *
format_secret_ref (const void *field)
{
  const AipSecretRef *ref = field;

  if (ref->name == NULL)
    return g_strdup ("");
  return g_strconcat (ref->kind == AIP_KEY_REF_ENVIRONMENT ? "env:" : "credential:", ref->name, NULL);
}

static void
clear_secret_ref (void *field)
{
  AipSecretRef *ref = field;

  g_clear_pointer (&ref->name, g_free);
}

static gboolean
parse_redis_url (const AipSetting *setting, const char *text, void *field, GError **error)
{
  g_auto (AipRedisAddress) address = { 0 };

  if (*text == '\0')
    return TRUE;
  if (!aip_redis_address_parse (text, &address, error))
    return FALSE;
  *(char **) field = g_strdup (text);
  return TRUE;
}

static gboolean
parse_digest (const AipSetting *setting, const char *text, void *field, GError **error)
{
  guint8 *digest = field;

  if (strlen (text) != 64 || text[strspn (text, G_CSET_DIGITS "abcdefABCDEF")] != '\0')
    return aip_setting_fail (
        error, "is not a SHA-256 digest of 64 hexadecimal digits; never write the token itself: make the "
               "digest with  printf %%s \"$TOKEN\" | sha256sum");
  for (guint i = 0; i < 32; i++)
    digest[i] = (guint8) (g_ascii_xdigit_value (text[2 * i]) << 4 | g_ascii_xdigit_value (text[2 * i + 1]));
  return TRUE;
}

static char *
format_secret (const void *field)
{
  const AipKeyConfig *key =
      (const AipKeyConfig *) ((const char *) field - G_STRUCT_OFFSET (AipKeyConfig, ref_kind));
  static const char *const prefixes[] = {
    [AIP_KEY_REF_KEYRING] = "keyring",
    [AIP_KEY_REF_ENVIRONMENT] = "env:",
    [AIP_KEY_REF_CREDENTIAL] = "credential:",
  };

  return g_strconcat (prefixes[key->ref_kind], key->ref, NULL);
}

/* A client that comes with a JWT alone has none. */
static gboolean
is_unset (const guint8 digest[32])
{
  static const guint8 unset[32];

  return memcmp (digest, unset, sizeof unset) == 0;
}

static char *
format_digest (const void *field)
{
  const guint8 *digest = field;
  GString *text = g_string_sized_new (65);

  if (is_unset (digest))
    return g_string_free (text, FALSE);
  for (guint i = 0; i < 32; i++)
    g_string_append_printf (text, "%02x", digest[i]);
  return g_string_free (text, FALSE);
}

const AipSettingType aip_setting_secret = { .parse = parse_secret,
                                            .format = format_secret,
                                            .clear = clear_secret };
const AipSettingType aip_setting_digest = { .parse = parse_digest, .format = format_digest };
const AipSettingType aip_setting_secret_ref = { .parse = parse_secret_ref,
                                                .format = format_secret_ref,
                                                .clear = clear_secret_ref };
const AipSettingType aip_setting_redis_url = { .parse = parse_redis_url,
                                               .format = aip_setting_format_string,
                                               .clear = aip_setting_clear_string };
