/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-jwt"

#include "policy/aip-jwt.h"

#include <errno.h>
#include <jwt.h>
#include <string.h>

#include "base/aip-clock.h"
#include "base/aip-error.h"
#include "wire/aip-jwks.h"
#include "wire/aip-jwt-text.h"

#define MAX_FILE_SIZE (1024 * 1024)
#define MIN_SECRET_LENGTH 32 /* RFC 7518, 3.2: as long as the hash */
#define MAX_NAME_LENGTH 128
#define DIGEST_LENGTH 32
#define MAX_CACHED 1024
#define MAX_CACHE_AGE (300 * G_USEC_PER_SEC)

/* What was found of a token that is right, by its digest. */
typedef struct
{
  guint8 digest[DIGEST_LENGTH];
  AipJwtIdentity identity;
  gint64 expires; /* seconds since 1970, leeway included */
  gint64 forget;  /* monotonic microseconds */
} Verified;

struct _AipJwt
{
  gatomicrefcount refs;
  char *issuer;
  char **audience;
  char **algorithms; /* empty: all */
  char *claim_client;
  char *claim_tenant; /* (nullable) */
  gint64 leeway;      /* seconds */
  AipSecret *secret;  /* (nullable): for HS256 */
  GPtrArray *keys;    /* of AipJwk */

  GMutex lock;       /* of the cache */
  GHashTable *cache; /* Verified, by itself */
  GQueue order;      /* of Verified, the oldest first */
};

static guint
verified_hash (gconstpointer data)
{
  guint hash;

  memcpy (&hash, ((const Verified *) data)->digest, sizeof hash);
  return hash;
}

static gboolean
verified_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (((const Verified *) a)->digest, ((const Verified *) b)->digest, DIGEST_LENGTH) == 0;
}

static void
verified_free (Verified *verified)
{
  aip_jwt_identity_clear (&verified->identity);
  g_free (verified);
}

/**
 * aip_jwt_identity_clear:
 * @identity: what aip_jwt_verify () gave
 *
 * Frees what is in it.
 */
void
aip_jwt_identity_clear (AipJwtIdentity *identity)
{
  g_return_if_fail (identity != NULL);

  g_clear_pointer (&identity->client, g_free);
  g_clear_pointer (&identity->tenant, g_free);
}

/* --- keys --- */

static char *
read_file (const char *key, const char *path, gsize *length, GError **error)
{
  g_autoptr (GError) problem = NULL;
  char *text = NULL;

  if (!g_file_get_contents (path, &text, length, &problem))
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG, "[jwt] %s: %s", key, problem->message);
      return NULL;
    }
  if (*length <= MAX_FILE_SIZE)
    return text;
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG, "[jwt] %s: %s is larger than a MiB", key, path);
  g_free (text);
  return NULL;
}

static gboolean
load_key_file (AipJwt *self, const char *path, GError **error)
{
  gsize length = 0;
  g_autofree char *text = read_file ("key-file", path, &length, error);
  AipJwk *key = text != NULL ? aip_jwk_new_from_pem (text, length, error) : NULL;

  if (key == NULL)
    {
      if (text != NULL)
        g_prefix_error (error, "[jwt] key-file: %s ", path);
      return FALSE;
    }
  g_ptr_array_add (self->keys, key);
  return TRUE;
}

static gboolean
load_jwks_file (AipJwt *self, const char *path, GError **error)
{
  gsize length = 0;
  g_autofree char *text = read_file ("jwks-file", path, &length, error);
  GPtrArray *keys = text != NULL ? aip_jwks_parse (text, length, error) : NULL;

  if (keys == NULL)
    {
      if (text != NULL)
        g_prefix_error (error, "[jwt] jwks-file: %s ", path);
      return FALSE;
    }
  g_ptr_array_extend_and_steal (self->keys, keys);
  return TRUE;
}

static gboolean
load_secret (AipJwt *self, const AipJwtConfig *config, AipSecret *secret, GError **error)
{
  gsize length = 0;

  if (config->secret.name == NULL)
    return TRUE;
  if (secret != NULL)
    aip_secret_peek (secret, &length);
  if (length < MIN_SECRET_LENGTH)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
                   secret == NULL ? "[jwt] secret: there is no %s, which it refers to"
                                  : "[jwt] secret: %s is too short; HS256 needs at least 32 bytes",
                   config->secret.name);
      return FALSE;
    }
  self->secret = aip_secret_ref (secret);
  return TRUE;
}

/**
 * aip_jwt_new:
 * @config: how tokens are checked; with an issuer, an audience and a key
 * @secret: (nullable): what its `secret` refers to
 * @error: return location for an %AIP_ERROR_INVALID_CONFIG
 *
 * Reads the keys.
 *
 * Returns: (transfer full) (nullable): what checks tokens
 */
AipJwt *
aip_jwt_new (const AipJwtConfig *config, AipSecret *secret, GError **error)
{
  g_autoptr (AipJwt) self = NULL;

  g_return_val_if_fail (config != NULL && config->issuer != NULL, NULL);

  self = g_new0 (AipJwt, 1);
  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->lock);
  g_queue_init (&self->order);
  self->cache = g_hash_table_new_full (verified_hash, verified_equal, NULL, (GDestroyNotify) verified_free);
  self->keys = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_jwk_free);
  self->issuer = g_strdup (config->issuer);
  self->audience = g_strdupv (config->audience);
  self->algorithms = g_strdupv (config->algorithms);
  self->claim_client = g_strdup (config->claim_client);
  self->claim_tenant = g_strdup (config->claim_tenant);
  self->leeway = (gint64) (config->leeway / 1000);
  if (!load_secret (self, config, secret, error) ||
      (config->key_file != NULL && !load_key_file (self, config->key_file, error)) ||
      (config->jwks_file != NULL && !load_jwks_file (self, config->jwks_file, error)))
    return NULL;
  return g_steal_pointer (&self);
}

/**
 * aip_jwt_ref:
 * @self: what checks tokens
 *
 * From any thread.
 *
 * Returns: (transfer full): the same
 */
AipJwt *
aip_jwt_ref (AipJwt *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * aip_jwt_unref:
 * @self: (transfer full): what checks tokens
 *
 * From any thread.
 */
void
aip_jwt_unref (AipJwt *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_queue_clear (&self->order);
  g_hash_table_unref (self->cache);
  g_mutex_clear (&self->lock);
  g_ptr_array_unref (self->keys);
  g_clear_pointer (&self->secret, aip_secret_unref);
  g_strfreev (self->audience);
  g_strfreev (self->algorithms);
  g_free (self->issuer);
  g_free (self->claim_client);
  g_free (self->claim_tenant);
  g_free (self);
}

/**
 * aip_jwt_looks_like_one:
 * @token: what a client sent; any bytes
 * @length: in bytes
 *
 * Returns: whether it is worth a try as a JSON Web Token
 */
gboolean
aip_jwt_looks_like_one (const char *token, gsize length)
{
  return aip_jwt_text_looks_like_one (token, length);
}

/* --- what a token claims --- */

static gboolean fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError **error, const char *format, ...)
{
  va_list arguments;
  g_autofree char *message = NULL;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED, message);
  return FALSE;
}

/* It goes into logs, metrics and answers' headers. */
static gboolean
is_name (const char *name)
{
  gsize length = strlen (name);

  for (const char *letter = name; *letter != '\0'; letter++)
    if (!g_ascii_isgraph (*letter) || strchr ("\"\\`(){}", *letter) != NULL)
      return FALSE;
  return length > 0 && length <= MAX_NAME_LENGTH;
}

static gboolean
is_for_us (const AipJwt *self, const AipJwtClaims *claims)
{
  for (char **audience = claims->audience; *audience != NULL; audience++)
    if (g_strv_contains ((const char *const *) self->audience, *audience))
      return TRUE;
  return FALSE;
}

static gboolean
check_times (const AipJwt *self, const AipJwtClaims *claims, GError **error)
{
  gint64 now = aip_clock_wall () / G_USEC_PER_SEC;

  if (claims->expires < 0)
    return fail (error, "the JWT has no exp, so it would never expire: let its issuer set one");
  if (now >= claims->expires + self->leeway)
    return fail (error, "the JWT has expired: get a new one");
  if (claims->not_before >= 0 && now + self->leeway < claims->not_before)
    return fail (error, "the JWT is not valid yet (nbf): are the clocks of both sides right?");
  if (claims->issued >= 0 && now + self->leeway < claims->issued)
    return fail (error, "the JWT comes from the future (iat): are the clocks of both sides right?");
  return TRUE;
}

static gboolean
check_claims (const AipJwt *self, const AipJwtClaims *claims, GError **error)
{
  if (g_strcmp0 (claims->issuer, self->issuer) != 0)
    return fail (error, "the JWT is of another issuer: its iss has to be `issuer` of [jwt]");
  if (!is_for_us (self, claims))
    return fail (error, "the JWT is for somebody else: its aud has to be in `audience` of [jwt]");
  if (claims->client == NULL || !is_name (claims->client))
    return fail (error,
                 "the JWT names no client: its claim `%s` (`claim-client` of [jwt]) has to be a string of at "
                 "most %d printable ASCII characters",
                 self->claim_client, MAX_NAME_LENGTH);
  if (self->claim_tenant != NULL && claims->tenant == NULL)
    return fail (error,
                 "the JWT names no tenant: its claim `%s` (`claim-tenant` of [jwt]) has to be a string",
                 self->claim_tenant);
  return check_times (self, claims, error);
}

/* --- signatures --- */

static gboolean
is_signed_with (const char *token, const char *algorithm, const char *key, gsize length)
{
  jwt_t *jwt = NULL;
  gboolean valid;

  /* The key alone decides what it is used for: what the token says was compared before, and is again. */
  valid = jwt_decode (&jwt, token, (const unsigned char *) key, (int) length) == 0 && jwt != NULL &&
          jwt_get_alg (jwt) == jwt_str_alg (algorithm);
  jwt_free (jwt);
  return valid;
}

static gboolean
is_signed_with_a_key (const AipJwt *self, const char *token, const AipJwtHeader *header)
{
  for (guint i = 0; i < self->keys->len; i++)
    {
      const AipJwk *key = g_ptr_array_index (self->keys, i);

      if (g_str_equal (key->algorithm, header->algorithm) &&
          (key->key_id == NULL || header->key_id == NULL || g_str_equal (key->key_id, header->key_id)) &&
          is_signed_with (token, key->algorithm, key->pem, strlen (key->pem)))
        return TRUE;
    }
  return FALSE;
}

static gboolean
check_signature (const AipJwt *self, const char *token, const AipJwtHeader *header, GError **error)
{
  static const char *const known[] = { "HS256", "RS256", "ES256", NULL };
  gboolean valid;
  gsize length = 0;
  const char *secret = self->secret != NULL ? aip_secret_peek (self->secret, &length) : NULL;

  if (!g_strv_contains (known, header->algorithm) ||
      (self->algorithms[0] != NULL &&
       !g_strv_contains ((const char *const *) self->algorithms, header->algorithm)))
    return fail (error, "the JWT is signed with an algorithm that is not in `algorithms` of [jwt]");
  if (g_str_equal (header->algorithm, "HS256"))
    valid = secret != NULL && is_signed_with (token, "HS256", secret, length);
  else
    valid = is_signed_with_a_key (self, token, header);
  return valid || fail (error, "the JWT's signature is wrong, or there is no key for it in [jwt]");
}

/* --- the cache --- */

static void
forget_oldest (AipJwt *self)
{
  Verified *oldest = g_queue_pop_head (&self->order);

  g_hash_table_remove (self->cache, oldest);
}

static gboolean
recall (AipJwt *self, const Verified *wanted, AipJwtIdentity *identity)
{
  gint64 now = aip_clock_now ();
  const Verified *found;
  gboolean valid;

  g_mutex_lock (&self->lock);
  while (!g_queue_is_empty (&self->order) && ((Verified *) g_queue_peek_head (&self->order))->forget <= now)
    forget_oldest (self);
  found = g_hash_table_lookup (self->cache, wanted);
  valid = found != NULL && aip_clock_wall () / G_USEC_PER_SEC < found->expires;
  if (valid)
    *identity = (AipJwtIdentity){ g_strdup (found->identity.client), g_strdup (found->identity.tenant) };
  g_mutex_unlock (&self->lock);
  return valid;
}

static void
keep (AipJwt *self, const Verified *key, const AipJwtIdentity *identity, gint64 expires)
{
  Verified *verified = g_new0 (Verified, 1);

  memcpy (verified->digest, key->digest, DIGEST_LENGTH);
  verified->identity = (AipJwtIdentity){ g_strdup (identity->client), g_strdup (identity->tenant) };
  verified->expires = expires;
  verified->forget = aip_clock_now () + MAX_CACHE_AGE;
  g_mutex_lock (&self->lock);
  if (g_hash_table_contains (self->cache, verified))
    g_clear_pointer (&verified, verified_free);
  else
    {
      if (self->order.length >= MAX_CACHED)
        forget_oldest (self);
      g_hash_table_add (self->cache, verified);
      g_queue_push_tail (&self->order, verified);
    }
  g_mutex_unlock (&self->lock);
}

static void
compute_digest (const char *token, gsize length, guint8 digest[DIGEST_LENGTH])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize size = DIGEST_LENGTH;

  g_checksum_update (checksum, (const guchar *) token, (gssize) length);
  g_checksum_get_digest (checksum, digest, &size);
}

/**
 * aip_jwt_verify:
 * @self: what checks tokens
 * @token: what a client sent; any bytes
 * @length: in bytes
 * @identity: (out): whose token it is
 * @error: where to put an %AIP_ERROR_UNAUTHENTICATED, which does not repeat the token
 *
 * Checks the algorithm, the claims and the signature. What was right is remembered for five minutes, at most
 * until it expires. From any thread.
 *
 * Returns: whether the token is right
 */
gboolean
aip_jwt_verify (AipJwt *self, const char *token, gsize length, AipJwtIdentity *identity, GError **error)
{
  g_auto (AipJwtHeader) header = { 0 };
  g_auto (AipJwtClaims) claims = { 0 };
  g_autofree char *text = NULL;
  Verified key;

  g_return_val_if_fail (self != NULL && identity != NULL, FALSE);
  g_return_val_if_fail (token != NULL || length == 0, FALSE);

  *identity = (AipJwtIdentity){ 0 };
  if (length == 0 || length > AIP_JWT_MAX_LENGTH)
    return fail (error, "the token is no JWT: it is empty, or longer than %d bytes", AIP_JWT_MAX_LENGTH);
  compute_digest (token, length, key.digest);
  if (recall (self, &key, identity))
    return TRUE;
  text = g_strndup (token, length);
  /* What is cheap to refuse comes before the signature. */
  if (!aip_jwt_header_parse (token, length, &header, error) ||
      !aip_jwt_claims_parse (token, length, self->claim_client, self->claim_tenant, &claims, error) ||
      !check_claims (self, &claims, error) || !check_signature (self, text, &header, error))
    return FALSE;
  identity->client = g_steal_pointer (&claims.client);
  identity->tenant = g_steal_pointer (&claims.tenant);
  keep (self, &key, identity, claims.expires + self->leeway);
  return TRUE;
}
