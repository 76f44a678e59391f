/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-jwt"

#include "policy/aip-jwt-clients.h"

#include "base/aip-error.h"

/* Whoever comes when the table is full; no claim can be this name. */
#define OTHERS "(others)"

/* A client, and what its fields refer to. */
typedef struct
{
  AipClient client;
  char *name;
} Entry;

struct _AipJwtClients
{
  AipConfig *config;
  AipJwt *jwt;
  AipConcurrency *concurrency;
  AipLedger *ledger;
  GMutex lock;
  GHashTable *entries; /* "NAME TENANT" -> Entry; neither has a blank */
};

static void
entry_free (Entry *entry)
{
  aip_client_close (&entry->client);
  g_free (entry->name);
  g_free (entry);
}

/**
 * aip_jwt_clients_new:
 * @config: its clients and tenants
 * @jwt: what checks tokens
 * @concurrency: what counts the clients' requests
 * @ledger: what keeps their limits
 *
 * Returns: (transfer full): a table without clients
 */
AipJwtClients *
aip_jwt_clients_new (AipConfig *config, AipJwt *jwt, AipConcurrency *concurrency, AipLedger *ledger)
{
  AipJwtClients *self;

  g_return_val_if_fail (config != NULL && jwt != NULL && concurrency != NULL && ledger != NULL, NULL);

  self = g_new0 (AipJwtClients, 1);
  self->config = aip_config_ref (config);
  self->jwt = aip_jwt_ref (jwt);
  self->concurrency = aip_concurrency_ref (concurrency);
  self->ledger = aip_ledger_ref (ledger);
  g_mutex_init (&self->lock);
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) entry_free);
  return self;
}

/**
 * aip_jwt_clients_free:
 * @self: (transfer full): a table that no other thread uses
 */
void
aip_jwt_clients_free (AipJwtClients *self)
{
  g_return_if_fail (self != NULL);

  g_hash_table_unref (self->entries);
  g_mutex_clear (&self->lock);
  aip_ledger_unref (self->ledger);
  aip_concurrency_unref (self->concurrency);
  aip_jwt_unref (self->jwt);
  aip_config_unref (self->config);
  g_free (self);
}

/**
 * aip_jwt_clients_verify:
 * @self: a table
 * @token: what a client sent; any bytes
 * @length: in bytes
 * @identity: (out): whose token it is
 * @error: where to put an %AIP_ERROR_UNAUTHENTICATED
 *
 * Returns: whether the token is right
 */
gboolean
aip_jwt_clients_verify (AipJwtClients *self,
                        const char *token,
                        gsize length,
                        AipJwtIdentity *identity,
                        GError **error)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return aip_jwt_verify (self->jwt, token, length, identity, error);
}

static const AipClient *
refuse (GError **error, const char *message)
{
  g_set_error_literal (error, AIP_ERROR, AIP_ERROR_FORBIDDEN, message);
  return NULL;
}

static Entry *
make_entry (AipJwtClients *self, const char *name, const AipClientConfig *client, const char *tenant)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->name = g_strdup (name);
  entry->client.name = entry->name;
  entry->client.config = client;
  entry->client.tenant = tenant;
  if (tenant != NULL)
    entry->client.tenant_config = aip_config_find_tenant (self->config, tenant);
  aip_client_open (&entry->client, self->config, self->concurrency, self->ledger);
  return entry;
}

static const AipClient *
find_or_make (AipJwtClients *self, const char *name, const AipClientConfig *client, const char *tenant)
{
  g_autofree char *key = NULL;
  Entry *entry;

  g_mutex_lock (&self->lock);
  key = g_strdup_printf ("%s %s", name, tenant != NULL ? tenant : "");
  entry = g_hash_table_lookup (self->entries, key);
  if (entry == NULL && client == NULL && g_hash_table_size (self->entries) >= AIP_JWT_MAX_CLIENTS)
    {
      /* There are no more of these than there are tenants. */
      name = OTHERS;
      g_free (key);
      key = g_strdup_printf ("%s %s", name, tenant != NULL ? tenant : "");
      entry = g_hash_table_lookup (self->entries, key);
    }
  if (entry == NULL)
    {
      entry = make_entry (self, name, client, tenant);
      g_hash_table_insert (self->entries, g_steal_pointer (&key), entry);
    }
  g_mutex_unlock (&self->lock);
  return &entry->client;
}

/**
 * aip_jwt_clients_get:
 * @self: a table
 * @identity: what a token said
 * @named: (nullable): the client of that name in the config; %NULL: there is none
 * @error: where to put an %AIP_ERROR_FORBIDDEN
 *
 * Finds out who it is: [client NAME] where there is one, which has to be enabled and of the same tenant; else
 * a client without settings, which is held to [rate-limit] and its tenant's limits. When there are too many
 * of the latter, those who come then are one and the same client, "(others)".
 *
 * Returns: (transfer none) (nullable): the client, valid as long as the table and @named
 */
const AipClient *
aip_jwt_clients_get (AipJwtClients *self,
                     const AipJwtIdentity *identity,
                     const AipClient *named,
                     GError **error)
{
  static const char *const own[] = { "anonymous", "default", "demo", NULL };
  const AipTenantConfig *tenant = NULL;

  g_return_val_if_fail (self != NULL && identity != NULL && identity->client != NULL, NULL);

  if (named == NULL && g_strv_contains (own, identity->client))
    return refuse (error, "the JWT names a client that is the daemon's own: give it another name, or make a "
                          "[client NAME] for it");
  if (identity->tenant != NULL)
    {
      tenant = aip_config_find_tenant (self->config, identity->tenant);
      if (tenant == NULL)
        return refuse (error, "the JWT names a tenant that there is not: make a [tenant NAME] for it");
    }
  if (named == NULL)
    return find_or_make (self, identity->client, NULL, tenant != NULL ? tenant->name : NULL);
  if (tenant == NULL || g_strcmp0 (tenant->name, named->tenant) == 0)
    return named;
  if (named->tenant != NULL)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_FORBIDDEN,
                   "the JWT's client `%s` is of another tenant: see `tenant` in [client %s]", named->name,
                   named->name);
      return NULL;
    }
  return find_or_make (self, named->name, named->config, tenant->name);
}
