/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl"

#include "ctl/aip-ctl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/aip-error.h"
#include "client/aip-remote-error.h"
#include "ctl/aip-ctl-json.h"

/**
 * aip_ctl_clear:
 * @self: the program's state
 *
 * Frees what it owns.
 */
void
aip_ctl_clear (AipCtl *self)
{
  g_return_if_fail (self != NULL);

  g_clear_object (&self->remote);
}

/**
 * aip_ctl_connect:
 * @self: the program's state
 * @error: return location for an error
 *
 * Connects to the daemon, and starts it, the first time it is called.
 *
 * Returns: (transfer none) (nullable): the daemon
 */
AipRemote *
aip_ctl_connect (AipCtl *self, GError **error)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (self->remote == NULL)
    self->remote = aip_remote_new_sync (self->bus, AIP_REMOTE_FLAGS_NONE, NULL, error);
  return self->remote;
}

/**
 * aip_ctl_exit_of:
 * @error: what a command failed with
 *
 * Returns: what the program exits with
 */
AipCtlExit
aip_ctl_exit_of (const GError *error)
{
  g_return_val_if_fail (error != NULL, AIP_CTL_FAILED);

  if (error->domain == G_OPTION_ERROR)
    return AIP_CTL_USAGE;
  if (aip_remote_error_is_unreachable (error))
    return AIP_CTL_UNREACHABLE;
  return g_error_matches (error, AIP_ERROR, AIP_ERROR_NOT_FOUND) ? AIP_CTL_NOT_FOUND : AIP_CTL_FAILED;
}

/* Control characters do not reach a terminal, but for line breaks. */
static void
write_line (FILE *file, const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GString) out = g_string_new (NULL);

  for (char **line = lines; *line != NULL; line++)
    {
      aip_ctl_print_append (out, *line);
      g_string_append_c (out, '\n');
    }
  fputs (out->str, file);
}

/**
 * aip_ctl_complain:
 * @message: what is wrong, and what to do
 *
 * Writes an error to stderr.
 */
void
aip_ctl_complain (const char *message)
{
  g_autofree char *line = NULL;

  g_return_if_fail (message != NULL);

  line = g_strconcat ("aiproxyctl: ", message, NULL);
  write_line (stderr, line);
}

/**
 * aip_ctl_write:
 * @text: lines that are fit to print
 *
 * Writes them to stdout at once, for whoever follows.
 */
void
aip_ctl_write (const char *text)
{
  g_return_if_fail (text != NULL);

  fputs (text, stdout);
  fflush (stdout);
}

/**
 * aip_ctl_say:
 * @self: the program's state
 * @format: as of printf ()
 *
 * Writes one line for people to stdout; nothing where JSON is wanted.
 */
void
aip_ctl_say (AipCtl *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  g_return_if_fail (self != NULL);
  g_return_if_fail (format != NULL);

  if (self->json)
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  write_line (stdout, text);
}

/**
 * aip_ctl_print_json:
 * @self: the program's state
 * @value: what to print; a floating reference is consumed
 *
 * Writes one JSON document to stdout.
 */
void
aip_ctl_print_json (AipCtl *self, GVariant *value)
{
  g_autoptr (GVariant) owned = NULL;
  g_autofree char *text = NULL;

  g_return_if_fail (self != NULL);
  g_return_if_fail (value != NULL);

  owned = g_variant_ref_sink (value);
  text = aip_ctl_json_format (owned, TRUE);
  puts (text);
}

/**
 * aip_ctl_print_table:
 * @self: the program's state
 * @table: a table
 *
 * Writes it to stdout.
 */
void
aip_ctl_print_table (AipCtl *self, const AipCtlTable *table)
{
  g_autofree char *text = NULL;

  g_return_if_fail (self != NULL);
  g_return_if_fail (table != NULL);

  text = aip_ctl_table_format (table, self->colour);
  fputs (text, stdout);
}

/**
 * aip_ctl_report:
 * @self: the program's state
 * @result: what was done: "added"
 * @kind: to what
 * @name: its name
 *
 * Tells that a change was made.
 *
 * Returns: AIP_CTL_DONE
 */
AipCtlExit
aip_ctl_report (AipCtl *self, const char *result, AipRemoteKind kind, const char *name)
{
  g_return_val_if_fail (self != NULL, AIP_CTL_FAILED);
  g_return_val_if_fail (result != NULL, AIP_CTL_FAILED);
  g_return_val_if_fail (name != NULL, AIP_CTL_FAILED);

  if (self->json)
    aip_ctl_print_json (self, g_variant_new_parsed ("{'result': %s, %s: %s}", result,
                                                    aip_remote_kind_to_string (kind), name));
  aip_ctl_say (self, "%s %s %s", aip_remote_kind_to_string (kind), name, result);
  return AIP_CTL_DONE;
}

/**
 * aip_ctl_report_nothing:
 * @self: the program's state
 * @text: why there is nothing to do
 *
 * Returns: AIP_CTL_NOTHING_TO_DO
 */
AipCtlExit
aip_ctl_report_nothing (AipCtl *self, const char *text)
{
  g_return_val_if_fail (self != NULL, AIP_CTL_FAILED);
  g_return_val_if_fail (text != NULL, AIP_CTL_FAILED);

  if (self->json)
    aip_ctl_print_json (self, g_variant_new_parsed ("{'result': 'nothing to do', 'text': %s}", text));
  aip_ctl_say (self, "%s", text);
  return AIP_CTL_NOTHING_TO_DO;
}

/**
 * aip_ctl_confirm:
 * @args: the command's words; with --yes nobody is asked
 * @question: what to ask
 *
 * Asks before something is lost, where there is a terminal to ask on.
 *
 * Returns: whether to go on
 */
gboolean
aip_ctl_confirm (const AipCtlArgs *args, const char *question)
{
  g_autoptr (GString) text = NULL;
  char answer[16];

  g_return_val_if_fail (args != NULL, FALSE);
  g_return_val_if_fail (question != NULL, FALSE);

  if (aip_ctl_args_has (args, "yes") || !isatty (STDIN_FILENO) || !isatty (STDERR_FILENO))
    return TRUE;
  text = g_string_new (NULL);
  aip_ctl_print_append (text, question);
  fprintf (stderr, "%s [y/N] ", text->str);
  fflush (stderr);
  return fgets (answer, sizeof answer, stdin) != NULL && g_ascii_tolower (answer[0]) == 'y';
}

/**
 * aip_ctl_no_options:
 *
 * Returns: (transfer floating): an empty a{sv}
 */
GVariant *
aip_ctl_no_options (void)
{
  return g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);
}
