/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config-loader.h"

/* All problems, one per line. */
static inline char *
problems_join (const GPtrArray *problems)
{
  GString *all = g_string_new (NULL);

  for (guint i = 0; i < problems->len; i++)
    {
      g_autofree char *text = aip_config_problem_to_string (g_ptr_array_index (problems, i));

      g_string_append_printf (all, "%s%s", i == 0 ? "" : "\n", text);
    }
  return g_string_free (all, FALSE);
}

/* Parses @text as file "f"; @problems gets what problems_join () makes. */
static inline AipConfig *
parse (const char *text, char **problems)
{
  g_autoptr (GPtrArray) list = aip_config_problems_new ();
  AipConfig *config = aip_config_parse (text, strlen (text), "f", list);

  *problems = problems_join (list);
  return config;
}
