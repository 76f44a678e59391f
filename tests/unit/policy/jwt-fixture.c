/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "jwt-fixture.h"

#include <glib/gstdio.h>
#include <jwt.h>
#include <string.h>

static void run (const char *command, ...) G_GNUC_PRINTF (1, 2);

static void
run (const char *command, ...)
{
  g_autofree char *line = NULL;
  g_autofree char *errors = NULL;
  g_autoptr (GError) error = NULL;
  va_list arguments;
  int status;

  va_start (arguments, command);
  line = g_strdup_vprintf (command, arguments);
  va_end (arguments);
  g_spawn_command_line_sync (line, NULL, &errors, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
}

JwtKeys *
jwt_keys_new (void)
{
  JwtKeys *self = g_new0 (JwtKeys, 1);

  self->directory = g_dir_make_tmp ("jwt-XXXXXX", NULL);
  self->rsa = g_build_filename (self->directory, "rsa.pem", NULL);
  self->other_rsa = g_build_filename (self->directory, "other.pem", NULL);
  self->ec = g_build_filename (self->directory, "ec.pem", NULL);
  self->rsa_public = g_build_filename (self->directory, "rsa.pub", NULL);
  self->ec_public = g_build_filename (self->directory, "ec.pub", NULL);
  run ("openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out %s", self->rsa);
  run ("openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out %s", self->other_rsa);
  run ("openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out %s", self->ec);
  run ("openssl pkey -pubout -in %s -out %s", self->rsa, self->rsa_public);
  run ("openssl pkey -pubout -in %s -out %s", self->ec, self->ec_public);
  return self;
}

char *
jwt_keys_write (JwtKeys *self, const char *name, const char *text)
{
  char *path = g_build_filename (self->directory, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

void
jwt_keys_free (JwtKeys *self)
{
  g_autoptr (GDir) folder = g_dir_open (self->directory, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename (self->directory, name, NULL);

      g_assert_cmpint (g_unlink (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);
  g_free (self->directory);
  g_free (self->rsa);
  g_free (self->other_rsa);
  g_free (self->ec);
  g_free (self->rsa_public);
  g_free (self->ec_public);
  g_free (self);
}

/* @key: the path of a private key; for HS256 and none the secret itself. */
char *
jwt_sign (const char *algorithm, const char *key, const char *key_id, const char *claims)
{
  jwt_t *jwt = NULL;
  g_autofree char *pem = NULL;
  char *encoded;
  char *token;

  if (key != NULL && *key == '/')
    g_assert_true (g_file_get_contents (key, &pem, NULL, NULL));
  key = pem != NULL ? pem : key;
  g_assert_cmpint (jwt_new (&jwt), ==, 0);
  g_assert_cmpint (jwt_add_grants_json (jwt, claims), ==, 0);
  if (key_id != NULL)
    g_assert_cmpint (jwt_add_header (jwt, "kid", key_id), ==, 0);
  g_assert_cmpint (jwt_set_alg (jwt, jwt_str_alg (algorithm), (const unsigned char *) key,
                                key != NULL ? (int) strlen (key) : 0),
                   ==, 0);
  encoded = jwt_encode_str (jwt);
  g_assert_nonnull (encoded);
  token = g_strdup (encoded);
  free (encoded);
  jwt_free (jwt);
  return token;
}

static char *
encode (const guint8 *data, gsize length)
{
  char *text = g_base64_encode (data, length);

  text[strcspn (text, "=")] = '\0';
  return g_strdelimit (g_strdelimit (text, "+", '-'), "/", '_');
}

/* A token of parts that nobody would sign. */
char *
jwt_join (const char *header, const char *claims, const char *signature)
{
  g_autofree char *a = encode ((const guint8 *) header, strlen (header));
  g_autofree char *b = encode ((const guint8 *) claims, strlen (claims));

  return g_strdup_printf ("%s.%s.%s", a, b, signature);
}

/* The public key as a JWK: its numbers lie at known places behind the DER's heads. */
char *
jwt_make_jwk (const char *public_path, const char *key_id)
{
  g_autofree char *text = NULL;
  g_autofree guint8 *der = NULL;
  g_autofree char *a = NULL;
  g_autofree char *b = NULL;
  gsize length;
  char *end;

  g_assert_true (g_file_get_contents (public_path, &text, NULL, NULL));
  end = strstr (text, "-----END");
  *end = '\0';
  der = g_base64_decode (strchr (text, '\n'), &length);
  if (length < 100)
    {
      a = encode (der + length - 64, 32);
      b = encode (der + length - 32, 32);
      return g_strdup_printf ("{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}",
                              key_id, a, b);
    }
  /* ... 256 bytes of n, then 02 03 01 00 01 */
  a = encode (der + length - 5 - 256, 256);
  return g_strdup_printf ("{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"%s\",\"n\":\"%s\","
                          "\"e\":\"AQAB\"}",
                          key_id, a);
}
