/* SPDX-License-Identifier: MIT */
#pragma once

#include <string.h>

/* Warnings that a test waits for: g_test_expect_message () does not see structured messages. */
static GString *warnings;

static GLogWriterOutput
warning_writer (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  for (gsize i = 0; (level & G_LOG_LEVEL_WARNING) != 0 && i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      g_string_append_printf (warnings, "%s\n", (const char *) fields[i].value);
  return (level & G_LOG_LEVEL_WARNING) != 0 ? G_LOG_WRITER_HANDLED
                                            : g_log_writer_default (level, fields, n_fields, user_data);
}

/* Makes warnings end nothing, and keeps them. Call it once, before there are threads. */
static inline void
catch_warnings (void)
{
  warnings = g_string_new (NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  g_log_set_writer_func (warning_writer, NULL, NULL);
}

/* What was said since the last call. */
static inline const char *
take_warning (void)
{
  static char *taken;

  g_free (taken);
  taken = g_strdup (warnings->str);
  g_string_truncate (warnings, 0);
  return taken;
}
