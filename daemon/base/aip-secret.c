/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-secret"

#include "base/aip-secret.h"

#include <string.h>

#include "base/aip-secret-arena.h"

#define FINGERPRINT_LENGTH 8
#define SHA256_BLOCK 64

struct _AipSecret
{
  gatomicrefcount ref_count;
  gsize length;
  char text[];
};

static gsize
allocated_size (gsize length)
{
  g_assert (length < G_MAXSIZE - sizeof (AipSecret));
  return sizeof (AipSecret) + length + 1;
}

/**
 * aip_secret_new:
 * @text: (not nullable): the secret
 * @length: its length in bytes, or -1 when it ends with NUL
 *
 * Copies a secret into locked memory. The caller wipes its own copy, see aip_secret_wipe ().
 *
 * Returns: (transfer full): a new secret
 */
AipSecret *
aip_secret_new (const char *text, gssize length)
{
  g_return_val_if_fail (text != NULL, NULL);

  gsize n_bytes = length < 0 ? strlen (text) : (gsize) length;
  AipSecret *secret = aip_secret_arena_alloc (allocated_size (n_bytes));

  g_atomic_ref_count_init (&secret->ref_count);
  secret->length = n_bytes;
  memcpy (secret->text, text, n_bytes);
  return secret;
}

/**
 * aip_secret_ref:
 * @secret: a secret
 *
 * Takes one more reference. Any thread may call it.
 *
 * Returns: (transfer full): @secret
 */
AipSecret *
aip_secret_ref (AipSecret *secret)
{
  g_return_val_if_fail (secret != NULL, NULL);

  g_atomic_ref_count_inc (&secret->ref_count);
  return secret;
}

/**
 * aip_secret_unref:
 * @secret: (transfer full): a secret
 *
 * Drops a reference. The last one zeroes the memory. Any thread may call it.
 */
void
aip_secret_unref (AipSecret *secret)
{
  g_return_if_fail (secret != NULL);

  if (g_atomic_ref_count_dec (&secret->ref_count))
    aip_secret_arena_free (secret, allocated_size (secret->length));
}

/**
 * aip_secret_peek:
 * @secret: a secret
 * @length: (out) (optional): its length in bytes
 *
 * The text itself, for putting it into a header and nowhere else.
 *
 * Returns: (transfer none): the text, with a NUL behind it; valid as long as @secret
 */
const char *
aip_secret_peek (const AipSecret *secret, gsize *length)
{
  g_return_val_if_fail (secret != NULL, NULL);

  if (length != NULL)
    *length = secret->length;

  return secret->text;
}

/* GChecksum neither clears its block buffer nor hands it out; hashing a block of zeros in two parts
 * makes it overwrite the part of the secret that is still in there. */
static void
clear_checksum (GChecksum *checksum)
{
  static const guchar zeros[SHA256_BLOCK];

  g_checksum_reset (checksum);
  g_checksum_update (checksum, zeros, SHA256_BLOCK - 1);
  g_checksum_update (checksum, zeros, 1);
}

/**
 * aip_secret_dup_digest:
 * @secret: a secret
 *
 * Returns: (transfer full): its SHA-256 digest in hexadecimal digits, as `token-sha256` has it
 */
char *
aip_secret_dup_digest (const AipSecret *secret)
{
  g_return_val_if_fail (secret != NULL, NULL);

  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);

  g_checksum_update (checksum, (const guchar *) secret->text, (gssize) secret->length);

  char *digest = g_strdup (g_checksum_get_string (checksum));

  clear_checksum (checksum);
  return digest;
}

/**
 * aip_secret_dup_fingerprint:
 * @secret: a secret
 *
 * What may be shown of a secret, to tell one from another: the first 8 hexadecimal digits of its
 * SHA-256 digest.
 *
 * Returns: (transfer full): the fingerprint
 */
char *
aip_secret_dup_fingerprint (const AipSecret *secret)
{
  char *digest = aip_secret_dup_digest (secret);

  if (digest != NULL)
    digest[FINGERPRINT_LENGTH] = '\0';
  return digest;
}

/**
 * aip_secret_wipe:
 * @memory: (nullable): memory that held a secret
 * @length: its size in bytes
 *
 * Zeroes memory in a way that the compiler may not leave out.
 */
void
aip_secret_wipe (void *memory, gsize length)
{
  if (memory != NULL)
    explicit_bzero (memory, length);
}
