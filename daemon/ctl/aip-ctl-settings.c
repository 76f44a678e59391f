/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-settings"

#include "ctl/aip-ctl-settings.h"

#include <string.h>

static gboolean
is_reference (const char *value)
{
  return g_str_equal (value, "keyring") || value[0] == '\0' || g_str_has_prefix (value, "env:") ||
         g_str_has_prefix (value, "credential:");
}

static gboolean
take (GVariantDict *settings, const char *word, GError **error)
{
  gsize length = strspn (word, G_CSET_a_2_z G_CSET_DIGITS "-");
  g_autofree char *key = g_strndup (word, length);

  /* The word is not repeated: it may be a secret in the wrong place. */
  if (length == 0 || word[length] != '=')
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "a setting is written KEY=VALUE with a key of aiproxy.conf(5), such as weight=2");
      return FALSE;
    }
  if (g_str_equal (key, "secret") && !is_reference (word + length + 1))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "\"secret\" tells where the key lies: keyring, env:VARIABLE or credential:NAME; "
                   "the key itself is no argument but comes through stdin: aiproxyctl key secret NAME");
      return FALSE;
    }
  g_variant_dict_insert (settings, key, "s", word + length + 1);
  return TRUE;
}

/**
 * aip_ctl_settings_take:
 * @settings: where to put them
 * @words: (array zero-terminated=1): each KEY=VALUE, as in the config file; the last one of a key counts
 * @error: return location for an error
 *
 * What they may be is for the daemon to say.
 *
 * Returns: whether all have this form; G_OPTION_ERROR if not
 */
gboolean
aip_ctl_settings_take (GVariantDict *settings, const char *const *words, GError **error)
{
  g_return_val_if_fail (settings != NULL, FALSE);
  g_return_val_if_fail (words != NULL, FALSE);

  for (gsize i = 0; words[i] != NULL; i++)
    if (!take (settings, words[i], error))
      return FALSE;
  return TRUE;
}

/**
 * aip_ctl_settings_take_options:
 * @settings: where to put them
 * @args: a command's words
 * @options: (array zero-terminated=1): options that have the name of a setting
 *
 * Takes the values of those options that are there.
 */
void
aip_ctl_settings_take_options (GVariantDict *settings, const AipCtlArgs *args, const char *const *options)
{
  g_return_if_fail (settings != NULL);
  g_return_if_fail (args != NULL);
  g_return_if_fail (options != NULL);

  for (gsize i = 0; options[i] != NULL; i++)
    if (aip_ctl_args_get (args, options[i]) != NULL)
      g_variant_dict_insert (settings, options[i], "s", aip_ctl_args_get (args, options[i]));
}
