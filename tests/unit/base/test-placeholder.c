/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-placeholder.h"

#include <string.h>

static gboolean
is_key_placeholder (const char *text)
{
  /* Without a NUL behind it, as it comes from files. */
  g_autofree char *exact = g_memdup2 (text, strlen (text) + 1);
  g_autofree char *tight = g_malloc (MAX (strlen (text), 1));

  memcpy (tight, exact, strlen (text));
  return aip_placeholder_is_key (tight, strlen (text));
}

static void
test_placeholders (void)
{
  static const char *const texts[] = {
    "your-api-key-1",
    "your-api-key",
    "YOUR_API_KEY",
    "your_openai_api_key_here",
    "your-azure-api-key",
    "your_actual_api_key",
    "sk-your-key",
    "sk-your-api-key-here",
    "sk-proj-your-key-here",
    "sk-ant-your-key",
    "your_secret_key",
    "replace-with-your-openai-api-key",
    "REPLACE_ME",
    "replaceme",
    "changeme",
    "CHANGE_ME",
    "insert-key-here",
    "INSERT_API_KEY_HERE",
    "paste your key here",
    "<your key>",
    "<YOUR_API_KEY>",
    "<key>",
    "${OPENAI_API_KEY}",
    "{{api_key}}",
    "[key]",
    "sk-xxx",
    "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "sk-proj-XXXXXXXX-XXXX",
    "AIzaSyXXXXXXXXXXXXXXXX",
    "gsk_xxxx",
    "xxx",
    "sk-...",
    "sk-ab...yz",
    "sk-\342\200\246",
    "sk-*",
    "sk-ab****yz",
    "sk-1234567890",
    "api-key",
    "sk-\344\275\240\347\232\204\345\257\206\351\222\245",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_test_message ("%s", texts[i]);
      g_assert_true (is_key_placeholder (texts[i]));
    }
}

static void
test_keys (void)
{
  static const char *const texts[] = {
    "",
    "EMPTY",
    "none",
    "ollama",
    "lm-studio",
    "dummy",
    "not-needed",
    "test",
    "sk-1234",
    "sk-no-key-required",
    "no-key",
    "fake-key",
    "sk-fake-upstream-key-1a2b3c4d5e6f7081",
    "sk-proj-Ab3xXx9QyourkeyT0kEn_-1xYz",
    "sk-ant-api03-x9QZ7LmN2pR5sT8vW1yB4dF6gH0jK3xxx",
    "gsk_4xXq7Lm2Np5Rs8Tv1Wy3Zb6Cd9Ef0Gh",
    "0123456789abcdef0123456789abcdef",
    "hf_abcdefghijklmnopqrstuvwxyz",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    "my-local-server",
    "[half",
    "<half",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_test_message ("%s", texts[i]);
      g_assert_false (is_key_placeholder (texts[i]));
    }
}

static void
test_odd_bytes (void)
{
  g_autofree char *long_text = g_strnfill (100000, 'x');

  g_assert_false (aip_placeholder_is_key ("sk-\0xxx", 7));
  g_assert_false (aip_placeholder_is_key ("\377\376\200", 3));
  g_assert_false (aip_placeholder_is_key (long_text, 100000));
}

static gboolean
is_token_placeholder (const char *token)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 digest[32];
  gsize length = sizeof digest;

  g_checksum_update (checksum, (const guchar *) token, (gssize) strlen (token));
  g_checksum_get_digest (checksum, digest, &length);
  return aip_placeholder_is_token_digest (digest);
}

static void
test_tokens (void)
{
  static const char *const known[] = { "",         "EMPTY", "ollama", "sk-1234", "your-api-key-1",
                                       "changeme", "sk-xxx" };

  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    g_assert_true (is_token_placeholder (known[i]));
  g_assert_false (is_token_placeholder ("aip-4xXq7Lm2Np5Rs8Tv1Wy3Zb6Cd9Ef0Gh"));
  g_assert_false (is_token_placeholder ("Changeme"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/placeholder/placeholders", test_placeholders);
  g_test_add_func ("/base/placeholder/keys", test_keys);
  g_test_add_func ("/base/placeholder/odd-bytes", test_odd_bytes);
  g_test_add_func ("/base/placeholder/tokens", test_tokens);

  return g_test_run ();
}
