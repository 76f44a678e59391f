/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-client.h"
#include "policy/aip-jwt.h"

G_BEGIN_DECLS

#define AIP_JWT_MAX_CLIENTS 4096

/**
 * AipJwtClients: the clients that came with a JSON Web Token under one configuration. Each is made when it
 * first comes and stays as long as the table, so that callers may keep it; there are at most so many. Safe to
 * use from all workers.
 */
typedef struct _AipJwtClients AipJwtClients;

AipJwtClients *
aip_jwt_clients_new (AipConfig *config, AipJwt *jwt, AipConcurrency *concurrency, AipLedger *ledger);
void aip_jwt_clients_free (AipJwtClients *self);
gboolean aip_jwt_clients_verify (AipJwtClients *self,
                                 const char *token,
                                 gsize length,
                                 AipJwtIdentity *identity,
                                 GError **error);
const AipClient *aip_jwt_clients_get (AipJwtClients *self,
                                      const AipJwtIdentity *identity,
                                      const AipClient *named,
                                      GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipJwtClients, aip_jwt_clients_free)

G_END_DECLS
