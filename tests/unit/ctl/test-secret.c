/* SPDX-License-Identifier: MIT */
#include "ctl/aip-ctl-secret.h"

#include <string.h>

static void
test_what_looks_like_a_key (void)
{
  static const char *const keys[] = {
    "sk-proj-abcDEF0123456789",
    "secret=sk-ant-api03-0123456789ab",
    "headers=Authorization: Bearer gsk_0123456789abcdef",
    "--secret=AIzaSyA0123456789abcdefghijk",
    "--sk-abcdefghijklmnop",
    "aip-0123456789abcdefghijklmnopqrstuvwxyz",
  };
  static const char *const words[] = {
    "",
    "sk-",
    "sk-team",
    "task-abcdefghijklmnopqrst",
    "gpt-4o-mini",
    "aip-production-key",
    "hf_org",
    "risk-0123",
    "openai",
    "weight=3",
    "claude-3-5-sonnet-20241022",
    "eyJ",
    "disk-0123456789abcdef",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    g_assert_true (aip_ctl_secret_looks_like_key (keys[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    g_assert_false (aip_ctl_secret_looks_like_key (words[i]));
}

static void
test_what_looks_random (void)
{
  g_assert_true (aip_ctl_secret_is_random ("0123456789abcdef0123456789abcdef"));
  g_assert_true (aip_ctl_secret_is_random ("secret=ABCDEFGH01234567abcdefgh01234567"));
  g_assert_false (aip_ctl_secret_is_random ("3f2c1b0a-5d6e-4f70-8192-a3b4c5d6e7f8"));
  g_assert_false (aip_ctl_secret_is_random ("meta-llama/Llama-3.3-70B-Instruct-Turbo-2025"));
  g_assert_false (aip_ctl_secret_is_random ("averyveryverylongwordwithoutanydigitsinit"));
  g_assert_false (aip_ctl_secret_is_random ("01234567890123456789012345678901234567890"));
}

static void
test_arguments (void)
{
  const char *const good[] = { "key", "add", "main", "--provider", "openai", NULL };
  const char *const bad[] = { "key", "add", "main", "sk-proj-abcDEF0123456789", NULL };
  const char *const random[] = { "key", "add", "0123456789abcdef0123456789abcdef", NULL };
  const char *const record[] = { "log", "show", "req_4bf92f3577b34da6a3ce929d0e0e4736", NULL };
  const char *const id[] = { "cancel", "0123456789abcdef0123456789abcdef", NULL };
  g_autoptr (GError) error = NULL;

  g_assert_true (aip_ctl_secret_check_words (good, &error));
  g_assert_true (aip_ctl_secret_check_words (id, &error));
  g_assert_true (aip_ctl_secret_check_words (record, &error));
  g_assert_no_error (error);
  g_assert_false (aip_ctl_secret_check_words (random, NULL));
  g_assert_false (aip_ctl_secret_check_words (bad, &error));
  g_assert_true (error->domain == G_OPTION_ERROR);
  g_assert_null (strstr (error->message, "sk-proj"));
  g_assert_nonnull (strstr (error->message, "aiproxyctl key secret"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ctl/secret/looks-like-key", test_what_looks_like_a_key);
  g_test_add_func ("/ctl/secret/random", test_what_looks_random);
  g_test_add_func ("/ctl/secret/arguments", test_arguments);
  return g_test_run ();
}
