/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include <string.h>

#include "base/aip-clock.h"
#include "fuzz.h"
#include "policy/aip-jwt.h"
#include "wire/aip-jwt-text.h"

#define NOW G_GINT64_CONSTANT (1800000000)

static AipJwt *
make_jwt (void)
{
  char *audience[] = { (char *) "a", NULL };
  char *algorithms[] = { NULL };
  AipJwtConfig config = {
    .issuer = (char *) "i",
    .audience = audience,
    .secret = { AIP_KEY_REF_ENVIRONMENT, (char *) "S" },
    .algorithms = algorithms,
    .claim_client = (char *) "sub",
    .leeway = 30000,
  };
  g_autoptr (AipSecret) secret = aip_secret_new ("a secret of more than thirty-two bytes", -1);

  aip_clock_set_fake (G_USEC_PER_SEC, NOW * G_USEC_PER_SEC);
  return aip_jwt_new (&config, secret, NULL);
}

/* What a client sends as its token. Whoever gets in has a name, and comes in again. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static AipJwt *jwt;
  g_auto (AipJwtHeader) header = { 0 };
  g_auto (AipJwtClaims) claims = { 0 };
  g_auto (AipJwtIdentity) identity = { 0 };
  g_auto (AipJwtIdentity) again = { 0 };
  g_autofree char *copy = g_memdup2 (data, size);
  gboolean parsed;

  if (jwt == NULL)
    jwt = make_jwt ();
  parsed = aip_jwt_header_parse (copy, size, &header, NULL);
  g_assert_true (parsed == aip_jwt_looks_like_one (copy, size) || size == 0);
  if (parsed)
    aip_jwt_claims_parse (copy, size, "sub", "org", &claims, NULL);
  if (!aip_jwt_verify (jwt, copy, size, &identity, NULL))
    return 0;
  g_assert_true (parsed && identity.client != NULL && *identity.client != '\0');
  g_assert_true (aip_jwt_verify (jwt, copy, size, &again, NULL));
  g_assert_cmpstr (again.client, ==, identity.client);
  return 0;
}
