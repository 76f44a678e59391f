/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-client-token.h"

#include <string.h>

#include "base/aip-error.h"

static AipKeyStore *
get_store (const AipBusContext *context)
{
  return context->host->get_key_store (context->host_data);
}

/**
 * aip_client_token_is_kept:
 * @context: the context
 *
 * Returns: whether there is a key store that keeps tokens; while it is still being read it is taken to be
 * one, and fails to store where it is not
 */
gboolean
aip_client_token_is_kept (const AipBusContext *context)
{
  return aip_key_store_is_writable (get_store (context)) &&
         (aip_client_token_is_awaited (context) ||
          aip_key_store_get_state (get_store (context)) == AIP_KEY_STORE_READY);
}

/**
 * aip_client_token_is_awaited:
 * @context: the context
 *
 * Returns: whether it is not known yet which tokens are kept
 */
gboolean
aip_client_token_is_awaited (const AipBusContext *context)
{
  return aip_key_store_is_writable (get_store (context)) &&
         aip_key_store_get_state (get_store (context)) == AIP_KEY_STORE_LOADING;
}

/* The key store may have one of another time, when the keyring was locked while the token was rotated. */
static gboolean
has_digest (const AipClientConfig *client, AipSecret *token)
{
  g_autofree char *digest = aip_secret_dup_digest (token);
  char hex[2 * sizeof client->digest + 1];

  for (gsize i = 0; i < sizeof client->digest; i++)
    g_snprintf (hex + 2 * i, 3, "%02x", client->digest[i]);
  return g_str_equal (hex, digest);
}

/**
 * aip_client_token_find:
 * @context: the context
 * @client: a client of the config
 *
 * Returns: (transfer full) (nullable): its token, where it is kept
 */
AipSecret *
aip_client_token_find (const AipBusContext *context, const AipClientConfig *client)
{
  g_autofree char *ref = g_strconcat ("client:", client->name, NULL);
  g_autoptr (AipSecret) token = NULL;
  g_autoptr (AipSecret) first = context->host->get_first_token (context->host_data);

  if (aip_key_store_is_writable (get_store (context)))
    token = aip_key_store_lookup (get_store (context), ref);
  if (token != NULL && has_digest (client, token))
    return g_steal_pointer (&token);
  return first != NULL && has_digest (client, first) ? g_steal_pointer (&first) : NULL;
}

/**
 * aip_client_token_put:
 * @change: gets it
 * @client: whose it is
 * @token: what to keep
 */
void
aip_client_token_put (AipChange *change, const char *client, AipSecret *token)
{
  g_autofree char *ref = g_strconcat ("client:", client, NULL);

  aip_change_put_secret (change, ref, token);
}

/**
 * aip_client_token_forget:
 * @change: gets it
 * @client: whose token is to be kept no longer
 */
void
aip_client_token_forget (AipChange *change, const char *client)
{
  g_autofree char *ref = g_strconcat ("client:", client, NULL);

  aip_change_remove_secret (change, ref);
}

/**
 * aip_client_token_issue:
 * @context: the context
 * @change: gets the digest for the config file, and the token for the key store where there is one
 * @client: whose token it shall be
 *
 * Returns: (transfer full): a new token
 */
AipSecret *
aip_client_token_issue (const AipBusContext *context, AipChange *change, const char *client)
{
  g_autofree char *group = g_strconcat ("client ", client, NULL);
  char *text = aip_first_token_make ();
  AipSecret *token = aip_secret_new (text, -1);
  g_autofree char *digest = aip_secret_dup_digest (token);

  aip_secret_wipe (text, strlen (text));
  g_free (text);
  aip_config_edit_set (aip_change_get_edit (change), group, "token-sha256", digest);
  if (aip_client_token_is_kept (context))
    aip_client_token_put (change, client, token);
  return token;
}

/**
 * aip_client_token_is_first:
 * @context: the context
 *
 * Returns: whether the client of the first start is let in, although no config file names it
 */
gboolean
aip_client_token_is_first (const AipBusContext *context)
{
  g_autoptr (AipSecret) token = context->host->get_first_token (context->host_data);

  return token != NULL && context->host->get_config (context->host_data)->clients->len == 0;
}

/**
 * aip_client_token_adopt_first:
 * @context: the context
 * @change: gets the client of the first start, where there is one that no config file names
 *
 * It would be let in no longer as soon as the config file names another client.
 */
void
aip_client_token_adopt_first (const AipBusContext *context, AipChange *change)
{
  g_autoptr (AipSecret) token = NULL;
  g_autofree char *digest = NULL;
  AipConfigEdit *edit = aip_change_get_edit (change);

  if (!aip_client_token_is_first (context))
    return;
  token = context->host->get_first_token (context->host_data);
  digest = aip_secret_dup_digest (token);
  /* Another change may have done so when this one has its turn: that makes no difference then. */
  aip_config_edit_set (edit, "client " AIP_FIRST_CLIENT, "token-sha256", digest);
  if (aip_client_token_is_kept (context))
    aip_client_token_put (change, AIP_FIRST_CLIENT, token);
}

static void
moved_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  AipBusContext *context = user_data;
  g_autoptr (GError) error = NULL;

  context->moves_first_token = FALSE;
  if (!aip_change_queue_run_finish (result, &error))
    {
      g_message ("the client token stays in its file: %s", error->message);
      return;
    }
  g_message ("the client token has moved into the keyring: `aiproxyctl client token " AIP_FIRST_CLIENT
             "` shows it");
  context->host->drop_first_token (context->host_data);
}

/**
 * aip_client_token_move_first:
 * @context: the context
 *
 * Moves the token of the first start from its file into the keyring, and its digest into the config file, as
 * soon as there is a keyring that takes it.
 */
void
aip_client_token_move_first (AipBusContext *context)
{
  AipChange *change;

  /* Not while it is being read: others' changes would wait behind this one. */
  if (context->moves_first_token || !aip_client_token_is_first (context) ||
      aip_client_token_is_awaited (context) || !aip_client_token_is_kept (context) ||
      !aip_key_store_is_persistent (get_store (context)))
    return;
  context->moves_first_token = TRUE;
  change = aip_change_new ();
  aip_client_token_adopt_first (context, change);
  aip_change_queue_run_async (context->changes, change, moved_cb, context);
}

/**
 * aip_client_token_make_error:
 * @context: the context
 * @client: a client whose token cannot be revealed
 *
 * Returns: (transfer full): why
 */
GError *
aip_client_token_make_error (const AipBusContext *context, const char *client)
{
  AipKeyStore *store = get_store (context);

  if (aip_key_store_is_writable (store) && aip_key_store_get_state (store) == AIP_KEY_STORE_LOCKED)
    return g_error_new (
        AIP_ERROR, AIP_ERROR_LOCKED,
        "the keyring is locked, and the token of client %s may lie in it: run `aiproxyctl unlock`", client);
  /* A new token would lock out every app that has the old one. */
  if (aip_key_store_is_writable (store) && aip_key_store_get_state (store) == AIP_KEY_STORE_UNAVAILABLE)
    return g_error_new (
        AIP_ERROR, AIP_ERROR_UNAVAILABLE,
        "there is no keyring now, and the token of client %s may lie in it: start gnome-keyring or "
        "another secret service, or run `aiproxyctl client rotate %s` for a new one",
        client, client);
  return g_error_new (
      AIP_ERROR, AIP_ERROR_NOT_FOUND,
      "the token of client %s is kept nowhere: run `aiproxyctl client rotate %s` for a new one", client,
      client);
}
