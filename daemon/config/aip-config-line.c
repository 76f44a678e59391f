/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-line.h"

#include <string.h>

static const char *
skip_blanks (const char *start, const char *end)
{
  while (start < end && g_ascii_isspace (*start))
    start++;
  return start;
}

static const char *
trim_blanks (const char *start, const char *end)
{
  while (end > start && g_ascii_isspace (end[-1]))
    end--;
  return end;
}

static void
split_setting (AipConfigLine *line, const char *start, const char *equals, const char *end)
{
  line->kind = AIP_CONFIG_LINE_SETTING;
  line->name = start;
  line->name_length = trim_blanks (start, equals) - start;
  line->value = skip_blanks (equals + 1, end);
  line->value_length = end - line->value;
}

static void
classify (AipConfigLine *line)
{
  const char *start = skip_blanks (line->text, line->text + line->length);
  const char *end = trim_blanks (start, line->text + line->length);
  const char *equals = memchr (start, '=', end - start);

  if (start == end)
    line->kind = AIP_CONFIG_LINE_BLANK;
  else if (*start == '#')
    line->kind = AIP_CONFIG_LINE_COMMENT;
  else if (*start == '[' && memchr (start, ']', end - start) == end - 1)
    {
      line->kind = AIP_CONFIG_LINE_GROUP;
      line->name = start + 1;
      line->name_length = end - start - 2;
    }
  else if (*start != '[' && equals != NULL && equals != start)
    split_setting (line, start, equals, end);
  else
    line->kind = AIP_CONFIG_LINE_WRONG;
}

/**
 * aip_config_line_read:
 * @line: (out caller-allocates): the line at @text
 * @text: where a line begins
 * @end: where the file ends, behind @text
 *
 * Reads one line. Whoever reads a config file and whoever writes it see lines through this alone, and so the
 * same.
 *
 * Returns: where the next line begins, or @end
 */
const char *
aip_config_line_read (AipConfigLine *line, const char *text, const char *end)
{
  const char *newline;

  g_return_val_if_fail (line != NULL, end);
  g_return_val_if_fail (text != NULL && text < end, end);

  newline = memchr (text, '\n', end - text);
  *line = (AipConfigLine){ .text = text };
  line->length = (newline == NULL ? end : newline + 1) - text;
  classify (line);
  return text + line->length;
}

/**
 * aip_config_has_wrong_escape:
 * @value: a setting's value as it stands in a file
 * @list: whether it is a list, where ";" can be escaped too
 *
 * Tells it before GKeyFile would, whose own error repeats the value, and which warns where two escapes are
 * wrong.
 *
 * Returns: whether a "\" in it means nothing
 */
gboolean
aip_config_has_wrong_escape (const char *value, gboolean list)
{
  g_return_val_if_fail (value != NULL, FALSE);

  for (; *value != '\0'; value++)
    if (*value == '\\')
      {
        value++;
        if (*value == '\0' || strchr (list ? "sntr\\;" : "sntr\\", *value) == NULL)
          return TRUE;
      }
  return FALSE;
}

/**
 * aip_config_escape:
 * @text: what a setting is to mean: one line without blanks around it
 * @item: whether it is one entry of a list
 *
 * Returns: (transfer full): how it stands in a file
 */
char *
aip_config_escape (const char *text, gboolean item)
{
  GString *escaped;

  g_return_val_if_fail (text != NULL, NULL);

  escaped = g_string_sized_new (strlen (text) + 1);
  for (; *text != '\0'; text++)
    if (*text == '\\' || (item && *text == ';'))
      g_string_append_printf (escaped, "\\%c", *text);
    else if (*text == '\t')
      g_string_append (escaped, "\\t");
    else
      g_string_append_c (escaped, *text);
  return g_string_free (escaped, FALSE);
}
