/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"
#include "policy/aip-clients.h"
#include "policy/aip-ledger.h"
#include "routing/aip-router.h"
#include "server/aip-guard.h"

G_BEGIN_DECLS

/**
 * AipSnapshot: all that decides over a request, as of one moment: immutable, reference counted, swapped
 * whole in each worker between requests. A request keeps the one it began with, but whoever is asked is asked
 * as the newest one has it: with the secret and at the URL of now, and not at all once it is withdrawn.
 *
 * @models_complete: every provider that has to be asked for its models was asked, and no secret is still to
 * come
 * @key_quotas: (nullable) (element-type AipKeyConfig AipQuota): the limits of those keys that have some
 */
typedef struct
{
  gatomicrefcount refs;
  AipConfig *config;
  AipClients *clients;
  AipRouter *router;
  AipGuard *guard;
  AipLedger *ledger;
  GHashTable *key_quotas;
  gboolean models_complete;
} AipSnapshot;

AipSnapshot *aip_snapshot_new (AipConfig *config,
                               AipClients *clients,
                               AipRouter *router,
                               AipLedger *ledger,
                               gboolean models_complete);
AipSnapshot *aip_snapshot_ref (AipSnapshot *self);
void aip_snapshot_unref (AipSnapshot *self);
AipQuota *aip_snapshot_get_key_quota (const AipSnapshot *self, const AipKeyConfig *key);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipSnapshot, aip_snapshot_unref)

G_END_DECLS
