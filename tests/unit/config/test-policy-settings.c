/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-policy-settings"

#include <string.h>

#include "config-problems.h"
#include "config/aip-config-format.h"
#include "config/aip-config-redis-url.h"

#define DIGEST "00000000000000000000000000000000000000000000000000000000000000aa"

static void
test_redis_url (void)
{
  static const struct
  {
    const char *url;
    const char *path;
    const char *host;
    guint port;
    const char *user;
    guint database;
  } cases[] = {
    { "redis://127.0.0.1:6380/2", NULL, "127.0.0.1", 6380, NULL, 2 },
    { "redis://redis.example", NULL, "redis.example", 6379, NULL, 0 },
    { "redis://redis.example/", NULL, "redis.example", 6379, NULL, 0 },
    { "redis://me@[::1]:7/0", NULL, "::1", 7, "me", 0 },
    { "unix:/run/redis.sock", "/run/redis.sock", NULL, 0, NULL, 0 },
    { "unix:/run/redis.sock?db=3", "/run/redis.sock", NULL, 0, NULL, 3 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (AipRedisAddress) address = { 0 };
      g_autoptr (GError) error = NULL;

      g_assert_true (aip_redis_address_parse (cases[i].url, &address, &error));
      g_assert_no_error (error);
      g_assert_cmpstr (address.path, ==, cases[i].path);
      g_assert_cmpstr (address.host, ==, cases[i].host);
      g_assert_cmpuint (address.port, ==, cases[i].port);
      g_assert_cmpstr (address.user, ==, cases[i].user);
      g_assert_cmpuint (address.database, ==, cases[i].database);
    }
}

static void
test_wrong_redis_url (void)
{
  static const struct
  {
    const char *url;
    const char *part;
  } cases[] = {
    { "redis://:hidden-word@127.0.0.1", "password=env:VARIABLE" },
    { "redis://me:hidden-word@127.0.0.1", "password=env:VARIABLE" },
    { "rediss://127.0.0.1", "asks for TLS" },
    { "http://127.0.0.1", "is no address of a Redis" },
    { "127.0.0.1:6379", "is no address of a Redis" },
    { "redis://", "is not a complete URL" },
    { "redis://h:0", "is not a complete URL" },
    { "redis://h:99999", "is not a complete URL" },
    { "redis://h/x", "names no database" },
    { "redis://h/-1", "names no database" },
    { "redis://h?x=1", "is not a complete URL" },
    { "redis://a b", "has a character" },
    { "unix:redis.sock", "names no socket" },
    { "unix:/", "names no socket" },
    { "unix:/a?x=1", "has an option" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (AipRedisAddress) address = { 0 };
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", cases[i].url);
      g_assert_false (aip_redis_address_parse (cases[i].url, &address, &error));
      g_assert_nonnull (strstr (error->message, cases[i].part));
      g_assert_null (strstr (error->message, "hidden-word"));
      g_assert_null (address.host);
    }
}

static void
test_problems (void)
{
  static const struct
  {
    const char *text;
    const char *part; /* NULL: there is no problem */
  } cases[] = {
    { "[jwt]\nissuer=i\naudience=a\nsecret=env:S\n[client a]\n", NULL },
    { "[client a]\n", "[client a] token-sha256: is missing" },
    { "[jwt]\nsecret=env:S\n", "[jwt] secret: needs issuer too" },
    { "[jwt]\nsecret=env:S\nissuer=i\n", "[jwt] secret: needs audience too" },
    { "[jwt]\nsecret=open-sesame\nissuer=i\naudience=a\n", "[jwt] secret: is neither env:VARIABLE nor" },
    { "[jwt]\nsecret=env:S\nissuer=i\naudience=a\nalgorithms=RS256\n", "is for HS256 alone" },
    { "[jwt]\nkey-file=/etc/hostname\nissuer=i\naudience=a\nalgorithms=HS256\n", "is for RS256 and ES256" },
    { "[jwt]\nkey-file=/nowhere/key\nissuer=i\naudience=a\n", "[jwt] key-file: cannot be read" },
    { "[jwt]\nkey-file=/etc/hostname\njwks-file=/etc/hostname\nissuer=i\naudience=a\n",
      "contradicts jwks-file" },
    { "[jwt]\nsecret=env:S\nissuer=i\naudience=a\nalgorithms=none\n", "[jwt] algorithms: has no such value" },
    { "[jwt]\nissuer=i\n", "[jwt]: is not used, as there is no key" },
    { "[redis]\nurl=redis://127.0.0.1\npassword=env:P\n", NULL },
    { "[redis]\npassword=env:P\n", "[redis] password: is not used" },
    { "[redis]\nurl=redis://127.0.0.1\non-failure=open\n", "[redis] on-failure: has no such value" },
    { "[redis]\nurl=redis://:hidden-word@127.0.0.1\n", "[redis] url: has a password" },
    { "[client a]\ntoken-sha256=" DIGEST "\nallowed-keys=x*\n", NULL },
    { "[client a]\ntoken-sha256=" DIGEST "\nallowed-keys=x\n", "allowed-keys: has x, which there is not" },
    { "[client a]\ntoken-sha256=" DIGEST "\nallowed-providers=x\n", "allowed-providers: has x, which" },
    { "[tenant a]\nallowed-keys=x*\nallowed-providers=?\n", NULL },
    { "[tenant a]\nallowed-keys=x\n", "[tenant a] allowed-keys: has x, which there is not" },
    { "[tenant a]\nallowed-providers=x\n", "[tenant a] allowed-providers: has x, which" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *problems = NULL;
      AipConfig *config = parse (cases[i].text, &problems);

      g_test_message ("%s%s", cases[i].text, problems);
      if (cases[i].part == NULL)
        g_assert_cmpstr (problems, ==, "");
      else
        g_assert_nonnull (strstr (problems, cases[i].part));
      g_assert_null (strstr (problems, "hidden-word"));
      g_assert_null (strstr (problems, "open-sesame"));
      if (config != NULL)
        aip_config_unref (config);
    }
}

/* A client without a token is written as one. */
static void
test_format (void)
{
  static const char text[] = "[jwt]\nissuer=i\naudience=a\nsecret=credential:jwt\n\n[client a]\nrpm=3\n";
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config = parse (text, &problems);
  g_autofree char *written = aip_config_format (config, FALSE);

  g_assert_cmpstr (problems, ==, "");
  g_assert_cmpstr (written, ==, text);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy-settings/redis-url", test_redis_url);
  g_test_add_func ("/policy-settings/wrong-redis-url", test_wrong_redis_url);
  g_test_add_func ("/policy-settings/problems", test_problems);
  g_test_add_func ("/policy-settings/format", test_format);
  return g_test_run ();
}
