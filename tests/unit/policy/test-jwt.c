/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "policy/aip-jwt.h"

#include <string.h>

#include "base/aip-clock.h"
#include "base/aip-error.h"
#include "jwt-fixture.h"
#include "policy-config.h"

#define NOW G_GINT64_CONSTANT (1800000000)
#define SECRET "a secret of more than thirty-two bytes"
#define CLAIMS "{\"iss\":\"https://id.example\",\"aud\":\"aiproxy\",\"sub\":\"alice\",\"exp\":1800000100}"

static JwtKeys *keys;

static AipJwt *
make_jwt (const char *settings, const char *secret)
{
  g_autofree char *text =
      g_strconcat ("[jwt]\nissuer=https://id.example\naudience=aiproxy;proxy\n", settings, NULL);
  g_autoptr (AipConfig) config = parse_config (text);
  g_autoptr (AipSecret) held = secret != NULL ? aip_secret_new (secret, -1) : NULL;
  g_autoptr (GError) error = NULL;
  AipJwt *jwt = aip_jwt_new (&config->jwt, held, &error);

  g_assert_no_error (error);
  return jwt;
}

static AipJwt *
make_for_file (const char *key, const char *path, const char *more)
{
  g_autofree char *settings = g_strdup_printf ("%s=%s\n%s", key, path, more);

  return make_jwt (settings, NULL);
}

static void
assert_accepted (AipJwt *jwt, const char *token, const char *client)
{
  g_auto (AipJwtIdentity) identity = { 0 };
  g_autoptr (GError) error = NULL;

  aip_jwt_verify (jwt, token, strlen (token), &identity, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (identity.client, ==, client);
}

static void
assert_refused (AipJwt *jwt, const char *token, const char *part)
{
  g_auto (AipJwtIdentity) identity = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_false (aip_jwt_verify (jwt, token, strlen (token), &identity, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, part));
  g_assert_null (identity.client);
  if (*token != '\0')
    g_assert_null (strstr (error->message, token));
}

static void
test_algorithms (void)
{
  g_autoptr (AipJwt) hmac = make_jwt ("secret=env:S\n", SECRET);
  g_autoptr (AipJwt) rsa = make_for_file ("key-file", keys->rsa_public, "");
  g_autoptr (AipJwt) ec = make_for_file ("key-file", keys->ec_public, "");
  g_autofree char *by_hmac = jwt_sign ("HS256", SECRET, NULL, CLAIMS);
  g_autofree char *by_rsa = jwt_sign ("RS256", keys->rsa, NULL, CLAIMS);
  g_autofree char *by_other = jwt_sign ("RS256", keys->other_rsa, NULL, CLAIMS);
  g_autofree char *by_ec = jwt_sign ("ES256", keys->ec, NULL, CLAIMS);

  assert_accepted (hmac, by_hmac, "alice");
  assert_accepted (rsa, by_rsa, "alice");
  assert_accepted (ec, by_ec, "alice");
  assert_refused (hmac, by_rsa, "signature is wrong");
  assert_refused (hmac, by_ec, "signature is wrong");
  assert_refused (rsa, by_hmac, "signature is wrong");
  assert_refused (rsa, by_other, "signature is wrong");
  assert_refused (rsa, by_ec, "signature is wrong");
  assert_refused (ec, by_rsa, "signature is wrong");
}

/* What others have fallen for. */
static void
test_attacks (void)
{
  g_autoptr (AipJwt) rsa = make_for_file ("key-file", keys->rsa_public, "");
  g_autoptr (AipJwt) both = make_for_file ("key-file", keys->rsa_public, "algorithms=RS256\n");
  g_autofree char *public = NULL;
  g_autofree char *by_public_key = NULL;
  g_autofree char *unsigned_token = jwt_join ("{\"alg\":\"none\"}", CLAIMS, "");
  g_autofree char *unsigned_but = jwt_join ("{\"alg\":\"none\"}", CLAIMS, "AAAA");
  g_autofree char *odd_none = jwt_join ("{\"alg\":\"nOnE\"}", CLAIMS, "AAAA");
  g_autofree char *critical =
      jwt_join ("{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}", CLAIMS, "AAAA");
  g_autofree char *longer = jwt_sign ("RS384", keys->rsa, NULL, CLAIMS);
  g_autofree char *right = jwt_sign ("RS256", keys->rsa, NULL, CLAIMS);
  g_autofree char *changed = g_strdup (right);
  char *signature;
  g_autofree char *long_token = g_strnfill (20000, 'a');

  /* The public key, which everybody has, as if it were the secret of HS256. */
  g_assert_true (g_file_get_contents (keys->rsa_public, &public, NULL, NULL));
  by_public_key = jwt_sign ("HS256", public, NULL, CLAIMS);
  assert_refused (rsa, by_public_key, "signature is wrong");
  assert_refused (both, by_public_key, "`algorithms` of [jwt]");
  assert_refused (rsa, unsigned_token, "`algorithms` of [jwt]");
  assert_refused (rsa, unsigned_but, "`algorithms` of [jwt]");
  assert_refused (rsa, odd_none, "`algorithms` of [jwt]");
  assert_refused (rsa, longer, "`algorithms` of [jwt]");
  assert_refused (rsa, critical, "(crit)");
  signature = strrchr (changed, '.') + 1;
  signature[10] = signature[10] == 'A' ? 'B' : 'A';
  assert_refused (rsa, changed, "signature is wrong");
  *strrchr (changed, '.') = '\0';
  assert_refused (rsa, changed, "no JWT");
  assert_refused (rsa, "", "no JWT");
  assert_refused (rsa, "..", "no JWT");
  assert_refused (rsa, "a.b.c", "no JWT");
  assert_refused (rsa, long_token, "no JWT");
}

static void
test_claims (void)
{
#define GOOD "\"iss\":\"https://id.example\",\"aud\":\"aiproxy\",\"sub\":\"alice\""
  static const struct
  {
    const char *claims;
    const char *refused; /* NULL: accepted */
  } cases[] = {
    { "{" GOOD ",\"exp\":1800000100}", NULL },
    { "{\"iss\":\"https://id.example\",\"aud\":[\"x\",\"proxy\"],\"sub\":\"alice\",\"exp\":1800000001}",
      NULL },
    { "{" GOOD ",\"exp\":1799999971,\"nbf\":1800000030,\"iat\":1800000030}", NULL },
    { "{" GOOD ",\"exp\":1800000100.75}", NULL },
    { "{" GOOD ",\"exp\":1799999970}", "has expired" },
    { "{" GOOD "}", "no exp" },
    { "{" GOOD ",\"exp\":\"1800000100\"}", "no time" },
    { "{" GOOD ",\"exp\":-1}", "no time" },
    { "{" GOOD ",\"exp\":1e300}", "no time" },
    { "{" GOOD ",\"exp\":1800000100,\"nbf\":1800000031}", "not valid yet" },
    { "{" GOOD ",\"exp\":1800000100,\"iat\":1800000031}", "from the future" },
    { "{\"iss\":\"https://other.example\",\"aud\":\"aiproxy\",\"sub\":\"alice\",\"exp\":1800000100}",
      "another issuer" },
    { "{\"aud\":\"aiproxy\",\"sub\":\"alice\",\"exp\":1800000100}", "another issuer" },
    { "{\"iss\":\"https://id.example\",\"aud\":\"else\",\"sub\":\"alice\",\"exp\":1800000100}",
      "somebody else" },
    { "{\"iss\":\"https://id.example\",\"aud\":[],\"sub\":\"alice\",\"exp\":1800000100}", "somebody else" },
    { "{\"iss\":\"https://id.example\",\"sub\":\"alice\",\"exp\":1800000100}", "somebody else" },
    { "{\"iss\":\"https://id.example\",\"aud\":[7],\"sub\":\"alice\",\"exp\":1800000100}", "aud is neither" },
    { "{\"iss\":\"https://id.example\",\"aud\":\"aiproxy\",\"exp\":1800000100}", "names no client" },
    { "{\"iss\":\"https://id.example\",\"aud\":\"aiproxy\",\"sub\":7,\"exp\":1800000100}",
      "names no client" },
    { "{\"iss\":\"https://id.example\",\"aud\":\"aiproxy\",\"sub\":\"\",\"exp\":1800000100}",
      "names no client" },
    { "{\"iss\":\"https://id.example\",\"aud\":\"aiproxy\",\"sub\":\"a b\",\"exp\":1800000100}",
      "names no client" },
    { "{\"iss\":\"https://id.example\",\"aud\":\"aiproxy\",\"sub\":\"(others)\",\"exp\":1800000100}",
      "names no client" },
  };
#undef GOOD
  g_autoptr (AipJwt) jwt = make_jwt ("secret=env:S\n", SECRET);
  g_autoptr (AipJwt) with_tenant = make_jwt ("secret=env:S\nclaim-client=name\nclaim-tenant=org\n", SECRET);
  g_autofree char *token = NULL;
  g_auto (AipJwtIdentity) identity = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *signed_token = jwt_sign ("HS256", SECRET, NULL, cases[i].claims);

      g_test_message ("%s", cases[i].claims);
      if (cases[i].refused == NULL)
        assert_accepted (jwt, signed_token, "alice");
      else
        assert_refused (jwt, signed_token, cases[i].refused);
    }
  token = jwt_sign ("HS256", SECRET, NULL,
                    "{\"iss\":\"https://id.example\",\"aud\":\"proxy\",\"name\":\"bob\",\"org\":\"team\","
                    "\"exp\":1800000100}");
  g_assert_true (aip_jwt_verify (with_tenant, token, strlen (token), &identity, NULL));
  g_assert_cmpstr (identity.client, ==, "bob");
  g_assert_cmpstr (identity.tenant, ==, "team");
  g_free (token);
  token = jwt_sign ("HS256", SECRET, NULL,
                    "{\"iss\":\"https://id.example\",\"aud\":\"proxy\",\"name\":\"bob\",\"exp\":1800000100}");
  assert_refused (with_tenant, token, "names no tenant");
}

/* A set of keys told apart by kid; what is of no use in it is left out. */
static void
test_jwks (void)
{
  g_autofree char *rsa = jwt_make_jwk (keys->rsa_public, "one");
  g_autofree char *ec = jwt_make_jwk (keys->ec_public, "two");
  g_autofree char *text = g_strdup_printf (
      "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"},{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"},7,%s,%s]}",
      rsa, ec);
  g_autofree char *path = jwt_keys_write (keys, "jwks.json", text);
  g_autoptr (AipJwt) jwt = make_for_file ("jwks-file", path, "");
  g_autofree char *by_rsa = jwt_sign ("RS256", keys->rsa, "one", CLAIMS);
  g_autofree char *by_ec = jwt_sign ("ES256", keys->ec, "two", CLAIMS);
  g_autofree char *without_id = jwt_sign ("ES256", keys->ec, NULL, CLAIMS);
  g_autofree char *wrong_id = jwt_sign ("RS256", keys->rsa, "two", CLAIMS);
  g_autofree char *other = jwt_sign ("RS256", keys->other_rsa, "one", CLAIMS);

  assert_accepted (jwt, by_rsa, "alice");
  assert_accepted (jwt, by_ec, "alice");
  assert_accepted (jwt, without_id, "alice");
  assert_refused (jwt, wrong_id, "there is no key for it");
  assert_refused (jwt, other, "signature is wrong");
}

static void
test_bad_keys (void)
{
  static const struct
  {
    const char *setting;
    const char *content;
    const char *part;
  } cases[] = {
    { "key-file", "", "holds no public key" },
    { "key-file", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "another kind" },
    { "jwks-file", "[]", "no JSON Web Key Set" },
    { "jwks-file", "{\"keys\":[]}", "no key that can be used" },
    { "jwks-file", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}",
      "no key that can be used" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = jwt_keys_write (keys, "bad", cases[i].content);
      g_autofree char *text =
          g_strdup_printf ("[jwt]\nissuer=i\naudience=a\n%s=%s\n", cases[i].setting, path);
      g_autoptr (AipConfig) config = parse_config (text);
      g_autoptr (GError) error = NULL;

      g_assert_null (aip_jwt_new (&config->jwt, NULL, &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG);
      g_assert_nonnull (strstr (error->message, cases[i].part));
      g_assert_nonnull (strstr (error->message, path));
    }
}

static void
test_bad_secret (void)
{
  g_autoptr (AipConfig) config = parse_config ("[jwt]\nissuer=i\naudience=a\nsecret=env:S\n");
  g_autoptr (AipSecret) weak = aip_secret_new ("tiny-one", -1);
  g_autoptr (GError) error = NULL;

  g_assert_null (aip_jwt_new (&config->jwt, NULL, &error));
  g_assert_nonnull (strstr (error->message, "there is no S"));
  g_clear_error (&error);
  g_assert_null (aip_jwt_new (&config->jwt, weak, &error));
  g_assert_nonnull (strstr (error->message, "at least 32 bytes"));
  g_assert_null (strstr (error->message, "tiny-one"));
}

/* What was right is remembered, but never beyond its time. */
static void
test_cache (void)
{
  g_autoptr (AipJwt) jwt = make_jwt ("secret=env:S\nleeway=0\n", SECRET);
  g_autofree char *token = jwt_sign ("HS256", SECRET, NULL, CLAIMS);

  assert_accepted (jwt, token, "alice");
  assert_accepted (jwt, token, "alice");
  aip_clock_set_fake (G_USEC_PER_SEC, (NOW + 99) * G_USEC_PER_SEC);
  assert_accepted (jwt, token, "alice");
  aip_clock_set_fake (G_USEC_PER_SEC, (NOW + 100) * G_USEC_PER_SEC);
  assert_refused (jwt, token, "has expired");
  aip_clock_set_fake (G_USEC_PER_SEC, NOW * G_USEC_PER_SEC);
  for (guint i = 0; i < 1500; i++)
    {
      g_autofree char *claims =
          g_strdup_printf ("{\"iss\":\"https://id.example\",\"aud\":\"aiproxy\",\"sub\":\"user-%u\","
                           "\"exp\":1800000100}",
                           i);
      g_autofree char *name = g_strdup_printf ("user-%u", i);
      g_autofree char *of_many = jwt_sign ("HS256", SECRET, NULL, claims);

      assert_accepted (jwt, of_many, name);
      assert_accepted (jwt, of_many, name);
    }
}

static gpointer
verify_thread (gpointer data)
{
  g_autofree char *token = jwt_sign ("HS256", SECRET, NULL, CLAIMS);

  for (guint i = 0; i < 200; i++)
    assert_accepted (data, token, "alice");
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (AipJwt) jwt = make_jwt ("secret=env:S\n", SECRET);
  GThread *threads[4];

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("verify", verify_thread, jwt);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  keys = jwt_keys_new ();
  aip_clock_set_fake (G_USEC_PER_SEC, NOW * G_USEC_PER_SEC);
  g_test_add_func ("/jwt/algorithms", test_algorithms);
  g_test_add_func ("/jwt/attacks", test_attacks);
  g_test_add_func ("/jwt/claims", test_claims);
  g_test_add_func ("/jwt/jwks", test_jwks);
  g_test_add_func ("/jwt/bad-keys", test_bad_keys);
  g_test_add_func ("/jwt/bad-secret", test_bad_secret);
  g_test_add_func ("/jwt/cache", test_cache);
  g_test_add_func ("/jwt/threads", test_threads);
  result = g_test_run ();
  jwt_keys_free (keys);
  return result;
}
