/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aiproxyctl"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "aip-build.h"
#include "client/aip-remote-error.h"
#include "ctl/aip-ctl-choices.h"
#include "ctl/aip-ctl-command.h"
#include "ctl/aip-ctl-complete.h"
#include "ctl/aip-ctl-help.h"
#include "ctl/aip-ctl-secret.h"

/* @command: (nullable): what was to be done */
static int
fail (GError *error, const AipCtlCommand *command)
{
  AipCtlExit code = aip_ctl_exit_of (error);

  aip_remote_error_tidy (error);
  aip_ctl_complain (error->message);
  if (code == AIP_CTL_USAGE)
    fprintf (stderr, "Try: aiproxyctl %s%s--help\n", command != NULL ? command->name : "",
             command != NULL ? " " : "");
  return code;
}

/* What goes over D-Bus is UTF-8; so is whatever the daemon or a provider has a name for. */
static gboolean
check_encoding (char **words, GError **error)
{
  for (char **word = words; *word != NULL; word++)
    if (!g_utf8_validate (*word, -1, NULL))
      {
        g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                     "an argument is not UTF-8: type it again");
        return FALSE;
      }
  return TRUE;
}

/* Nothing has an empty name. */
static gboolean
check_words (const AipCtlArgs *args, GError **error)
{
  for (guint i = 0; i < aip_ctl_args_count (args); i++)
    if (*aip_ctl_args_nth (args, i) == '\0')
      {
        g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "an argument is empty: type a name");
        return FALSE;
      }
  return TRUE;
}

/* The words are not repeated: the one too many may be a secret. */
static gboolean
check_count (const AipCtlCommand *command, const AipCtlArgs *args, GError **error)
{
  guint min, max, count = aip_ctl_args_count (args);

  aip_ctl_arguments_count (command->arguments, &min, &max);
  if (count >= min && count <= max)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "%s takes %s%s: aiproxyctl %s%s%s",
               command->name, count < min ? "more than that" : "no more arguments than these",
               count > max && g_str_has_prefix (command->name, "key ") ? ", and no secret among them" : "",
               command->name, command->arguments[0] != '\0' ? " " : "", command->arguments);
  return FALSE;
}

/* Finds the command without knowing its options yet: an option's value may look like a word of it. */
static const AipCtlCommand *
find_command (char **words, guint *n_words)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (char **word = words; *word != NULL && !g_str_equal (*word, "--"); word++)
    if ((*word)[0] != '-')
      g_ptr_array_add (names, *word);
    else if (g_str_equal (*word, "--bus") && word[1] != NULL)
      word++;
  g_ptr_array_add (names, NULL);
  return aip_ctl_command_find ((const char *const *) names->pdata, n_words);
}

static int
run (AipCtl *ctl, const AipCtlCommand *command, AipCtlArgs *args)
{
  g_autoptr (GError) error = NULL;
  AipCtlExit code;

  if (!check_count (command, args, &error) || !check_words (args, &error) ||
      !aip_ctl_choices_check (command, args, &error))
    return fail (error, command);
  if (g_strcmp0 (aip_ctl_args_get (args, "bus"), "system") == 0)
    ctl->bus = G_BUS_TYPE_SYSTEM;
  ctl->json = aip_ctl_args_has (args, "json");
  ctl->colour = !ctl->json && aip_ctl_print_wants_colour (STDOUT_FILENO);
  code = command->run (ctl, args, &error);
  return error != NULL ? fail (error, command) : (int) code;
}

/* There is no command among the words: help was asked for, or is needed. */
static int
run_none (const AipCtlArgs *args)
{
  const char *word = aip_ctl_args_nth (args, 0);
  gboolean is_group = word != NULL && aip_ctl_command_is_group (word);
  g_autoptr (GError) error = NULL;
  g_autofree char *help = NULL;

  if (aip_ctl_args_has (args, "version"))
    {
      printf ("aiproxyctl %s\n", AIP_VERSION);
      return AIP_CTL_DONE;
    }
  help = aip_ctl_help_format_overview (is_group ? word : NULL);
  if (aip_ctl_args_has (args, "help") && (word == NULL || is_group))
    {
      fputs (help, stdout);
      return AIP_CTL_DONE;
    }
  if (word == NULL)
    {
      fputs (help, stderr);
      return AIP_CTL_USAGE;
    }
  aip_ctl_command_set_unknown (&error, aip_ctl_args_from (args, 0));
  return fail (error, NULL);
}

static int
interpret (AipCtl *ctl, char **words)
{
  g_autoptr (AipCtlArgs) args = aip_ctl_args_new ();
  g_autoptr (GError) error = NULL;
  guint n_words = 0;
  const AipCtlCommand *command = find_command (words, &n_words);
  const AipCtlOption *const tables[] = { aip_ctl_global_options, command != NULL ? command->options : NULL,
                                         NULL };

  if (!aip_ctl_secret_check_words ((const char *const *) words, &error) || !check_encoding (words, &error) ||
      !aip_ctl_args_parse (args, tables, words, &error))
    return fail (error, command);
  if (command == NULL || aip_ctl_args_has (args, "version"))
    return run_none (args);
  if (aip_ctl_args_has (args, "help"))
    {
      g_autofree char *help = aip_ctl_help_format_command (command);

      fputs (help, stdout);
      return AIP_CTL_DONE;
    }
  aip_ctl_args_drop (args, n_words);
  return run (ctl, command, args);
}

/* Output that did not arrive is a failure, but that a reader had enough (`| head`) is not worth a word. */
static int
flush (int code)
{
  if (fflush (stdout) == 0 && !ferror (stdout))
    return code;
  if (errno != EPIPE)
    aip_ctl_complain ("cannot write the output");
  return code == AIP_CTL_DONE ? AIP_CTL_FAILED : code;
}

int
main (int argc, char **argv)
{
  g_auto (AipCtl) ctl = { .bus = G_BUS_TYPE_SESSION };

  setlocale (LC_ALL, "");
  if (argc >= 2 && g_str_equal (argv[1], "__complete"))
    {
      aip_ctl_complete (&ctl, argv + 2);
      return flush (AIP_CTL_DONE);
    }
  return flush (interpret (&ctl, argv + 1));
}
