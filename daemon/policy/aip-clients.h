/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-client.h"
#include "policy/aip-jwt.h"

G_BEGIN_DECLS

/**
 * AipClients: who may use this daemon: an immutable, reference-counted table of token digests.
 * Safe to read from all workers.
 */
typedef struct _AipClients AipClients;

AipClients *aip_clients_new (AipConfig *config, AipConcurrency *concurrency, AipLedger *ledger, AipJwt *jwt);
AipClients *aip_clients_ref (AipClients *self);
void aip_clients_unref (AipClients *self);
void aip_clients_add_token (AipClients *self, const char *name, const char *token);
gboolean aip_clients_is_empty (const AipClients *self);

const AipClient *
aip_clients_authenticate (const AipClients *self, const char *token, gsize length, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipClients, aip_clients_unref)

G_END_DECLS
