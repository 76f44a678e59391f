/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-clients"

#include "policy/aip-client.h"

#include "base/aip-error.h"

/**
 * aip_client_open:
 * @client: a client with its name, settings and tenant
 * @config: what holds for all
 * @concurrency: what counts its requests under way
 * @ledger: what keeps its limits
 *
 * Fills in the rest. From any thread.
 */
void
aip_client_open (AipClient *client, const AipConfig *config, AipConcurrency *concurrency, AipLedger *ledger)
{
  g_autofree char *name = NULL;

  g_return_if_fail (client != NULL && config != NULL && concurrency != NULL && ledger != NULL);

  /* Those whom the config does not know count by a name that no [client NAME] can have. */
  name = client->config != NULL ? g_strdup (client->name) : g_strdup_printf ("(%s)", client->name);
  client->under_way = aip_concurrency_get (concurrency, name);
  client->max_concurrent = config->server.max_client_requests;
  if (client->config != NULL && client->config->max_concurrent > 0)
    client->max_concurrent = client->config->max_concurrent;
  client->quota = aip_ledger_get_client_quota (ledger, config, client->name, client->config, client->tenant);
}

/**
 * aip_client_close:
 * @client: a client that was opened
 *
 * Frees what aip_client_open () put there; what was counted stays.
 */
void
aip_client_close (AipClient *client)
{
  g_return_if_fail (client != NULL);

  g_clear_pointer (&client->under_way, aip_concurrency_slot_unref);
  g_clear_pointer (&client->quota, aip_quota_unref);
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

  return (client->config != NULL && client->config->models[0] != NULL) ||
         (client->tenant_config != NULL && client->tenant_config->models[0] != NULL);
}
