/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config-describe"

#include <stdio.h>
#include <string.h>

#include "config/aip-config-schema.h"

/*
 * Used by the build alone: brings the schema to where settings are written about.
 *
 *   aip-config-describe --rows            rows in C for completion
 *   aip-config-describe --man TEMPLATE    a page, with the settings of a group where the line "@GROUP@"
 * stands
 *
 * A page that leaves a group out, or has one that there is not, is an error.
 */

static void
append_c_string (GString *out, const char *text)
{
  g_autofree char *escaped = g_strescape (text, NULL);

  g_string_append_printf (out, "\"%s\", ", escaped);
}

static void
print_rows (void)
{
  g_autoptr (GString) out = g_string_new (
      "/* SPDX-License-Identifier: MIT */\n#include \"ctl/aip-ctl-schema.h\"\n\nconst AipCtlSchemaRow "
      "aip_ctl_schema[] = {\n");

  for (const AipSettingGroup *group = aip_setting_groups; group->name != NULL; group++)
    for (const AipSetting *setting = group->settings; setting->key != NULL; setting++)
      {
        g_autofree char *choices =
            setting->choices != NULL ? g_strjoinv (";", (char **) setting->choices) : g_strdup ("");
        gboolean is_switch =
            g_strcmp0 (setting->initial, "true") == 0 || g_strcmp0 (setting->initial, "false") == 0;

        g_string_append (out, "  { ");
        append_c_string (out, group->name);
        g_string_append (out, group->size > 0 ? "TRUE, " : "FALSE, ");
        append_c_string (out, setting->key);
        append_c_string (out, is_switch ? "true;false" : choices);
        append_c_string (out, setting->doc);
        g_string_append (out, "},\n");
      }
  g_string_append (out, "  { NULL },\n};\n");
  fputs (out->str, stdout);
}

/* What roff would take for a request or an escape. */
static void
append_roff (GString *out, const char *text)
{
  for (const char *p = text; *p != '\0'; p++)
    switch (*p)
      {
      case '\\':
        g_string_append (out, "\\e");
        break;
      case '-':
        g_string_append (out, "\\-");
        break;
      case '\'':
        g_string_append (out, "\\(aq");
        break;
      case ';':
        /* A long list may be broken behind each item. */
        g_string_append (out, ";\\:");
        break;
      case '`':
        g_string_append (out, "\\(ga");
        break;
      default:
        if (*p == '.' && p == text)
          g_string_append (out, "\\&");
        g_string_append_c (out, *p);
      }
}

static void
append_setting (GString *out, const AipSetting *setting)
{
  g_string_append (out, ".TP\n.B ");
  append_roff (out, setting->key);
  g_string_append_c (out, '\n');
  append_roff (out, setting->doc);
  if (setting->required)
    g_string_append (out, ". Required");
  else if (setting->initial != NULL && setting->initial[0] != '\0')
    {
      g_string_append (out, ". Default: ");
      append_roff (out, setting->initial);
    }
  g_string_append (out, setting->at_start ? ". A change counts from the next start on.\n" : ".\n");
}

static gboolean
append_group (GString *out, const char *name, GHashTable *met)
{
  const AipSettingGroup *group = aip_setting_group_find (name, NULL);

  if (group == NULL || !g_hash_table_add (met, (char *) group->name))
    return FALSE;
  for (const AipSetting *setting = group->settings; setting->key != NULL; setting++)
    append_setting (out, setting);
  return TRUE;
}

static gboolean
is_place (const char *line)
{
  gsize length = strlen (line);

  return length > 2 && line[0] == '@' && line[length - 1] == '@';
}

static int
print_page (const char *path)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) met = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GString) out = g_string_new (NULL);

  if (!g_file_get_contents (path, &text, NULL, &error))
    {
      fprintf (stderr, "%s\n", error->message);
      return 1;
    }
  lines = g_strsplit (g_strchomp (text), "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      g_autofree char *name = is_place (*line) ? g_strndup (*line + 1, strlen (*line) - 2) : NULL;

      if (name == NULL)
        g_string_append_printf (out, "%s\n", *line);
      else if (!append_group (out, name, met))
        {
          fprintf (stderr, "%s: %s: there is no such group, or it stands here twice\n", path, *line);
          return 1;
        }
    }
  for (const AipSettingGroup *group = aip_setting_groups; group->name != NULL; group++)
    if (!g_hash_table_contains (met, group->name))
      {
        fprintf (stderr, "%s: @%s@ is missing\n", path, group->name);
        return 1;
      }
  fputs (out->str, stdout);
  return 0;
}

int
main (int argc, char **argv)
{
  if (argc == 3 && g_str_equal (argv[1], "--man"))
    return print_page (argv[2]);
  if (argc != 2 || !g_str_equal (argv[1], "--rows"))
    return 64;
  print_rows ();
  return 0;
}
