/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-secret-ref"

#include "policy/aip-secret-ref.h"

#include <string.h>

#include "base/aip-error.h"

/* As the credentials of upstream keys are read: the line break that editors leave at the end is not part. */
static AipSecret *
take_text (char *text, gsize length)
{
  gsize left = length;
  AipSecret *secret;

  while (left > 0 && (text[left - 1] == '\n' || text[left - 1] == '\r'))
    left--;
  secret = left > 0 ? aip_secret_new (text, (gssize) left) : NULL;
  aip_secret_wipe (text, length);
  g_free (text);
  return secret;
}

static AipSecret *
read_credential (const char *name)
{
  const char *directory = g_getenv ("CREDENTIALS_DIRECTORY");
  g_autofree char *path = directory != NULL ? g_build_filename (directory, name, NULL) : NULL;
  char *text = NULL;
  gsize length = 0;

  if (path == NULL || !g_file_get_contents (path, &text, &length, NULL))
    return NULL;
  return take_text (text, length);
}

/**
 * aip_secret_ref_read:
 * @ref: where a secret lies
 * @setting: what refers to it, for the message: "[redis] password"
 * @error: return location for an %AIP_ERROR_INVALID_CONFIG
 *
 * Returns: (transfer full) (nullable): the secret; %NULL without an error where there is no reference
 */
AipSecret *
aip_secret_ref_read (const AipSecretRef *ref, const char *setting, GError **error)
{
  AipSecret *secret;
  const char *value;

  g_return_val_if_fail (ref != NULL && setting != NULL, NULL);

  if (ref->name == NULL)
    return NULL;
  value = ref->kind == AIP_KEY_REF_ENVIRONMENT ? g_getenv (ref->name) : NULL;
  if (ref->kind == AIP_KEY_REF_CREDENTIAL)
    secret = read_credential (ref->name);
  else
    secret = value != NULL && *value != '\0' ? aip_secret_new (value, -1) : NULL;
  if (secret == NULL)
    g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
                 ref->kind == AIP_KEY_REF_CREDENTIAL
                     ? "%s: there is no systemd credential %s, or it is empty; give it with LoadCredential="
                     : "%s: there is no variable %s in the environment, or it is empty",
                 setting, ref->name);
  return secret;
}
