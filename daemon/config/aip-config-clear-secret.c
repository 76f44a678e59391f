/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-edit.h"

#include <string.h>

#include "base/aip-error.h"
#include "config/aip-config-document.h"
#include "config/aip-config-file.h"
#include "config/aip-config-schema.h"

static AipSecret *
fail (GError **error, AipError code, const char *path, const char *key_name, const char *message)
{
  g_set_error (error, AIP_ERROR, code, "%s: [key %s] secret: %s", path, key_name, message);
  return NULL;
}

/* "keyring", "env:VARIABLE" and "credential:NAME" only say where the key is. */
static gboolean
is_reference (const char *value)
{
  const AipSettingGroup *kind = aip_setting_group_find ("key", NULL);
  const AipSetting *setting = aip_setting_group_find_setting (kind, "secret");
  AipKeyConfig key = { .name = (char *) "" };
  gboolean valid = setting->type->parse (setting, value, G_STRUCT_MEMBER_P (&key, setting->offset), NULL);

  setting->type->clear (G_STRUCT_MEMBER_P (&key, setting->offset));
  return valid;
}

/* As GKeyFile does it, in the same memory. */
static void
unescape (char *value)
{
  static const char letters[] = "sntr\\";
  static const char meanings[] = " \n\t\r\\";
  char *out = value;

  for (; *value != '\0'; value++)
    if (*value == '\\')
      *out++ = meanings[strchr (letters, *++value) - letters];
    else
      *out++ = *value;
  *out = '\0';
}

static AipSecret *
make_secret (const char *path, const char *key_name, char *value, GError **error)
{
  if (*value == '\0')
    return fail (error, AIP_ERROR_NOT_FOUND, path, key_name, "is empty");
  if (aip_config_has_wrong_escape (value, FALSE))
    return fail (error, AIP_ERROR_INVALID_CONFIG, path, key_name,
                 "has a \"\\\" that means nothing; write \\\\ for a \"\\\"");
  unescape (value);
  if (is_reference (value))
    return fail (error, AIP_ERROR_NOT_FOUND, path, key_name, "holds no key in clear");
  if (g_str_has_prefix (value, "env:") || g_str_has_prefix (value, "credential:"))
    return fail (error, AIP_ERROR_INVALID_CONFIG, path, key_name,
                 "is neither a name nor a key; write env:VARIABLE, credential:NAME or keyring");
  return aip_secret_new (value, -1);
}

/**
 * aip_config_take_clear_secret:
 * @path: a config file, valid or not
 * @key_name: the NAME of [key NAME]
 * @error: return location for an AIP_ERROR: NOT_FOUND where there is no such group, or no key in clear in it;
 *   INVALID_CONFIG where it cannot be told what was meant; FAILED where the file cannot be read. None repeats
 * the value
 *
 * Reads the key that somebody wrote into the file in clear, so that it can be put into the keyring; the file
 * is left as it is. An edit that sets `secret` to "keyring" then mends it.
 *
 * Returns: (transfer full) (nullable): the key
 */
AipSecret *
aip_config_take_clear_secret (const char *path, const char *key_name, GError **error)
{
  g_autoptr (AipConfigFile) file = NULL;
  g_autoptr (AipConfigDocument) document = NULL;
  g_autofree char *group = NULL;
  const AipConfigLine *line;
  char *value;
  AipSecret *secret;

  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (key_name != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  file = aip_config_file_open (path, error);
  if (file == NULL)
    return NULL;
  if (!g_utf8_validate_len (file->text->str, file->text->len, NULL))
    return fail (error, AIP_ERROR_INVALID_CONFIG, path, key_name,
                 "cannot be read, as the file is not UTF-8 text; save it as UTF-8");

  document = aip_config_document_new (file->text->str, file->text->len);
  group = g_strconcat ("key ", key_name, NULL);
  line = aip_config_document_find (document, group, "secret");
  if (line == NULL)
    return fail (error, AIP_ERROR_NOT_FOUND, path, key_name, "is not set");

  value = g_strndup (line->value, line->value_length);
  secret = make_secret (path, key_name, value, error);
  aip_secret_wipe (value, line->value_length);
  g_free (value);
  return secret;
}
