/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"
#include "policy/aip-concurrency.h"
#include "policy/aip-ledger.h"

G_BEGIN_DECLS

/**
 * AipClient:
 * @name: as in [client NAME], or what a JWT says; "anonymous" where no token is required and none was sent;
 *   "default" for the token of the first start; "demo" for the one of --demo
 * @config: (nullable): its settings; NULL: no restriction
 * @tenant: (nullable): the [tenant NAME] that it belongs to
 * @tenant_config: (nullable): its settings; NULL: no restriction
 * @quota: (nullable): its limits with those of its tenant, for aip_ledger_reserve ()
 * @under_way: how many requests it has under way
 * @max_concurrent: how many it may have
 */
typedef struct
{
  const char *name;
  const AipClientConfig *config;
  const char *tenant;
  const AipTenantConfig *tenant_config;
  AipQuota *quota;
  AipConcurrencySlot *under_way;
  guint max_concurrent;
} AipClient;

void
aip_client_open (AipClient *client, const AipConfig *config, AipConcurrency *concurrency, AipLedger *ledger);
void aip_client_close (AipClient *client);

AipConcurrencySlot *aip_client_enter (const AipClient *client, GError **error);
gboolean aip_client_is_restricted (const AipClient *client);

G_END_DECLS
