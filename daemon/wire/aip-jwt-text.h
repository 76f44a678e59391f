/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define AIP_JWT_MAX_LENGTH (16 * 1024)

/**
 * AipJwtHeader: what a token says it is signed with; not to be believed.
 * @algorithm: "RS256"
 * @key_id: (nullable): `kid`
 */
typedef struct
{
  char *algorithm;
  char *key_id;
} AipJwtHeader;

/**
 * AipJwtClaims: what a token claims; to be believed once its signature is right.
 * @issuer: (nullable): `iss`
 * @audience: `aud`, as a list; empty: none
 * @expires: `exp`, in seconds since 1970; -1, here and in the next two: it has none
 * @not_before: `nbf`
 * @issued: `iat`
 */
typedef struct
{
  char *issuer;
  char **audience;
  gint64 expires;
  gint64 not_before;
  gint64 issued;
  char *client; /* (nullable); so is the next */
  char *tenant;
} AipJwtClaims;

gboolean aip_jwt_text_looks_like_one (const char *token, gsize length);
gboolean aip_jwt_header_parse (const char *token, gsize length, AipJwtHeader *header, GError **error);
void aip_jwt_header_clear (AipJwtHeader *header);
gboolean aip_jwt_claims_parse (const char *token,
                               gsize length,
                               const char *client_claim,
                               const char *tenant_claim,
                               AipJwtClaims *claims,
                               GError **error);
void aip_jwt_claims_clear (AipJwtClaims *claims);
guint8 *aip_base64url_decode (const char *text, gsize length, gsize *decoded);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipJwtHeader, aip_jwt_header_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipJwtClaims, aip_jwt_claims_clear)

G_END_DECLS
