/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-jwt"

#include "wire/aip-jwks.h"

#include <string.h>

#include "base/aip-error.h"
#include "wire/aip-json-tree.h"
#include "wire/aip-jwt-text.h"

#define PEM_BEGIN "-----BEGIN PUBLIC KEY-----"
#define PEM_END "-----END PUBLIC KEY-----"
#define PEM_LINE 64
#define MIN_RSA_BYTES 256 /* 2048 bits: RFC 7518, 3.3 */
#define MAX_RSA_BYTES 2048
#define MAX_EXPONENT_BYTES 8
#define P256_BYTES 32

#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define DER_SEQUENCE 0x30

/* AlgorithmIdentifier of a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7): RFC 3279, 2.3.1, and RFC 5480, 2.1.1. */
static const guint8 rsa_algorithm[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                        0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
static const guint8 p256_algorithm[] = { 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                         0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };

/**
 * aip_jwk_free:
 * @self: (transfer full): a key
 */
void
aip_jwk_free (AipJwk *self)
{
  g_return_if_fail (self != NULL);

  g_free (self->key_id);
  g_free (self->pem);
  g_free (self);
}

/* --- DER --- */

static void
put_length (GByteArray *out, gsize length)
{
  guint8 bytes[3] = { 0x82, (guint8) (length >> 8), (guint8) length };

  g_assert (length < 0x10000);
  if (length < 0x80)
    g_byte_array_append (out, &bytes[2], 1);
  else if (length < 0x100)
    g_byte_array_append (out, (const guint8[]){ 0x81, bytes[2] }, 2);
  else
    g_byte_array_append (out, bytes, 3);
}

static void
put (GByteArray *out, guint8 tag, const guint8 *content, gsize length)
{
  g_byte_array_append (out, &tag, 1);
  put_length (out, length);
  g_byte_array_append (out, content, (guint) length);
}

/* A whole number that is not negative: its first bit is 0. */
static void
put_integer (GByteArray *out, const guint8 *bytes, gsize length)
{
  g_autoptr (GByteArray) number = g_byte_array_new ();

  if (length == 0 || (bytes[0] & 0x80) != 0)
    g_byte_array_append (number, (const guint8[]){ 0 }, 1);
  g_byte_array_append (number, bytes, (guint) length);
  put (out, DER_INTEGER, number->data, number->len);
}

static char *
make_pem (const guint8 *algorithm, gsize algorithm_length, const guint8 *key, gsize length)
{
  g_autoptr (GByteArray) bits = g_byte_array_new ();
  g_autoptr (GByteArray) content = g_byte_array_new ();
  g_autoptr (GByteArray) der = g_byte_array_new ();
  g_autofree char *text = NULL;
  GString *pem = g_string_new (PEM_BEGIN "\n");

  g_byte_array_append (bits, (const guint8[]){ 0 }, 1); /* unused bits of the last byte */
  g_byte_array_append (bits, key, (guint) length);
  g_byte_array_append (content, algorithm, (guint) algorithm_length);
  put (content, DER_BIT_STRING, bits->data, bits->len);
  put (der, DER_SEQUENCE, content->data, content->len);
  text = g_base64_encode (der->data, der->len);
  for (const char *line = text; *line != '\0'; line += MIN (strlen (line), PEM_LINE))
    g_string_append_printf (pem, "%.*s\n", PEM_LINE, line);
  g_string_append (pem, PEM_END "\n");
  return g_string_free (pem, FALSE);
}

/* --- JWKS (RFC 7517) --- */

/* Without leading zeros. */
static guint8 *
get_number (JsonObject *object, const char *name, gsize *length)
{
  const char *text = aip_json_tree_get_string (object, name);
  guint8 *bytes = text != NULL ? aip_base64url_decode (text, strlen (text), length) : NULL;
  gsize zeros = 0;

  if (bytes == NULL)
    return NULL;
  while (zeros < *length && bytes[zeros] == 0)
    zeros++;
  *length -= zeros;
  memmove (bytes, bytes + zeros, *length);
  return bytes;
}

static char *
make_rsa (JsonObject *object)
{
  gsize n_length = 0;
  gsize e_length = 0;
  g_autofree guint8 *n = get_number (object, "n", &n_length);
  g_autofree guint8 *e = get_number (object, "e", &e_length);
  g_autoptr (GByteArray) numbers = g_byte_array_new ();
  g_autoptr (GByteArray) key = g_byte_array_new ();

  if (n == NULL || e == NULL || n_length < MIN_RSA_BYTES || n_length > MAX_RSA_BYTES || e_length == 0 ||
      e_length > MAX_EXPONENT_BYTES || (e[e_length - 1] & 1) == 0 || (e_length == 1 && e[0] == 1))
    return NULL;
  put_integer (numbers, n, n_length);
  put_integer (numbers, e, e_length);
  put (key, DER_SEQUENCE, numbers->data, numbers->len);
  return make_pem (rsa_algorithm, sizeof rsa_algorithm, key->data, key->len);
}

static gboolean
put_coordinate (JsonObject *object, const char *name, guint8 out[P256_BYTES])
{
  gsize length = 0;
  g_autofree guint8 *bytes = get_number (object, name, &length);

  if (bytes == NULL || length > P256_BYTES)
    return FALSE;
  memset (out, 0, P256_BYTES);
  memcpy (out + P256_BYTES - length, bytes, length);
  return TRUE;
}

static char *
make_p256 (JsonObject *object)
{
  guint8 point[1 + 2 * P256_BYTES] = { 0x04 }; /* uncompressed: SEC 1, 2.3.3 */

  if (g_strcmp0 (aip_json_tree_get_string (object, "crv"), "P-256") != 0 ||
      !put_coordinate (object, "x", point + 1) || !put_coordinate (object, "y", point + 1 + P256_BYTES))
    return NULL;
  return make_pem (p256_algorithm, sizeof p256_algorithm, point, sizeof point);
}

/* A set may hold keys for other purposes too, which are left out. */
static AipJwk *
make_key (JsonObject *object)
{
  const char *type = aip_json_tree_get_string (object, "kty");
  const char *use = aip_json_tree_get_string (object, "use");
  const char *wanted = aip_json_tree_get_string (object, "alg");
  const char *algorithm = g_strcmp0 (type, "RSA") == 0  ? "RS256"
                          : g_strcmp0 (type, "EC") == 0 ? "ES256"
                                                        : NULL;
  char *pem;
  AipJwk *key;

  if (algorithm == NULL || (use != NULL && !g_str_equal (use, "sig")) ||
      (wanted != NULL && !g_str_equal (wanted, algorithm)))
    return NULL;
  pem = g_str_equal (algorithm, "RS256") ? make_rsa (object) : make_p256 (object);
  if (pem == NULL)
    return NULL;
  key = g_new0 (AipJwk, 1);
  key->key_id = g_strdup (aip_json_tree_get_string (object, "kid"));
  key->algorithm = algorithm;
  key->pem = pem;
  return key;
}

/**
 * aip_jwks_parse:
 * @text: a JSON Web Key Set, or anything
 * @length: in bytes
 * @error: return location for an %AIP_ERROR_INVALID_CONFIG
 *
 * Reads the public keys that RS256 and ES256 are checked with, and leaves out all others.
 *
 * Returns: (transfer full) (element-type AipJwk) (nullable): at least one key
 */
GPtrArray *
aip_jwks_parse (const char *text, gsize length, GError **error)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_jwk_free);
  g_autoptr (JsonNode) node = aip_json_tree_parse (text, length, NULL);
  JsonNode *member = node != NULL ? json_object_get_member (json_node_get_object (node), "keys") : NULL;
  JsonArray *array = member != NULL && JSON_NODE_HOLDS_ARRAY (member) ? json_node_get_array (member) : NULL;

  if (array == NULL)
    {
      g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
                           "is no JSON Web Key Set; it has to be an object with a list `keys`");
      return NULL;
    }
  for (guint i = 0; i < json_array_get_length (array) && keys->len < AIP_JWKS_MAX_KEYS; i++)
    {
      JsonNode *element = json_array_get_element (array, i);
      AipJwk *key = JSON_NODE_HOLDS_OBJECT (element) ? make_key (json_node_get_object (element)) : NULL;

      if (key != NULL)
        g_ptr_array_add (keys, key);
    }
  if (keys->len == 0)
    {
      g_set_error_literal (
          error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
          "has no key that can be used; it needs one of kty=RSA with at least 2048 bits, or of "
          "kty=EC with crv=P-256, for signatures");
      return NULL;
    }
  return g_steal_pointer (&keys);
}

/* --- PEM --- */

static guint8 *
decode_pem (const char *text, gsize length, gsize *decoded)
{
  g_autofree char *copy = length > 0 ? g_strndup (text, length) : g_strdup ("");
  const char *begin = strstr (copy, PEM_BEGIN);
  char *end = begin != NULL ? strstr (begin, PEM_END) : NULL;

  if (end == NULL)
    return NULL;
  *end = '\0';
  return g_base64_decode (begin + strlen (PEM_BEGIN), decoded);
}

/* Behind the outer SEQUENCE's tag and length stands what key it is. */
static const char *
find_algorithm (const guint8 *der, gsize length)
{
  gsize at =
      length > 1 && der[0] == DER_SEQUENCE ? (der[1] < 0x80 ? 2 : 2 + (gsize) (der[1] & 0x7f)) : length;

  if (length > at + sizeof rsa_algorithm && memcmp (der + at, rsa_algorithm, sizeof rsa_algorithm) == 0)
    return "RS256";
  if (length > at + sizeof p256_algorithm && memcmp (der + at, p256_algorithm, sizeof p256_algorithm) == 0)
    return "ES256";
  return NULL;
}

/**
 * aip_jwk_new_from_pem:
 * @text: a PEM file, or anything
 * @length: in bytes
 * @error: return location for an %AIP_ERROR_INVALID_CONFIG, which does not repeat @text
 *
 * Returns: (transfer full) (nullable): the first public key in it, without an id
 */
AipJwk *
aip_jwk_new_from_pem (const char *text, gsize length, GError **error)
{
  gsize size = 0;
  g_autofree guint8 *der = decode_pem (text, length, &size);
  const char *algorithm = der != NULL ? find_algorithm (der, size) : NULL;
  AipJwk *key;

  if (der == NULL)
    g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
                         "holds no public key; it has to begin with " PEM_BEGIN
                         ", as `openssl pkey -pubout` writes it");
  else if (algorithm == NULL)
    g_set_error_literal (
        error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
        "holds a key of another kind; it has to be one of RSA, or of EC with the curve P-256");
  if (algorithm == NULL)
    return NULL;
  key = g_new0 (AipJwk, 1);
  key->algorithm = algorithm;
  key->pem = g_strndup (text, length);
  return key;
}
