/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define AIP_JWKS_MAX_KEYS 64

/**
 * AipJwk: a public key that signatures are checked with.
 * @key_id: (nullable): `kid`
 * @algorithm: "RS256" or "ES256": the only one that it is for
 * @pem: the key as "-----BEGIN PUBLIC KEY-----"
 */
typedef struct
{
  char *key_id;
  const char *algorithm;
  char *pem;
} AipJwk;

GPtrArray *aip_jwks_parse (const char *text, gsize length, GError **error);
AipJwk *aip_jwk_new_from_pem (const char *text, gsize length, GError **error);
void aip_jwk_free (AipJwk *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipJwk, aip_jwk_free)

G_END_DECLS
