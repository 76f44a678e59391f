/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-suggest"

#include "config/aip-config-suggest.h"

static const char *const names[] = { "max-body", "max-connections", "listen", "workers", "gpt-4o", NULL };

static void
test_near (void)
{
  static const char *const cases[][2] = {
    { "max_body", "max-body" }, { "MaxBody", "max-body" },
    { "maxbody", "max-body" },  { "maxconnections", "max-connections" },
    { "lisetn", "listen" },     { "worker", "workers" },
    { "gtp-4o", "gpt-4o" },     { "gpt4o", "gpt-4o" },
    { "listen", "listen" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i][0]);
      g_assert_cmpstr (aip_config_suggest (cases[i][0], names), ==, cases[i][1]);
    }
}

static void
test_far (void)
{
  static const char *const empty[] = { NULL };
  g_autofree char *longest = g_strnfill (64, 'a');
  g_autofree char *longer = g_strnfill (65, 'a');
  const char *long_names[] = { longer, longest, NULL };

  g_assert_null (aip_config_suggest ("bananas", names));
  g_assert_null (aip_config_suggest ("", names));
  g_assert_null (aip_config_suggest ("x", names));
  g_assert_null (aip_config_suggest ("listen", empty));
  g_assert_null (aip_config_suggest (longer, long_names));
  g_assert_cmpstr (aip_config_suggest (longest, long_names), ==, longest);
}

static void
test_hint (void)
{
  static const char *const empty[] = { NULL };
  g_autofree char *near = aip_config_suggest_or_list ("lisen", names);
  g_autofree char *far = aip_config_suggest_or_list ("bananas", names);
  g_autofree char *none = aip_config_suggest_or_list ("bananas", empty);

  g_assert_cmpstr (near, ==, "did you mean listen?");
  g_assert_cmpstr (far, ==, "there are: max-body, max-connections, listen, workers, gpt-4o");
  g_assert_cmpstr (none, ==, "there is none yet");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/suggest/near", test_near);
  g_test_add_func ("/config/suggest/far", test_far);
  g_test_add_func ("/config/suggest/hint", test_hint);
  return g_test_run ();
}
