/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-key"

#include <unistd.h>

#include "base/aip-error.h"
#include "client/aip-remote-error.h"
#include "ctl/aip-ctl-commands.h"
#include "ctl/aip-ctl-object.h"
#include "ctl/aip-ctl-secret.h"
#include "ctl/aip-ctl-settings.h"

/**
 * aip_ctl_key_list:
 *
 * `key list`.
 */
AipCtlExit
aip_ctl_key_list (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  static const AipCtlColumn columns[] = {
    { "NAME", "Name" },
    { "PROVIDER", "Provider" },
    { "SOURCE", "Source" },
    { "SECRET", "SecretState" },
    { "FINGERPRINT", "Fingerprint" },
    { "ENABLED", "Enabled" },
    { "PRIORITY", "Priority", TRUE },
    { "WEIGHT", "Weight", TRUE },
    { "BREAKER", "Breaker" },
    { NULL },
  };

  return aip_ctl_object_list (ctl, AIP_REMOTE_KEY, columns,
                              "no keys; add one with: aiproxyctl key add NAME --provider PROVIDER", error);
}

/**
 * aip_ctl_key_show:
 *
 * `key show`.
 */
AipCtlExit
aip_ctl_key_show (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return aip_ctl_object_show (ctl, AIP_REMOTE_KEY, aip_ctl_args_nth (args, 0), error);
}

static int
read_secret (const char *name, GError **error)
{
  g_autofree char *question = g_strdup_printf ("Secret of key %s: ", name);

  return aip_ctl_secret_read (question, error);
}

/* Adds the key, whose secret is read here if @settings do not say that it lies elsewhere. */
static gboolean
add_key (AipRemote *remote, const char *name, GVariant *settings, gboolean reads, GError **error)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (settings);
  int secret = reads ? read_secret (name, error) : -1;
  gboolean added;

  if (reads && secret < 0)
    return FALSE;
  added = aip_remote_add_key_sync (remote, name, owned, secret, NULL, error);
  if (secret >= 0)
    close (secret);
  return added;
}

/* A key that was added but not imported is told as it is: it is there, with its secret where it was. */
static gboolean
import (AipRemote *remote, const char *name, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (aip_remote_import_secret_sync (remote, name, NULL, &failure))
    return TRUE;
  aip_remote_error_tidy (failure);
  g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED, "key %s was added, but its secret stays where it is: %s",
               name, failure->message);
  return FALSE;
}

/* A key that stands in clear in the config file has its provider there. */
static AipCtlExit
import_clear (AipCtl *ctl, const char *name, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);

  if (remote == NULL && error != NULL)
    g_prefix_error (error, "without a daemon, `aiproxyd --import-keys` moves it; here, ");
  if (remote == NULL || !aip_remote_import_key_sync (remote, name, NULL, error))
    return AIP_CTL_FAILED;
  return aip_ctl_report (ctl, "imported", AIP_REMOTE_KEY, name);
}

/**
 * aip_ctl_key_add:
 *
 * `key add`.
 */
AipCtlExit
aip_ctl_key_add (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  static const char *const options[] = { "provider", NULL };
  const char *name = aip_ctl_args_nth (args, 0);
  const char *source = aip_ctl_args_get (args, "secret");
  gboolean imports = aip_ctl_args_has (args, "import");
  g_autofree char *setting = g_strconcat ("secret=", source, NULL);
  const char *const words[] = { setting, NULL };
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  gboolean reads;
  AipRemote *remote;

  if (!aip_ctl_settings_take (&settings, aip_ctl_args_get_all (args, "set"), error) ||
      (source != NULL && !aip_ctl_settings_take (&settings, words, error)))
    return AIP_CTL_USAGE;
  aip_ctl_settings_take_options (&settings, args, options);
  if (imports && !g_variant_dict_contains (&settings, "provider") && source == NULL)
    return import_clear (ctl, name, error);
  if (!g_variant_dict_contains (&settings, "provider"))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "say which provider the key is for: --provider PROVIDER");
      return AIP_CTL_USAGE;
    }
  reads = !g_variant_dict_contains (&settings, "secret");
  if (imports && reads)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "say where the key lies that is to be imported: --secret env:VARIABLE or credential:NAME");
      return AIP_CTL_USAGE;
    }

  /* Before anything is typed: it would be for nothing where there is no daemon. */
  remote = aip_ctl_connect (ctl, error);
  if (remote == NULL || !add_key (remote, name, g_variant_dict_end (&settings), reads, error) ||
      (imports && !import (remote, name, error)))
    return AIP_CTL_FAILED;
  return aip_ctl_report (ctl, "added", AIP_REMOTE_KEY, name);
}

/**
 * aip_ctl_key_set:
 *
 * `key set`.
 */
AipCtlExit
aip_ctl_key_set (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return aip_ctl_object_set (ctl, AIP_REMOTE_KEY, args, error);
}

static gboolean
set_secret (AipRemote *remote, const char *name, GError **error)
{
  int secret = read_secret (name, error);
  gboolean set;

  if (secret < 0)
    return FALSE;
  set = aip_remote_set_secret_sync (remote, name, secret, NULL, error);
  close (secret);
  return set;
}

/**
 * aip_ctl_key_secret:
 *
 * `key secret`: a new secret, or with --import the old one moved into the keyring.
 */
AipCtlExit
aip_ctl_key_secret (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *name = aip_ctl_args_nth (args, 0);
  gboolean imports = aip_ctl_args_has (args, "import");
  g_autoptr (GVariant) key = aip_ctl_object_lookup (ctl, AIP_REMOTE_KEY, name, error);

  if (key == NULL)
    return AIP_CTL_FAILED;
  if (imports && g_str_equal (aip_ctl_print_lookup (key, "Source"), "keyring"))
    return aip_ctl_report_nothing (ctl, "the secret is in the keyring already");
  if (imports ? !aip_remote_import_secret_sync (ctl->remote, name, NULL, error)
              : !set_secret (ctl->remote, name, error))
    return AIP_CTL_FAILED;
  return aip_ctl_report (ctl, imports ? "imported" : "changed", AIP_REMOTE_KEY, name);
}

static AipCtlExit
set_enabled (AipCtl *ctl, const char *name, gboolean enabled, GError **error)
{
  g_autoptr (GVariant) key = aip_ctl_object_lookup (ctl, AIP_REMOTE_KEY, name, error);
  gboolean before = !enabled;

  if (key == NULL)
    return AIP_CTL_FAILED;
  (void) g_variant_lookup (key, "Enabled", "b", &before);
  if (before == enabled)
    return aip_ctl_report_nothing (ctl, enabled ? "enabled already" : "disabled already");
  if (!aip_remote_update_sync (ctl->remote, AIP_REMOTE_KEY, name,
                               g_variant_new_parsed ("{'enabled': <%b>}", enabled), NULL, error))
    return AIP_CTL_FAILED;
  return aip_ctl_report (ctl, enabled ? "enabled" : "disabled", AIP_REMOTE_KEY, name);
}

/**
 * aip_ctl_key_enable:
 *
 * `key enable`.
 */
AipCtlExit
aip_ctl_key_enable (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return set_enabled (ctl, aip_ctl_args_nth (args, 0), TRUE, error);
}

/**
 * aip_ctl_key_disable:
 *
 * `key disable`.
 */
AipCtlExit
aip_ctl_key_disable (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return set_enabled (ctl, aip_ctl_args_nth (args, 0), FALSE, error);
}

/* Whether @provider is asked, and has no key but @name. */
static gboolean
is_last (AipCtl *ctl, const char *name, const char *provider)
{
  g_autoptr (GVariant) owner =
      aip_remote_lookup_sync (ctl->remote, AIP_REMOTE_PROVIDER, provider, NULL, NULL);
  g_autoptr (GPtrArray) keys = aip_remote_list_sync (ctl->remote, AIP_REMOTE_KEY, NULL, NULL);
  gboolean enabled = FALSE;

  if (owner == NULL || keys == NULL || !g_variant_lookup (owner, "Enabled", "b", &enabled))
    return FALSE;
  for (guint i = 0; i < keys->len; i++)
    {
      GVariant *key = g_ptr_array_index (keys, i);

      if (g_str_equal (aip_ctl_print_lookup (key, "Provider"), provider) &&
          !g_str_equal (aip_ctl_print_lookup (key, "Name"), name))
        return FALSE;
    }
  return enabled;
}

static char *
dup_question (const char *name, const char *provider, gboolean last)
{
  if (!last)
    return g_strdup_printf ("Remove key %s and its secret in the keyring?", name);
  return g_strdup_printf (
      "Remove key %s and its secret in the keyring? It is the last one of provider %s, which will be asked "
      "without a key.",
      name, provider);
}

static void
warn_of_last (const char *provider)
{
  g_autofree char *text = g_strdup_printf (
      "provider %s has no key any more, and is asked without one; add one with `aiproxyctl key add NAME "
      "--provider %s`, or leave it out with `aiproxyctl provider set %s enabled=false`",
      provider, provider, provider);

  aip_ctl_complain (text);
}

/* Without a keyring the key itself can go all the same. */
static void
offer_to_keep (const char *name, GError *error)
{
  g_autofree char *before = NULL;

  if (!g_error_matches (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE) &&
      !g_error_matches (error, AIP_ERROR, AIP_ERROR_LOCKED))
    return;
  aip_remote_error_tidy (error);
  before = g_steal_pointer (&error->message);
  error->message = g_strdup_printf (
      "%s\nTo remove the key and leave its secret where it is: aiproxyctl key remove %s --keep-secret",
      before, name);
}

/**
 * aip_ctl_key_remove:
 *
 * `key remove`.
 */
AipCtlExit
aip_ctl_key_remove (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *name = aip_ctl_args_nth (args, 0);
  gboolean keeps = aip_ctl_args_has (args, "keep-secret");
  g_autoptr (GVariant) key = aip_ctl_object_lookup (ctl, AIP_REMOTE_KEY, name, error);
  const char *provider = key != NULL ? aip_ctl_print_lookup (key, "Provider") : NULL;
  gboolean last = key != NULL && is_last (ctl, name, provider);
  g_autofree char *question = dup_question (name, provider, last);
  g_autoptr (GError) failure = NULL;
  AipCtlExit code;

  if (key == NULL)
    return AIP_CTL_FAILED;
  if (!keeps && g_str_equal (aip_ctl_print_lookup (key, "Source"), "keyring") &&
      !aip_ctl_confirm (args, question))
    return aip_ctl_report_nothing (ctl, "nothing was removed");
  code = aip_ctl_object_remove (ctl, AIP_REMOTE_KEY, name,
                                keeps ? g_variant_new_parsed ("{'keep-secret': <true>}") : NULL, &failure);
  if (code == AIP_CTL_DONE && last)
    warn_of_last (provider);
  if (failure != NULL && !keeps)
    offer_to_keep (name, failure);
  if (failure != NULL)
    g_propagate_error (error, g_steal_pointer (&failure));
  return code;
}

/**
 * aip_ctl_key_reset:
 *
 * `key reset`.
 */
AipCtlExit
aip_ctl_key_reset (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return aip_ctl_object_reset (ctl, AIP_REMOTE_KEY, aip_ctl_args_nth (args, 0), error);
}

/**
 * aip_ctl_key_test:
 *
 * `key test`.
 */
AipCtlExit
aip_ctl_key_test (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return aip_ctl_object_test (ctl, AIP_REMOTE_KEY, aip_ctl_args_nth (args, 0), error);
}

/**
 * aip_ctl_secret_remove:
 *
 * `secret remove`: what is in the keyring and belongs to no key or client.
 */
AipCtlExit
aip_ctl_secret_remove (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *name = aip_ctl_args_nth (args, 0);
  AipRemote *remote = aip_ctl_connect (ctl, error);
  g_autofree char *question = g_strdup_printf (
      "Remove the secret %s from the keyring? A daemon with another configuration may use it.", name);

  if (remote == NULL)
    return AIP_CTL_FAILED;
  if (!aip_ctl_confirm (args, question))
    return aip_ctl_report_nothing (ctl, "nothing was removed");
  if (!aip_bus_manager_call_remove_secret_sync (aip_remote_get_manager (remote), name, aip_ctl_no_options (),
                                                NULL, error))
    return AIP_CTL_FAILED;
  if (ctl->json)
    aip_ctl_print_json (ctl, g_variant_new_parsed ("{'result': 'removed', 'secret': %s}", name));
  aip_ctl_say (ctl, "secret %s removed", name);
  return AIP_CTL_DONE;
}
