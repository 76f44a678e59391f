/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-draft.h"

#include <string.h>

#include "config/aip-config-schema.h"
#include "config/aip-config-suggest.h"

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

static void refuse_group (Scan *scan, const char *group, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
refuse_group (Scan *scan, const char *group, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  aip_config_draft_report_at (scan->draft, TRUE, scan->source->name, scan->line, group, NULL, "%s", message);
  scan->refused = TRUE;
}

/* What is no plain word is not repeated: it may be a secret ("dGVzdA==" looks like a setting), or
 * steer a terminal. */
static const char *
filter_name (const char *name, gsize longest)
{
  gsize length = strspn (name, G_CSET_A_2_Z G_CSET_a_2_z "-_ ");

  return name[length] == '\0' && length <= longest ? name : NULL;
}

static void
refuse_unknown_group (Scan *scan, const char *group)
{
  g_autofree char *word = g_strndup (group, strcspn (group, " "));
  g_autofree char *hint = NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (const AipSettingGroup *kind = aip_setting_groups; kind->name != NULL; kind++)
    g_ptr_array_add (names, (char *) kind->name);
  g_ptr_array_add (names, NULL);

  hint = aip_config_suggest_or_list (*word == '\0' ? group : word, (const char *const *) names->pdata);
  refuse_group (scan, filter_name (group, 64), "there is no such group; %s", hint);
}

static void
scan_group (Scan *scan, const char *text)
{
  g_autofree char *group = g_strndup (text + 1, strlen (text) - 2);
  const char *name;
  const AipSettingGroup *kind = aip_setting_group_find (group, &name);
  guint first;

  g_clear_pointer (&scan->group, g_free);
  scan->refused = FALSE;
  if (kind == NULL)
    {
      refuse_unknown_group (scan, group);
      return;
    }
  if (kind->size == 0 && name != NULL)
    {
      refuse_group (scan, kind->name, "has no name; write [%s]", kind->name);
      return;
    }
  if (kind->size > 0 && (name == NULL || !aip_setting_group_is_name (kind, name)))
    {
      refuse_group (scan, kind->name,
                    "needs a name; write [%s NAME] with letters, digits, \"-\", \"_\", \".\"%s", kind->name,
                    kind->loose_names ? ", \"/\", \":\" and \"@\"" : "");
      return;
    }
  first = aip_config_source_get_line (scan->source, group, NULL);
  if (first != 0)
    {
      refuse_group (scan, group, "occurs twice; put its settings below line %u", first);
      return;
    }

  aip_config_source_mark (scan->source, group, NULL, scan->line);
  g_string_append_printf (scan->clean, "[%s]\n", group);
  scan->group = g_steal_pointer (&group);
  scan->kind = kind;
}

static void
refuse_unknown_key (Scan *scan, const char *key)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree char *hint = NULL;

  for (const AipSetting *setting = scan->kind->settings; setting->key != NULL; setting++)
    g_ptr_array_add (names, (char *) setting->key);
  g_ptr_array_add (names, NULL);

  hint = aip_config_suggest_or_list (key, (const char *const *) names->pdata);
  aip_config_draft_report_at (scan->draft, TRUE, scan->source->name, scan->line, scan->group,
                              filter_name (key, 32), "there is no such setting; %s", hint);
}

static void
scan_pair (Scan *scan, const char *text, const char *equals)
{
  g_autofree char *key = g_strchomp (g_strndup (text, equals - text));
  guint first;

  if (scan->refused)
    return;
  if (scan->group == NULL)
    {
      aip_config_draft_report_at (
          scan->draft, TRUE, scan->source->name, scan->line, NULL, NULL,
          "a setting stands before the first group; put it below one, such as [server]");
      return;
    }
  if (aip_setting_group_find_setting (scan->kind, key) == NULL)
    {
      refuse_unknown_key (scan, key);
      return;
    }
  first = aip_config_source_get_line (scan->source, scan->group, key);
  if (first != 0)
    {
      aip_config_draft_report_at (scan->draft, TRUE, scan->source->name, scan->line, scan->group, key,
                                  "is set twice; line %u has it first, keep one of them", first);
      return;
    }

  aip_config_source_mark (scan->source, scan->group, key, scan->line);
  g_string_append_printf (scan->clean, "%s=%s\n", key, equals + 1);
}

static void
scan_line (Scan *scan, char *text)
{
  const char *equals;

  g_strstrip (text);
  equals = strchr (text, '=');
  if (*text == '\0' || *text == '#')
    return;
  if (*text == '[' && strchr (text, ']') == text + strlen (text) - 1)
    scan_group (scan, text);
  else if (*text != '[' && equals != NULL && equals != text)
    scan_pair (scan, text, equals);
  else
    aip_config_draft_report_at (scan->draft, TRUE, scan->source->name, scan->line, NULL, NULL,
                                "is neither [group], key=value nor a comment; comments begin with \"#\"");
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
  AipConfigSource *source = aip_config_draft_add_source (draft, name);
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
      const char *newline = memchr (text, '\n', end - text);
      const char *next = newline == NULL ? end : newline;
      g_autofree char *line = g_strndup (text, next - text);

      scan.line++;
      scan_line (&scan, line);
      text = newline == NULL ? end : newline + 1;
    }
  g_free (scan.group);

  if (clean->len > 0 &&
      !g_key_file_load_from_data (source->values, clean->str, clean->len, G_KEY_FILE_NONE, &error))
    aip_config_draft_report_at (draft, TRUE, name, 0, NULL, NULL,
                                "cannot be parsed; compare it with the example");
}
