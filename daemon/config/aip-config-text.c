/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-draft.h"

#include <string.h>

#include "config/aip-config-line.h"
#include "config/aip-config-names.h"

/*
 * GKeyFile parses; but it stops at the first bad line, merges what occurs twice, knows no line numbers,
 * and quotes in its errors what may be a secret. So one pass over the text notes where things stand,
 * reports what is wrong with lines and names, and hands GKeyFile the rest.
 */
typedef struct
{
  AipConfigDraft *draft;
  AipConfigSource *source;
  GString *clean;
  guint line;
  char *group;                 /* (nullable): full name; NULL: none yet, or one that was refused */
  const AipSettingGroup *kind; /* of group */
  gboolean refused;            /* the group was refused and reported: its settings are passed over */
} Scan;

static void
report_fault (Scan *scan, const char *group, const char *key, const char *fault)
{
  aip_config_draft_report_at (scan->draft, TRUE, scan->source->name, scan->line, group, key, "%s", fault);
}

static void
append_clean (Scan *scan, const AipConfigLine *line)
{
  gboolean setting = line->kind == AIP_CONFIG_LINE_SETTING;

  g_string_append (scan->clean, setting ? "" : "[");
  g_string_append_len (scan->clean, line->name, (gssize) line->name_length);
  g_string_append (scan->clean, setting ? "=" : "]");
  g_string_append_len (scan->clean, line->value, (gssize) line->value_length);
  g_string_append_c (scan->clean, '\n');
}

static void
scan_group (Scan *scan, const AipConfigLine *line)
{
  g_autofree char *group = g_strndup (line->name, line->name_length);
  g_autofree char *shown = NULL;
  g_autofree char *fault = NULL;
  const AipSettingGroup *kind = aip_config_check_group_name (group, &shown, &fault);
  guint first = kind == NULL ? 0 : aip_config_source_get_line (scan->source, group, NULL);

  if (first != 0)
    fault = g_strdup_printf ("occurs twice; put its settings below line %u", first);
  g_clear_pointer (&scan->group, g_free);
  scan->refused = fault != NULL;
  if (scan->refused)
    {
      report_fault (scan, shown, NULL, fault);
      return;
    }

  aip_config_source_mark (scan->source, group, NULL, scan->line);
  append_clean (scan, line);
  scan->group = g_steal_pointer (&group);
  scan->kind = kind;
}

static void
scan_setting (Scan *scan, const AipConfigLine *line)
{
  g_autofree char *key = g_strndup (line->name, line->name_length);
  g_autofree char *fault = NULL;
  const char *shown = NULL;
  guint first = 0;

  if (scan->refused)
    return;
  if (scan->group == NULL)
    fault = g_strdup ("a setting stands before the first group; put it below one, such as [server]");
  else if (aip_config_check_setting_name (scan->kind, key, &shown, &fault) != NULL)
    first = aip_config_source_get_line (scan->source, scan->group, key);
  if (first != 0)
    fault = g_strdup_printf ("is set twice; line %u has it first, keep one of them", first);
  if (fault != NULL)
    {
      report_fault (scan, scan->group, shown, fault);
      return;
    }

  aip_config_source_mark (scan->source, scan->group, key, scan->line);
  append_clean (scan, line);
}

static void
scan_line (Scan *scan, const AipConfigLine *line)
{
  if (line->kind == AIP_CONFIG_LINE_GROUP)
    scan_group (scan, line);
  else if (line->kind == AIP_CONFIG_LINE_SETTING)
    scan_setting (scan, line);
  else if (line->kind == AIP_CONFIG_LINE_WRONG)
    report_fault (scan, NULL, NULL, "is neither [group], key=value nor a comment; comments begin with \"#\"");
}

static guint
count_lines (const char *text, const char *end)
{
  guint line = 1;

  for (; text < end; text++)
    if (*text == '\n')
      line++;
  return line;
}

/**
 * aip_config_read_text:
 * @draft: a draft
 * @name: what to call the text in problems, as a rule a path
 * @text: (array length=length): a key file; need not end with NUL
 * @length: bytes of @text
 *
 * Adds the text as the strongest source. What is wrong with lines and names is reported and left out.
 */
void
aip_config_read_text (AipConfigDraft *draft, const char *name, const char *text, gsize length)
{
  AipConfigSource *source = aip_config_draft_add_source (draft, AIP_CONFIG_SOURCE_FILE, name);
  g_autoptr (GString) clean = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  Scan scan = { .draft = draft, .source = source, .clean = clean };
  const char *end = text + length;
  const char *valid;

  /* NUL is invalid to this check too. */
  if (!g_utf8_validate_len (text, length, &valid))
    {
      aip_config_draft_report_at (draft, TRUE, name, count_lines (text, valid), NULL, NULL,
                                  "is not UTF-8 text; save the file as UTF-8");
      return;
    }

  while (text < end)
    {
      AipConfigLine line;

      text = aip_config_line_read (&line, text, end);
      scan.line++;
      scan_line (&scan, &line);
    }
  g_free (scan.group);

  if (clean->len > 0 &&
      !g_key_file_load_from_data (source->values, clean->str, clean->len, G_KEY_FILE_NONE, &error))
    aip_config_draft_report_at (draft, TRUE, name, 0, NULL, NULL,
                                "cannot be parsed; compare it with the example");
}
