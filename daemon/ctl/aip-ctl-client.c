/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-client"

#include <stdio.h>
#include <string.h>

#include "base/aip-error.h"
#include "client/aip-remote-secret.h"
#include "ctl/aip-ctl-commands.h"
#include "ctl/aip-ctl-object.h"
#include "ctl/aip-ctl-settings.h"
#include "ctl/aip-ctl-usage.h"

#define FIRST_CLIENT "default"

/**
 * aip_ctl_client_list:
 *
 * `client list`.
 */
AipCtlExit
aip_ctl_client_list (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  static const AipCtlColumn columns[] = {
    { "NAME", "Name" },
    { "TENANT", "Tenant" },
    { "ENABLED", "Enabled" },
    { "ADMIN", "Admin" },
    { "TOKEN-KEPT", "TokenKept" },
    { "MODELS", "Models" },
    { NULL },
  };

  return aip_ctl_object_list (ctl, AIP_REMOTE_CLIENT, columns,
                              "no clients; add one with: aiproxyctl client add NAME", error);
}

static GVariant *
add_limits (GVariant *client, GVariant *limits)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (client);

  g_variant_dict_insert_value (&dict, "Limits", limits);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

/**
 * aip_ctl_client_show:
 *
 * `client show`.
 */
AipCtlExit
aip_ctl_client_show (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *name = aip_ctl_args_nth (args, 0);
  g_autoptr (GVariant) client = aip_ctl_object_lookup (ctl, AIP_REMOTE_CLIENT, name, error);
  g_autoptr (GVariant) usage = NULL;
  g_autoptr (GVariant) limits = NULL;
  g_autoptr (GVariant) whole = NULL;

  if (client == NULL || (usage = aip_remote_get_usage_sync (ctl->remote, name, NULL, error)) == NULL)
    return AIP_CTL_FAILED;
  limits = g_variant_lookup_value (usage, "limits", G_VARIANT_TYPE ("aa{sv}"));
  if (limits == NULL || !ctl->json)
    aip_ctl_object_print (ctl, client);
  else
    aip_ctl_object_print (ctl, whole = add_limits (client, limits));
  if (limits != NULL && !ctl->json)
    aip_ctl_usage_print (ctl, limits);
  return AIP_CTL_DONE;
}

/* The token alone stands on stdout, so that it can be sent on; what else there is to say does not. */
static AipCtlExit
print_token (AipCtl *ctl, const char *client, const char *token, const char *comment)
{
  if (ctl->json)
    {
      aip_ctl_print_json (ctl, g_variant_new_parsed ("{'client': %s, 'token': %s}", client, token));
      return AIP_CTL_DONE;
    }
  if (comment != NULL)
    fprintf (stderr, "%s\n", comment);
  puts (token);
  return AIP_CTL_DONE;
}

/**
 * aip_ctl_client_add:
 *
 * `client add`: prints the new token.
 */
AipCtlExit
aip_ctl_client_add (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *name = aip_ctl_args_nth (args, 0);
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (AipRemoteSecretText) token = NULL;
  g_autofree char *comment = NULL;
  AipRemote *remote;

  if (!aip_ctl_settings_take (&settings, aip_ctl_args_get_all (args, "set"), error))
    return AIP_CTL_USAGE;
  remote = aip_ctl_connect (ctl, error);
  if (remote == NULL)
    return AIP_CTL_FAILED;
  token = aip_remote_add_client_sync (remote, name, g_variant_dict_end (&settings), NULL, error);
  if (token == NULL)
    return AIP_CTL_FAILED;
  comment = g_strdup_printf ("client %s added; its token is:", name);
  return print_token (ctl, name, token, comment);
}

/**
 * aip_ctl_client_set:
 *
 * `client set`.
 */
AipCtlExit
aip_ctl_client_set (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return aip_ctl_object_set (ctl, AIP_REMOTE_CLIENT, args, error);
}

/* Asks before apps lose their access; says in @confirmed whether to go on. */
static gboolean
confirm_loss (AipCtl *ctl, const AipCtlArgs *args, const char *what, gboolean *confirmed, GError **error)
{
  const char *name = aip_ctl_args_nth (args, 0);
  g_autoptr (GVariant) client = aip_ctl_object_lookup (ctl, AIP_REMOTE_CLIENT, name, error);
  g_autofree char *question =
      g_strdup_printf ("%s client %s? What uses its token is locked out.", what, name);

  if (client == NULL)
    return FALSE;
  *confirmed = aip_ctl_confirm (args, question);
  return TRUE;
}

/**
 * aip_ctl_client_rotate:
 *
 * `client rotate`: prints the new token.
 */
AipCtlExit
aip_ctl_client_rotate (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *name = aip_ctl_args_nth (args, 0);
  g_autoptr (AipRemoteSecretText) token = NULL;
  gboolean confirmed;

  if (!confirm_loss (ctl, args, "Make a new token for", &confirmed, error))
    return AIP_CTL_FAILED;
  if (!confirmed)
    return aip_ctl_report_nothing (ctl, "the token is as it was");
  token = aip_remote_rotate_token_sync (ctl->remote, name, NULL, error);
  if (token == NULL)
    return AIP_CTL_FAILED;
  return print_token (ctl, name, token, "the old token is refused from now on; the new one is:");
}

/**
 * aip_ctl_client_remove:
 *
 * `client remove`.
 */
AipCtlExit
aip_ctl_client_remove (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  gboolean confirmed;

  if (!confirm_loss (ctl, args, "Remove", &confirmed, error))
    return AIP_CTL_FAILED;
  if (!confirmed)
    return aip_ctl_report_nothing (ctl, "nothing was removed");
  return aip_ctl_object_remove (ctl, AIP_REMOTE_CLIENT, aip_ctl_args_nth (args, 0), NULL, error);
}

/* Whose token is meant where nobody says: that of the first start, or that of the only client there is. */
static char *
pick_client (AipCtl *ctl, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  g_autoptr (GPtrArray) clients = NULL;
  g_autoptr (GString) names = g_string_new (NULL);

  if (remote == NULL || (clients = aip_remote_list_sync (remote, AIP_REMOTE_CLIENT, NULL, error)) == NULL)
    return NULL;
  for (guint i = 0; i < clients->len; i++)
    {
      const char *name = aip_remote_object_get_name (AIP_REMOTE_CLIENT, g_ptr_array_index (clients, i));

      if (clients->len == 1 || g_str_equal (name, FIRST_CLIENT))
        return g_strdup (name);
      g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", name);
    }
  if (clients->len == 0)
    g_set_error (error, AIP_ERROR, AIP_ERROR_NOT_FOUND,
                 "there are no clients; add one with: aiproxyctl client add NAME");
  else
    g_set_error (error, AIP_ERROR, AIP_ERROR_NOT_FOUND, "say which client is meant; there are: %s",
                 names->str);
  return NULL;
}

static char *
reveal (AipCtl *ctl, const char *name, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  char *token = remote != NULL ? aip_remote_reveal_token_sync (remote, name, NULL, error) : NULL;

  if (token == NULL && remote != NULL)
    aip_ctl_object_miss (ctl, AIP_REMOTE_CLIENT, name, error);
  return token;
}

/**
 * aip_ctl_client_token:
 *
 * `client token` and `token`: shows a client's token.
 */
AipCtlExit
aip_ctl_client_token (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *given = aip_ctl_args_nth (args, 0);
  g_autofree char *name = given != NULL ? g_strdup (given) : pick_client (ctl, error);
  g_autoptr (AipRemoteSecretText) token = name != NULL ? reveal (ctl, name, error) : NULL;

  return token != NULL ? print_token (ctl, name, token, NULL) : AIP_CTL_FAILED;
}

/* In single quotes a shell takes everything as it is but a single quote, and fish and csh some more. */
static char *
quote (const char *text, const char *shell)
{
  GString *out = g_string_new ("'");

  for (const char *p = text; *p != '\0'; p++)
    if (g_str_equal (shell, "fish") && strchr ("'\\", *p) != NULL)
      g_string_append_printf (out, "\\%c", *p);
    else if (g_str_equal (shell, "csh") && *p == '!')
      g_string_append (out, "\\!");
    else if (*p == '\'')
      g_string_append (out, "'\\''");
    else
      g_string_append_c (out, *p);
  g_string_append_c (out, '\'');
  return g_string_free (out, FALSE);
}

static void
print_variable (const char *shell, const char *name, const char *value)
{
  g_autofree char *quoted = quote (value, shell);

  if (g_str_equal (shell, "fish"))
    printf ("set -gx %s %s;\n", name, quoted);
  else if (g_str_equal (shell, "csh"))
    printf ("setenv %s %s;\n", name, quoted);
  else
    printf ("export %s=%s\n", name, quoted);
  explicit_bzero (quoted, strlen (quoted));
}

static void
print_environment (AipCtl *ctl, const char *shell, const char *endpoint, const char *token)
{
  g_autofree char *v1 = g_strconcat (endpoint, "/v1", NULL);

  if (ctl->json)
    {
      aip_ctl_print_json (ctl, g_variant_new_parsed ("{'OPENAI_BASE_URL': %s, 'OPENAI_API_KEY': %s, "
                                                     "'ANTHROPIC_BASE_URL': %s, 'ANTHROPIC_API_KEY': %s}",
                                                     v1, token, endpoint, token));
      return;
    }
  print_variable (shell, "OPENAI_BASE_URL", v1);
  print_variable (shell, "OPENAI_API_KEY", token);
  print_variable (shell, "ANTHROPIC_BASE_URL", endpoint);
  print_variable (shell, "ANTHROPIC_API_KEY", token);
}

/**
 * aip_ctl_env:
 *
 * `env`: prints what makes the usual SDKs in a shell use the daemon.
 */
AipCtlExit
aip_ctl_env (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *given = aip_ctl_args_get (args, "client");
  const char *shell = aip_ctl_args_get (args, "shell");
  g_autoptr (AipRemoteSecretText) token = NULL;
  g_autofree char *name = NULL;
  const char *endpoint;

  name = given != NULL ? g_strdup (given) : pick_client (ctl, error);
  token = name != NULL ? reveal (ctl, name, error) : NULL;
  if (token == NULL)
    return AIP_CTL_FAILED;
  endpoint = aip_bus_manager_get_endpoint (aip_remote_get_manager (ctl->remote));
  if (endpoint == NULL || endpoint[0] == '\0')
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
                   "the daemon listens on no address that has a URL; see `listen` in [server]");
      return AIP_CTL_FAILED;
    }
  print_environment (ctl, shell != NULL ? shell : "sh", endpoint, token);
  return AIP_CTL_DONE;
}
