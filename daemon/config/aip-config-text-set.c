/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-text-set.h"

#include <string.h>

#include "config/aip-config-document.h"

static gboolean
is_group (const AipConfigLine *line, const char *group)
{
  return line->kind == AIP_CONFIG_LINE_GROUP && line->name_length == strlen (group) &&
         memcmp (line->name, group, line->name_length) == 0;
}

/* The first header of that name, as in a document of the whole text. Lines are read only where it stands: in
 * a file of thousands of groups most of them do not matter. */
static const char *
find_header (const char *text, const char *end, const char *group)
{
  g_autofree char *header = g_strconcat ("[", group, "]", NULL);
  gsize length = strlen (header);

  for (const char *place = text; (place = memmem (place, end - place, header, length)) != NULL; place++)
    {
      const char *newline = memrchr (text, '\n', place - text);
      const char *start = newline == NULL ? text : newline + 1;
      AipConfigLine line;

      aip_config_line_read (&line, start, end);
      if (is_group (&line, group))
        return start;
    }
  return NULL;
}

/* Where the section that begins at @text ends. */
static const char *
find_section_end (const char *text, const char *end)
{
  AipConfigLine line;

  for (text = aip_config_line_read (&line, text, end); text < end;)
    {
      const char *next = aip_config_line_read (&line, text, end);

      if (line.kind == AIP_CONFIG_LINE_GROUP)
        break;
      text = next;
    }
  return text;
}

/**
 * aip_config_text_set:
 * @text: a config file, valid or not
 * @group: full name of a group
 * @key: name of a setting
 * @value: its value as it is to stand in the file
 *
 * Does what aip_config_document_set () does, with a document of the group alone: most of a large file is
 * neither read nor taken apart.
 *
 * Returns: (transfer full) (nullable): the new text; NULL: the group is not there
 */
char *
aip_config_text_set (const char *text, const char *group, const char *key, const char *value)
{
  g_autoptr (AipConfigDocument) document = NULL;
  g_autofree char *changed = NULL;
  const char *section;
  const char *rest;
  GString *all;
  gsize length;

  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (group != NULL, NULL);
  g_return_val_if_fail (key != NULL, NULL);
  g_return_val_if_fail (value != NULL, NULL);

  length = strlen (text);
  section = find_header (text, text + length, group);
  if (section == NULL)
    return NULL;
  rest = find_section_end (section, text + length);
  document = aip_config_document_new (section, rest - section);
  aip_config_document_use_line_end (document, text, length);
  aip_config_document_set (document, group, key, value);
  changed = aip_config_document_to_text (document);

  all = g_string_sized_new (length + strlen (changed) + 1);
  g_string_append_len (all, text, section - text);
  g_string_append (all, changed);
  g_string_append (all, rest);
  return g_string_free (all, FALSE);
}
