/* SPDX-License-Identifier: MIT */
#pragma once

#include <string.h>

#include "config/aip-config-loader.h"

/* A configuration that has to be right. */
static inline AipConfig *
parse_config (const char *text)
{
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  AipConfig *config = aip_config_parse (text, strlen (text), "test.conf", problems);

  for (guint i = 0; i < problems->len; i++)
    {
      g_autofree char *problem = aip_config_problem_to_string (g_ptr_array_index (problems, i));

      g_test_message ("%s", problem);
    }
  g_assert_nonnull (config);
  return config;
}

#define DIGEST_A "00000000000000000000000000000000000000000000000000000000000000aa"
#define DIGEST_B "00000000000000000000000000000000000000000000000000000000000000bb"
