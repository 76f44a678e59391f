/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-clients"

#include "policy/aip-clients.h"

#include <string.h>

#include "base/aip-error.h"
#include "base/aip-glob.h"

#define DIGEST_LENGTH 32
#define MAX_TOKEN_LENGTH 4096

typedef struct
{
  AipClient client;
  char *name; /* (nullable): owns client.name where the config does not */
  guint8 digest[DIGEST_LENGTH];
} Entry;

struct _AipClients
{
  gatomicrefcount ref_count;
  AipConfig *config;
  AipConcurrency *concurrency;
  GPtrArray *entries; /* of Entry; by pointer, since callers keep the AipClient in it */
  AipClient anonymous;
};

static void
entry_free (Entry *entry)
{
  aip_concurrency_slot_unref (entry->client.under_way);
  g_free (entry->name);
  g_free (entry);
}

/* Those whom the config does not know count by a name that no [client NAME] can have. */
static void
limit_client (const AipClients *self, AipClient *client)
{
  g_autofree char *name =
      client->config != NULL ? g_strdup (client->name) : g_strdup_printf ("(%s)", client->name);

  client->under_way = aip_concurrency_get (self->concurrency, name);
  client->max_concurrent = self->config->server.max_client_requests;
  if (client->config != NULL && client->config->max_concurrent > 0)
    client->max_concurrent = client->config->max_concurrent;
}

/**
 * aip_clients_new:
 * @config: its clients, what they may do, and whether a token is required
 * @concurrency: what counts their requests
 *
 * Returns: (transfer full): the table
 */
AipClients *
aip_clients_new (AipConfig *config, AipConcurrency *concurrency)
{
  g_return_val_if_fail (config != NULL && concurrency != NULL, NULL);

  AipClients *self = g_new0 (AipClients, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->config = aip_config_ref (config);
  self->concurrency = aip_concurrency_ref (concurrency);
  self->entries = g_ptr_array_new_full (config->clients->len, (GDestroyNotify) entry_free);
  self->anonymous.name = "anonymous";
  limit_client (self, &self->anonymous);

  for (guint i = 0; i < config->clients->len; i++)
    {
      const AipClientConfig *client = g_ptr_array_index (config->clients, i);
      Entry *entry = g_new0 (Entry, 1);

      entry->client.name = client->name;
      entry->client.config = client;
      limit_client (self, &entry->client);
      memcpy (entry->digest, client->digest, DIGEST_LENGTH);
      g_ptr_array_add (self->entries, entry);
    }

  return self;
}

/**
 * aip_clients_ref:
 * @self: the table
 *
 * Returns: (transfer full): @self
 */
AipClients *
aip_clients_ref (AipClients *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

/**
 * aip_clients_unref:
 * @self: (transfer full): the table
 */
void
aip_clients_unref (AipClients *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_ptr_array_unref (self->entries);
  aip_concurrency_slot_unref (self->anonymous.under_way);
  aip_concurrency_unref (self->concurrency);
  aip_config_unref (self->config);
  g_free (self);
}

static void
compute_digest (const char *token, gsize length, guint8 digest[DIGEST_LENGTH])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize digest_length = DIGEST_LENGTH;

  g_checksum_update (checksum, (const guchar *) token, (gssize) length);
  g_checksum_get_digest (checksum, digest, &digest_length);
  g_assert (digest_length == DIGEST_LENGTH);
}

/**
 * aip_clients_add_token:
 * @self: a table that no one else refers to yet
 * @name: what to call who sends it: "default", "demo"
 * @token: the token itself; only its digest is kept
 *
 * Lets in a client that the config does not know, without restrictions.
 */
void
aip_clients_add_token (AipClients *self, const char *name, const char *token)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (g_atomic_ref_count_compare (&self->ref_count, 1));
  g_return_if_fail (name != NULL && token != NULL && *token != '\0');

  Entry *entry = g_new0 (Entry, 1);

  entry->name = g_strdup (name);
  entry->client.name = entry->name;
  limit_client (self, &entry->client);
  compute_digest (token, strlen (token), entry->digest);
  g_ptr_array_add (self->entries, entry);
}

/**
 * aip_clients_is_empty:
 * @self: the table
 *
 * Returns: whether there is no client at all, not even a disabled one
 */
gboolean
aip_clients_is_empty (const AipClients *self)
{
  g_return_val_if_fail (self != NULL, TRUE);

  return self->entries->len == 0;
}

/* All ones if both digests are equal, else zero, in a time that does not depend on what they hold. */
static guint
mask_if_equal (const guint8 *a, const guint8 *b)
{
  guint difference = 0;

  for (guint i = 0; i < DIGEST_LENGTH; i++)
    difference |= a[i] ^ b[i];

  /* 0 - 1 has its high bits set, 1..255 minus 1 has not. */
  return 0u - (((difference - 1) >> 8) & 1);
}

/* Looks at every client, whichever it is, so that the time tells nothing about the digests. */
static const Entry *
find_entry (const AipClients *self, const guint8 digest[DIGEST_LENGTH])
{
  guint found = 0;

  for (guint i = 0; i < self->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (self->entries, i);
      guint mask = mask_if_equal (entry->digest, digest);

      found = (found & ~mask) | ((i + 1) & mask);
    }

  return found == 0 ? NULL : g_ptr_array_index (self->entries, found - 1);
}

static const Entry *
find_token (const AipClients *self, const char *token, gsize length)
{
  guint8 digest[DIGEST_LENGTH];

  if (length == 0 || length > MAX_TOKEN_LENGTH)
    return NULL;

  compute_digest (token, length, digest);

  return find_entry (self, digest);
}

/**
 * aip_clients_authenticate:
 * @self: the table
 * @token: (nullable): what the client sent as its token; any bytes
 * @length: its length in bytes
 * @error: where to put an error
 *
 * Tells whose token this is. Where no token is required, an absent or unknown one is "anonymous".
 *
 * Returns: (transfer none) (nullable): the client, valid as long as @self; or %NULL with
 *   %AIP_ERROR_UNAUTHENTICATED (none, or an unknown one) or %AIP_ERROR_FORBIDDEN (a disabled client)
 */
const AipClient *
aip_clients_authenticate (const AipClients *self, const char *token, gsize length, GError **error)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (token != NULL || length == 0, NULL);

  const Entry *entry = find_token (self, token, length);

  if (entry != NULL && entry->client.config != NULL && !entry->client.config->enabled)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_FORBIDDEN,
                   "client `%s` is disabled: set `enabled=true` in [client %s] to let it in again",
                   entry->client.name, entry->client.name);
      return NULL;
    }

  if (entry != NULL)
    return &entry->client;

  if (!self->config->server.require_token)
    return &self->anonymous;

  if (length == 0)
    g_set_error_literal (
        error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED,
        "no token: send `Authorization: Bearer TOKEN`; the daemon's log says where the first one lies");
  else if (length > MAX_TOKEN_LENGTH)
    g_set_error (error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED, "unknown token: it is longer than %d bytes",
                 MAX_TOKEN_LENGTH);
  else
    g_set_error_literal (error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED,
                         "unknown token: it must be one whose SHA-256 is `token-sha256` of a [client NAME]; "
                         "the daemon's log says where the first one lies");

  return NULL;
}

/**
 * aip_client_enter:
 * @client: who begins a request
 * @error: where to put an error
 *
 * Counts one more request of the client's. From any thread.
 *
 * Returns: (transfer none) (nullable): where it was counted, for aip_concurrency_slot_leave () at the
 *   request's end; or %NULL with %AIP_ERROR_RATE_LIMITED
 */
AipConcurrencySlot *
aip_client_enter (const AipClient *client, GError **error)
{
  g_return_val_if_fail (client != NULL, NULL);

  if (aip_concurrency_slot_enter (client->under_way, client->max_concurrent))
    return client->under_way;

  if (client->config != NULL)
    g_set_error (error, AIP_ERROR, AIP_ERROR_RATE_LIMITED,
                 "client `%s` has %u requests under way, as many as it may have: wait until one has ended, "
                 "or raise `max-concurrent` in [client %s] of aiproxy.conf",
                 client->name, client->max_concurrent, client->name);
  else
    g_set_error (error, AIP_ERROR, AIP_ERROR_RATE_LIMITED,
                 "client `%s` has %u requests under way, as many as it may have: wait until one has ended, "
                 "or raise `max-client-requests` in [server] of aiproxy.conf",
                 client->name, client->max_concurrent);

  return NULL;
}

/**
 * aip_client_is_restricted:
 * @client: the client
 *
 * Returns: whether it may use certain models alone
 */
gboolean
aip_client_is_restricted (const AipClient *client)
{
  g_return_val_if_fail (client != NULL, TRUE);

  return client->config != NULL && client->config->models[0] != NULL;
}

/**
 * aip_client_may_use_model:
 * @client: who asks
 * @model: the model's name as the client wrote it
 *
 * Returns: whether the client's `models` globs allow it; an empty list allows all
 */
gboolean
aip_client_may_use_model (const AipClient *client, const char *model)
{
  g_return_val_if_fail (client != NULL && model != NULL, FALSE);

  if (client->config == NULL || client->config->models[0] == NULL)
    return TRUE;

  return aip_glob_match_any ((const char *const *) client->config->models, model);
}
