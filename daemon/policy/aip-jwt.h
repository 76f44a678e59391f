/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-secret.h"
#include "config/aip-config.h"

G_BEGIN_DECLS

/**
 * AipJwt: what JSON Web Tokens are checked with: the keys of one configuration. Immutable but for a cache of
 * what it has verified, reference-counted, safe to use from all workers.
 */
typedef struct _AipJwt AipJwt;

/**
 * AipJwtIdentity:
 * @client: the value of the claim that names the client
 * @tenant: (nullable): the value of the claim that names the tenant
 */
typedef struct
{
  char *client;
  char *tenant;
} AipJwtIdentity;

AipJwt *aip_jwt_new (const AipJwtConfig *config, AipSecret *secret, GError **error);
AipJwt *aip_jwt_ref (AipJwt *self);
void aip_jwt_unref (AipJwt *self);
gboolean aip_jwt_looks_like_one (const char *token, gsize length);
gboolean
aip_jwt_verify (AipJwt *self, const char *token, gsize length, AipJwtIdentity *identity, GError **error);
void aip_jwt_identity_clear (AipJwtIdentity *identity);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipJwt, aip_jwt_unref)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipJwtIdentity, aip_jwt_identity_clear)

G_END_DECLS
