/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-help"

#include "ctl/aip-ctl-help.h"

#include <string.h>

#define COLUMNS 90

/* Breaks text into lines that begin at @indent; the first one goes on where the caller is. */
static void
append_wrapped (GString *out, const char *text, gsize indent)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  gsize column = indent;

  for (char **word = words; *word != NULL; word++)
    {
      gsize length = strlen (*word);

      if (column > indent && column + 1 + length > COLUMNS)
        {
          g_string_append_c (out, '\n');
          aip_ctl_print_append_padding (out, indent);
          column = indent;
        }
      else if (column > indent)
        {
          g_string_append_c (out, ' ');
          column++;
        }
      g_string_append (out, *word);
      column += length;
    }
  g_string_append_c (out, '\n');
}

/* "  left    right", @width being that of the column on the left. */
static void
append_entry (GString *out, const char *left, const char *right, gsize width)
{
  gsize length = strlen (left);

  g_string_append_printf (out, "  %s", left);
  aip_ctl_print_append_padding (out, (length < width ? width - length : 0) + 2);
  append_wrapped (out, right, width + 4);
}

static char *
spell_option (const AipCtlOption *option)
{
  return g_strdup_printf ("%c%c%s--%s%s%s", option->letter != 0 ? '-' : ' ',
                          option->letter != 0 ? option->letter : ' ', option->letter != 0 ? ", " : "  ",
                          option->name, option->value != NULL ? " " : "",
                          option->value != NULL ? option->value : "");
}

static void
append_options (GString *out, const char *title, const AipCtlOption *options)
{
  gsize width = 0;

  for (const AipCtlOption *option = options; option->name != NULL; option++)
    {
      g_autofree char *spelled = spell_option (option);

      width = MAX (width, strlen (spelled));
    }
  g_string_append_printf (out, "\n%s\n", title);
  for (const AipCtlOption *option = options; option->name != NULL; option++)
    {
      g_autofree char *spelled = spell_option (option);

      append_entry (out, spelled, option->doc, width);
    }
}

static char *
spell_command (const AipCtlCommand *command)
{
  return g_strconcat (command->name, command->arguments[0] != '\0' ? " " : "", command->arguments, NULL);
}

static gsize
measure (const char *group)
{
  guint n_commands;
  const AipCtlCommand *commands = aip_ctl_command_get_all (&n_commands);
  gsize width = 0;

  for (guint i = 0; i < n_commands; i++)
    if (commands[i].name != NULL && (group == NULL || aip_ctl_command_is_in_group (&commands[i], group)))
      {
        g_autofree char *spelled = spell_command (&commands[i]);

        width = MAX (width, strlen (spelled));
      }
  return width;
}

/**
 * aip_ctl_help_format_overview:
 * @group: (nullable): the first word of several commands, to show these alone
 *
 * Returns: (transfer full): the help on all commands, or on those of @group
 */
char *
aip_ctl_help_format_overview (const char *group)
{
  guint n_commands;
  const AipCtlCommand *commands = aip_ctl_command_get_all (&n_commands);
  GString *out = g_string_new (NULL);
  gsize width = measure (group);

  if (group == NULL)
    g_string_append (out,
                     "Usage: aiproxyctl [OPTION...] COMMAND\n\nControls the AI Proxy daemon over D-Bus.\n");
  else
    g_string_append_printf (out, "Usage: aiproxyctl %s COMMAND\n\n", group);
  for (guint i = 0; i < n_commands; i++)
    if (commands[i].name == NULL && group == NULL)
      g_string_append_printf (out, "\n%s\n", commands[i].doc);
    else if (commands[i].name != NULL && (group == NULL || aip_ctl_command_is_in_group (&commands[i], group)))
      {
        g_autofree char *spelled = spell_command (&commands[i]);

        append_entry (out, spelled, commands[i].doc, width);
      }
  append_options (out, "Options", aip_ctl_global_options);
  g_string_append (out, "\nMore on one command: aiproxyctl COMMAND --help\n"
                        "Exit codes: 0 done, 1 failed, 2 nothing to do, 3 not found, 64 usage, 69 daemon not "
                        "reachable\n");
  return g_string_free (out, FALSE);
}

/**
 * aip_ctl_help_format_command:
 * @command: a command
 *
 * Returns: (transfer full): the help on it
 */
char *
aip_ctl_help_format_command (const AipCtlCommand *command)
{
  GString *out = g_string_new ("Usage: aiproxyctl ");

  g_return_val_if_fail (command != NULL && command->name != NULL, NULL);

  g_string_append_printf (out, "%s%s%s%s\n\n", command->name, command->options != NULL ? " [OPTION...]" : "",
                          command->arguments[0] != '\0' ? " " : "", command->arguments);
  g_string_append_printf (out, "%s.\n", command->doc);
  if (command->help != NULL)
    {
      g_string_append_c (out, '\n');
      append_wrapped (out, command->help, 0);
    }
  if (command->options != NULL)
    append_options (out, "Options", command->options);
  append_options (out, "Options of all commands", aip_ctl_global_options);
  if (command->example != NULL)
    g_string_append_printf (out, "\nExample\n  %s\n", command->example);
  return g_string_free (out, FALSE);
}
