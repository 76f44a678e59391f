/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"
#include "policy/aip-concurrency.h"

G_BEGIN_DECLS

/**
 * AipClients: who may use this daemon: an immutable, reference-counted table of token digests.
 * Safe to read from all workers.
 */
typedef struct _AipClients AipClients;

/**
 * AipClient:
 * @name: as in [client NAME]; "anonymous" where no token is required and none was sent; "default"
 *   for the token of the first start; "demo" for the one of --demo
 * @config: (nullable): its settings; NULL: no restriction
 * @under_way: how many requests it has under way
 * @max_concurrent: how many it may have
 */
typedef struct
{
  const char *name;
  const AipClientConfig *config;
  AipConcurrencySlot *under_way;
  guint max_concurrent;
} AipClient;

AipClients *aip_clients_new (AipConfig *config, AipConcurrency *concurrency);
AipClients *aip_clients_ref (AipClients *self);
void aip_clients_unref (AipClients *self);
void aip_clients_add_token (AipClients *self, const char *name, const char *token);
gboolean aip_clients_is_empty (const AipClients *self);

const AipClient *
aip_clients_authenticate (const AipClients *self, const char *token, gsize length, GError **error);
AipConcurrencySlot *aip_client_enter (const AipClient *client, GError **error);
gboolean aip_client_is_restricted (const AipClient *client);
gboolean aip_client_may_use_model (const AipClient *client, const char *model);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipClients, aip_clients_unref)

G_END_DECLS
