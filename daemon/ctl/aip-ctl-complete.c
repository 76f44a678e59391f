/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-complete"

#include "ctl/aip-ctl-complete.h"

#include <stdio.h>
#include <string.h>

#include "ctl/aip-ctl-choices.h"
#include "ctl/aip-ctl-command.h"
#include "ctl/aip-ctl-schema.h"

/* What a shell asks for: the words before the one that is typed, and its beginning. */
typedef struct
{
  AipCtl *ctl;
  const AipCtlCommand *command; /* (nullable) */
  const char *start;
} Completion;

static void
offer (const Completion *self, const char *word, const char *doc)
{
  g_autoptr (GString) line = g_string_new (NULL);

  if (!g_str_has_prefix (word, self->start))
    return;
  aip_ctl_print_append (line, word);
  if (doc != NULL && doc[0] != '\0')
    {
      g_string_append_c (line, '\t');
      aip_ctl_print_append (line, doc);
    }
  puts (line->str);
}

static void
offer_choices (const Completion *self, const char *before, const char *choices)
{
  g_auto (GStrv) words = g_strsplit (choices, ";", -1);

  for (char **word = words; *word != NULL; word++)
    {
      g_autofree char *whole = g_strconcat (before, *word, NULL);

      offer (self, whole, NULL);
    }
}

/* Nothing is started, and nothing is said, while somebody is typing. */
static AipRemote *
look (const Completion *self)
{
  if (self->ctl->remote == NULL)
    self->ctl->remote = aip_remote_new_sync (self->ctl->bus, AIP_REMOTE_NO_START, NULL, NULL);
  return self->ctl->remote != NULL && aip_remote_is_running (self->ctl->remote) ? self->ctl->remote : NULL;
}

static void
offer_names (const Completion *self, AipRemoteKind kind)
{
  AipRemote *remote = look (self);
  g_autoptr (GPtrArray) objects = remote != NULL ? aip_remote_list_sync (remote, kind, NULL, NULL) : NULL;

  for (guint i = 0; objects != NULL && i < objects->len; i++)
    offer (self, aip_remote_object_get_name (kind, g_ptr_array_index (objects, i)), NULL);
}

static void
offer_models (const Completion *self)
{
  AipRemote *remote = look (self);
  g_autoptr (GVariant) models = NULL;
  GVariantIter iter;
  GVariant *model;

  if (remote == NULL || !aip_bus_manager_call_list_models_sync (aip_remote_get_manager (remote),
                                                                aip_ctl_no_options (), &models, NULL, NULL))
    return;
  g_variant_iter_init (&iter, models);
  while (g_variant_iter_loop (&iter, "@a{sv}", &model))
    {
      offer (self, aip_ctl_print_lookup (model, "id"), aip_ctl_print_lookup (model, "owner"));
    }
}

/* Groups that have no name of their own. */
static void
offer_groups (const Completion *self)
{
  const char *last = "";

  for (const AipCtlSchemaRow *row = aip_ctl_schema; row->group != NULL; row++)
    if (!row->named && !g_str_equal (row->group, last))
      {
        offer (self, row->group, NULL);
        last = row->group;
      }
}

/* @group: of which the settings are; what stands behind "=" is completed where there are choices. */
static void
offer_settings (const Completion *self, const char *group)
{
  const char *equals = strchr (self->start, '=');

  for (const AipCtlSchemaRow *row = aip_ctl_schema; row->group != NULL; row++)
    {
      g_autofree char *before = g_strconcat (row->key, "=", NULL);

      if (!g_str_equal (row->group, group) || g_str_equal (row->key, "token-sha256"))
        continue;
      if (equals == NULL)
        offer (self, before, row->doc);
      else if (g_str_has_prefix (self->start, before))
        offer_choices (self, before, row->choices);
    }
}

/* Which objects a command of two words is about. */
static gboolean
find_kind (const AipCtlCommand *command, AipRemoteKind *kind)
{
  for (int i = 0; i < AIP_N_REMOTE_KINDS; i++)
    if (aip_ctl_command_is_in_group (command, aip_remote_kind_to_string (i)))
      {
        *kind = i;
        return TRUE;
      }
  return FALSE;
}

static gboolean
is (const char *name, gsize length, const char *wanted)
{
  return strlen (wanted) == length && memcmp (name, wanted, length) == 0;
}

/* @name: what the help calls the word: that says what it may be. @group: of "config set" */
static void
offer_argument (const Completion *self, const char *name, gsize length, const char *group)
{
  const char *choices = aip_ctl_choices_find (name, length);
  AipRemoteKind kind;

  if (choices != NULL)
    offer_choices (self, "", choices);
  else if (is (name, length, "KEY=VALUE"))
    offer_settings (self, find_kind (self->command, &kind) ? aip_remote_kind_to_string (kind) : group);
  else if (is (name, length, "NAME"))
    {
      if (find_kind (self->command, &kind) && !g_str_has_suffix (self->command->name, " add"))
        offer_names (self, kind);
    }
  else if (is (name, length, "PROVIDER"))
    offer_names (self, AIP_REMOTE_PROVIDER);
  else if (is (name, length, "CLIENT"))
    offer_names (self, AIP_REMOTE_CLIENT);
  else if (is (name, length, "ALIAS"))
    offer_names (self, AIP_REMOTE_MAPPING);
  else if (is (name, length, "MODEL") || is (name, length, "TARGET"))
    offer_models (self);
  else if (is (name, length, "GROUP"))
    offer_groups (self);
  else if (is (name, length, "SOURCE"))
    offer_choices (self, "", "keyring;env:;credential:");
  else if (is (name, length, "KEY"))
    offer_names (self, AIP_REMOTE_KEY);
}

static void
offer_options (const Completion *self, const AipCtlOption *options)
{
  for (const AipCtlOption *option = options; option != NULL && option->name != NULL; option++)
    {
      g_autofree char *word = g_strconcat ("--", option->name, NULL);

      offer (self, word, option->doc);
    }
}

/* The first words of commands, or the second ones behind @group. */
static void
offer_commands (const Completion *self, const char *group)
{
  g_autoptr (GHashTable) met = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint n_commands;
  const AipCtlCommand *commands = aip_ctl_command_get_all (&n_commands);

  for (guint i = 0; i < n_commands; i++)
    {
      const char *name = commands[i].name;
      const char *blank = name != NULL ? strchr (name, ' ') : NULL;
      char *first = name != NULL ? g_strndup (name, strcspn (name, " ")) : NULL;

      if (group != NULL && name != NULL && aip_ctl_command_is_in_group (&commands[i], group))
        offer (self, blank + 1, commands[i].doc);
      else if (group == NULL && name != NULL && !g_hash_table_contains (met, first))
        {
          offer (self, first, blank != NULL ? NULL : commands[i].doc);
          g_hash_table_add (met, g_steal_pointer (&first));
        }
      g_free (first);
    }
}

/* The option that wants the word which is typed as its value. */
static const AipCtlOption *
find_pending (const AipCtlOption *const *tables, const char *before)
{
  const AipCtlOption *option;

  if (before == NULL || !g_str_has_prefix (before, "--") || strchr (before, '=') != NULL)
    return NULL;
  option = aip_ctl_args_find_option (tables, before + 2);
  return option != NULL && option->value != NULL ? option : NULL;
}

/* The words beside options; options that want a value take it along. */
static AipCtlArgs *
parse (const AipCtlOption *const *tables, char **words)
{
  AipCtlArgs *args = aip_ctl_args_new ();

  /* Half a command line is often wrong; what was understood before is what there is. */
  (void) aip_ctl_args_parse (args, tables, words, NULL);
  return args;
}

/* The command so far, wherever options stand. */
static const AipCtlCommand *
find_command (char **words, guint *n_words)
{
  const AipCtlOption *tables[] = { aip_ctl_global_options, NULL };
  g_autoptr (AipCtlArgs) args = parse (tables, words);

  return aip_ctl_command_find (aip_ctl_args_from (args, 0), n_words);
}

static void
complete_word (Completion *self, const AipCtlOption *const *tables, AipCtlArgs *args, const char *before)
{
  const AipCtlOption *pending = find_pending (tables, before);
  const char *name;
  gsize length;
  const char *group = aip_ctl_args_nth (args, 0);

  if (pending != NULL)
    offer_argument (self, pending->value, strlen (pending->value), "");
  else if (self->start[0] == '-')
    {
      offer_options (self, self->command != NULL ? self->command->options : NULL);
      offer_options (self, aip_ctl_global_options);
    }
  else if (self->command != NULL)
    {
      name = aip_ctl_arguments_nth (self->command->arguments, aip_ctl_args_count (args), &length);
      if (name != NULL)
        offer_argument (self, name, length, group != NULL ? group : "");
    }
  else if (aip_ctl_args_count (args) == 0)
    offer_commands (self, NULL);
  else if (aip_ctl_args_count (args) == 1 && aip_ctl_command_is_group (group))
    offer_commands (self, group);
}

/**
 * aip_ctl_complete:
 * @ctl: the program's state
 * @words: (array zero-terminated=1): a command line without the program's name; the last word is being typed
 *
 * Prints what the last word may become, one on each line, with what it is behind a tab. This is what the
 * completions of all shells ask for: `aiproxyctl __complete WORD...`.
 */
void
aip_ctl_complete (AipCtl *ctl, char **words)
{
  guint n_words = g_strv_length (words), n_command = 0;
  g_auto (GStrv) typed = g_strdupv (words);
  Completion self = { .ctl = ctl };
  const AipCtlOption *tables[] = { aip_ctl_global_options, NULL, NULL };
  g_autoptr (AipCtlArgs) args = NULL;
  g_autofree char *start = NULL;

  g_return_if_fail (ctl != NULL);

  if (n_words == 0)
    return;
  start = typed[n_words - 1];
  typed[n_words - 1] = NULL;
  self.start = start;
  self.command = find_command (typed, &n_command);
  tables[1] = self.command != NULL ? self.command->options : NULL;
  args = parse (tables, typed);
  if (g_strcmp0 (aip_ctl_args_get (args, "bus"), "system") == 0)
    ctl->bus = G_BUS_TYPE_SYSTEM;
  aip_ctl_args_drop (args, n_command);
  complete_word (&self, tables, args, n_words > 1 ? typed[n_words - 2] : NULL);
}
