/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include <string.h>

#include "fuzz.h"
#include "wire/aip-jwks.h"

/* Files of keys: each key that is found can be read as the PEM that was made of it. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GPtrArray) keys = aip_jwks_parse ((const char *) data, size, NULL);
  G_GNUC_UNUSED g_autoptr (AipJwk) direct = aip_jwk_new_from_pem ((const char *) data, size, NULL);

  for (guint i = 0; keys != NULL && i < keys->len; i++)
    {
      const AipJwk *key = g_ptr_array_index (keys, i);
      g_autoptr (AipJwk) read = aip_jwk_new_from_pem (key->pem, strlen (key->pem), NULL);

      g_assert_nonnull (read);
      g_assert_cmpstr (read->algorithm, ==, key->algorithm);
    }
  return 0;
}
