/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-choices"

#include "ctl/aip-ctl-choices.h"

#include <string.h>

#include "ctl/aip-ctl-schema.h"

/* What a value is called in the help, and what it may be: the choices of a setting, or a list of its own. */
static const struct
{
  const char *name;
  const char *group; /* (nullable) */
  const char *list;  /* where @group is set: the setting's key */
} closed[] = {
  { "BUS", NULL, "session;system" },
  { "DIALECT", "provider", "dialect" },
  { "OUTCOME", NULL, "succeeded;refused;client-fault;upstream-fault;truncated;cancelled" },
  { "PROTOCOL", NULL, "openai;anthropic;gemini;ollama" },
  { "SHELL", NULL, "sh;fish;csh" },
  { "STRATEGY", "routing", "strategy" },
};

static const char *
find_in_schema (const char *group, const char *key)
{
  for (const AipCtlSchemaRow *row = aip_ctl_schema; row->group != NULL; row++)
    if (g_str_equal (row->group, group) && g_str_equal (row->key, key))
      return row->choices;
  return NULL;
}

/**
 * aip_ctl_choices_find:
 * @name: what a value is called in the help: "STRATEGY"
 * @length: of @name, in bytes
 *
 * Returns: (transfer none) (nullable): all that it may be, with ";" between; NULL: that is not for this
 * program to say
 */
const char *
aip_ctl_choices_find (const char *name, gsize length)
{
  g_return_val_if_fail (name != NULL, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (closed); i++)
    if (strlen (closed[i].name) == length && memcmp (closed[i].name, name, length) == 0)
      return closed[i].group != NULL ? find_in_schema (closed[i].group, closed[i].list) : closed[i].list;
  return NULL;
}

/* The value is not repeated: it may be a secret in the wrong place. */
static gboolean
check (const char *what, const char *choices, const char *value, GError **error)
{
  g_auto (GStrv) words = g_strsplit (choices, ";", -1);
  g_autofree char *all = NULL;

  if (g_strv_contains ((const char *const *) words, value))
    return TRUE;
  all = g_strjoinv (", ", words);
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s takes one of %s", what, all);
  return FALSE;
}

static gboolean
check_options (const AipCtlOption *options, const AipCtlArgs *args, GError **error)
{
  for (const AipCtlOption *option = options; option != NULL && option->name != NULL; option++)
    {
      const char *choices =
          option->value != NULL ? aip_ctl_choices_find (option->value, strlen (option->value)) : NULL;
      const char *const *values = aip_ctl_args_get_all (args, option->name);
      g_autofree char *what = g_strconcat ("--", option->name, NULL);

      for (; choices != NULL && *values != NULL; values++)
        if (!check (what, choices, *values, error))
          return FALSE;
    }
  return TRUE;
}

/**
 * aip_ctl_choices_check:
 * @command: a command
 * @args: what it is given
 * @error: return location for an error
 *
 * Returns: whether all of @args that have a closed set of values have one of these; G_OPTION_ERROR if not
 */
gboolean
aip_ctl_choices_check (const AipCtlCommand *command, const AipCtlArgs *args, GError **error)
{
  g_return_val_if_fail (command != NULL, FALSE);
  g_return_val_if_fail (args != NULL, FALSE);

  for (guint i = 0; i < aip_ctl_args_count (args); i++)
    {
      gsize length = 0;
      const char *name = aip_ctl_arguments_nth (command->arguments, i, &length);
      const char *choices = name != NULL ? aip_ctl_choices_find (name, length) : NULL;

      if (choices != NULL && !check (command->name, choices, aip_ctl_args_nth (args, i), error))
        return FALSE;
    }
  return check_options (aip_ctl_global_options, args, error) && check_options (command->options, args, error);
}
