/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-clients"

#include "policy/aip-clients.h"

#include <string.h>

#include "base/aip-error.h"
#include "policy/aip-jwt-clients.h"
#include "wire/aip-jwt-text.h"

#define DIGEST_LENGTH 32
#define MAX_TOKEN_LENGTH 4096

/* How to come by one; where there is no bus to ask on, the log tells of the first one. */
#define GET_TOKEN                                                                                            \
  "`aiproxyctl token` shows one, `aiproxyctl client add NAME` makes one, and the daemon's log says where "   \
  "the first one lies"

typedef struct
{
  AipClient client;
  char *name; /* (nullable): owns client.name where the config does not */
  guint8 digest[DIGEST_LENGTH];
  gboolean has_token; /* else it comes with a JWT alone */
} Entry;

struct _AipClients
{
  gatomicrefcount ref_count;
  AipConfig *config;
  AipConcurrency *concurrency;
  AipLedger *ledger;
  AipJwtClients *jwt_clients; /* (nullable): tokens are no JWTs */
  GPtrArray *entries;         /* of Entry; by pointer, since callers keep the AipClient in it */
  AipClient anonymous;
};

static void
entry_free (Entry *entry)
{
  aip_client_close (&entry->client);
  g_free (entry->name);
  g_free (entry);
}

static void
limit_client (const AipClients *self, AipClient *client)
{
  aip_client_open (client, self->config, self->concurrency, self->ledger);
}

/**
 * aip_clients_new:
 * @config: its clients, what they may do, and whether a token is required
 * @concurrency: what counts their requests under way
 * @ledger: what keeps their limits
 * @jwt: (nullable): what checks JSON Web Tokens; %NULL: none is accepted
 *
 * Returns: (transfer full): the table
 */
AipClients *
aip_clients_new (AipConfig *config, AipConcurrency *concurrency, AipLedger *ledger, AipJwt *jwt)
{
  g_return_val_if_fail (config != NULL && concurrency != NULL && ledger != NULL, NULL);

  AipClients *self = g_new0 (AipClients, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->config = aip_config_ref (config);
  self->concurrency = aip_concurrency_ref (concurrency);
  self->ledger = aip_ledger_ref (ledger);
  if (jwt != NULL)
    self->jwt_clients = aip_jwt_clients_new (config, jwt, concurrency, ledger);
  self->entries = g_ptr_array_new_full (config->clients->len, (GDestroyNotify) entry_free);
  self->anonymous.name = "anonymous";
  limit_client (self, &self->anonymous);

  for (guint i = 0; i < config->clients->len; i++)
    {
      const AipClientConfig *client = g_ptr_array_index (config->clients, i);
      Entry *entry = g_new0 (Entry, 1);

      entry->client.name = client->name;
      entry->client.config = client;
      entry->client.tenant = client->tenant;
      if (client->tenant != NULL)
        entry->client.tenant_config = aip_config_find_tenant (config, client->tenant);
      limit_client (self, &entry->client);
      memcpy (entry->digest, client->digest, DIGEST_LENGTH);
      entry->has_token = memcmp (client->digest, (const guint8[DIGEST_LENGTH]){ 0 }, DIGEST_LENGTH) != 0;
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
  aip_client_close (&self->anonymous);
  g_clear_pointer (&self->jwt_clients, aip_jwt_clients_free);
  aip_ledger_unref (self->ledger);
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
  entry->has_token = TRUE;
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
      guint mask = entry->has_token ? mask_if_equal (entry->digest, digest) : 0;

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

static const AipClient *
check_enabled (const AipClient *client, GError **error)
{
  if (client->config == NULL || client->config->enabled)
    return client;
  g_set_error (error, AIP_ERROR, AIP_ERROR_FORBIDDEN,
               "client `%s` is disabled: set `enabled=true` in [client %s] to let it in again", client->name,
               client->name);
  return NULL;
}

static const AipClient *
find_by_name (const AipClients *self, const char *name)
{
  for (guint i = 0; i < self->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (self->entries, i);

      if (entry->client.config != NULL && g_str_equal (entry->client.name, name))
        return &entry->client;
    }
  return NULL;
}

/* Where no token is required, a JWT that is not right is as good as none. */
static const AipClient *
authenticate_jwt (const AipClients *self, const char *token, gsize length, GError **error)
{
  g_auto (AipJwtIdentity) identity = { 0 };
  const AipClient *named;
  gboolean required = self->config->server.require_token;

  if (!aip_jwt_clients_verify (self->jwt_clients, token, length, &identity, required ? error : NULL))
    return required ? NULL : &self->anonymous;
  named = find_by_name (self, identity.client);
  if (named != NULL && check_enabled (named, error) == NULL)
    return NULL;
  return aip_jwt_clients_get (self->jwt_clients, &identity, named, error);
}

static const AipClient *
refuse_token (const AipClients *self, gsize length, GError **error)
{
  gsize max = self->jwt_clients != NULL ? AIP_JWT_MAX_LENGTH : MAX_TOKEN_LENGTH;

  if (length == 0)
    g_set_error_literal (error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED,
                         "no token: send `Authorization: Bearer TOKEN`; " GET_TOKEN);
  else if (length > max)
    g_set_error (error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED,
                 "unknown token: it is longer than %" G_GSIZE_FORMAT " bytes", max);
  else
    g_set_error_literal (
        error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED,
        "unknown token: it must be one whose SHA-256 is `token-sha256` of a [client NAME]; " GET_TOKEN);
  return NULL;
}

/**
 * aip_clients_authenticate:
 * @self: the table
 * @token: (nullable): what the client sent as its token; any bytes
 * @length: its length in bytes
 * @error: where to put an error
 *
 * Tells whose token this is. One that is in no [client NAME] and looks like a JSON Web Token is checked as
 * one, where these are accepted. Where no token is required, an absent or unknown one is "anonymous".
 *
 * Returns: (transfer none) (nullable): the client, valid as long as @self; or %NULL with
 *   %AIP_ERROR_UNAUTHENTICATED (none, or an unknown one) or %AIP_ERROR_FORBIDDEN (a disabled client, or a JWT
 *   of one that cannot be)
 */
const AipClient *
aip_clients_authenticate (const AipClients *self, const char *token, gsize length, GError **error)
{
  const Entry *entry;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (token != NULL || length == 0, NULL);

  entry = find_token (self, token, length);
  if (entry != NULL)
    return check_enabled (&entry->client, error);
  if (self->jwt_clients != NULL && aip_jwt_looks_like_one (token, length))
    return authenticate_jwt (self, token, length, error);
  return self->config->server.require_token ? refuse_token (self, length, error) : &self->anonymous;
}
