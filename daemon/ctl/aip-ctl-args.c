/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-args"

#include "ctl/aip-ctl-args.h"

#include <string.h>

#include "ctl/aip-ctl-near.h"

struct _AipCtlArgs
{
  GPtrArray *words;    /* of char; ends with NULL */
  GHashTable *options; /* name to GPtrArray of char, which ends with NULL */
};

/**
 * aip_ctl_args_new:
 *
 * Returns: (transfer full): no words
 */
AipCtlArgs *
aip_ctl_args_new (void)
{
  AipCtlArgs *self = g_new0 (AipCtlArgs, 1);

  self->words = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (self->words, NULL);
  self->options = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  return self;
}

/**
 * aip_ctl_args_free:
 * @self: words
 *
 * Frees them.
 */
void
aip_ctl_args_free (AipCtlArgs *self)
{
  g_return_if_fail (self != NULL);

  g_ptr_array_unref (self->words);
  g_hash_table_unref (self->options);
  g_free (self);
}

static void
add (GPtrArray *list, const char *word)
{
  list->pdata[list->len - 1] = g_strdup (word);
  g_ptr_array_add (list, NULL);
}

static void
set_option (AipCtlArgs *self, const char *name, const char *value)
{
  GPtrArray *values = g_hash_table_lookup (self->options, name);

  if (values == NULL)
    {
      values = g_ptr_array_new_with_free_func (g_free);
      g_ptr_array_add (values, NULL);
      g_hash_table_insert (self->options, g_strdup (name), values);
    }
  if (value != NULL)
    add (values, value);
}

/**
 * aip_ctl_args_find_option:
 * @tables: lists of options, each ending with a NULL name; the last of them is followed by NULL
 * @name: a long name, or a letter
 *
 * Returns: (transfer none) (nullable): the option
 */
const AipCtlOption *
aip_ctl_args_find_option (const AipCtlOption *const *tables, const char *name)
{
  g_return_val_if_fail (tables != NULL, NULL);
  g_return_val_if_fail (name != NULL, NULL);

  for (gsize i = 0; tables[i] != NULL; i++)
    for (const AipCtlOption *option = tables[i]; option->name != NULL; option++)
      if (g_str_equal (option->name, name) ||
          (option->letter != '\0' && name[0] == option->letter && name[1] == '\0'))
        return option;
  return NULL;
}

static void
set_unknown (GError **error, const AipCtlOption *const *tables, const char *name)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *near;

  for (gsize i = 0; tables[i] != NULL; i++)
    for (const AipCtlOption *option = tables[i]; option->name != NULL; option++)
      g_ptr_array_add (names, (char *) option->name);
  near = aip_ctl_near_find (names, name);
  if (near != NULL)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
                 "there is no option \"--%s\" here; did you mean \"--%s\"?", name, near);
  else
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, "there is no option \"--%s\" here",
                 name);
}

/* Takes the option in @word, and its value, which may be @next; says in @taken whether it is. */
static gboolean
parse_option (AipCtlArgs *self,
              const AipCtlOption *const *tables,
              const char *word,
              const char *next,
              gboolean *taken,
              GError **error)
{
  const char *text = word + (word[1] == '-' ? 2 : 1);
  const char *equals = strchr (text, '=');
  g_autofree char *name = equals != NULL ? g_strndup (text, (gsize) (equals - text)) : g_strdup (text);
  gboolean is_form = (word[1] == '-') == (strlen (name) > 1);
  const AipCtlOption *option = is_form ? aip_ctl_args_find_option (tables, name) : NULL;
  const char *value = equals != NULL ? equals + 1 : next;

  *taken = FALSE;
  if (option == NULL)
    {
      set_unknown (error, tables, name);
      return FALSE;
    }
  if (option->value == NULL && equals != NULL)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--%s takes no value", option->name);
      return FALSE;
    }
  if (option->value != NULL && value == NULL)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--%s wants a value: --%s %s",
                   option->name, option->name, option->value);
      return FALSE;
    }
  *taken = option->value != NULL && equals == NULL;
  set_option (self, option->name, option->value != NULL ? value : NULL);
  return TRUE;
}

/**
 * aip_ctl_args_parse:
 * @self: where to put them
 * @tables: lists of options that there are, each ending with a NULL name; the last is followed by NULL
 * @words: (array zero-terminated=1): what to take apart; behind "--" nothing is an option
 * @error: return location for an error
 *
 * Options may stand before, between and behind the other words.
 *
 * Returns: whether all options are known and have values where they want them; G_OPTION_ERROR if not
 */
gboolean
aip_ctl_args_parse (AipCtlArgs *self, const AipCtlOption *const *tables, char **words, GError **error)
{
  gboolean only_words = FALSE;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (tables != NULL, FALSE);
  g_return_val_if_fail (words != NULL, FALSE);

  for (char **word = words; *word != NULL; word++)
    {
      gboolean taken;

      if (only_words || (*word)[0] != '-' || (*word)[1] == '\0')
        add (self->words, *word);
      else if (g_str_equal (*word, "--"))
        only_words = TRUE;
      else if (!parse_option (self, tables, *word, word[1], &taken, error))
        return FALSE;
      else if (taken)
        word++;
    }
  return TRUE;
}

/**
 * aip_ctl_args_has:
 * @self: words
 * @option: a long name
 *
 * Returns: whether the option is there
 */
gboolean
aip_ctl_args_has (const AipCtlArgs *self, const char *option)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return g_hash_table_contains (self->options, option);
}

/**
 * aip_ctl_args_get:
 * @self: words
 * @option: a long name
 *
 * Returns: (transfer none) (nullable): the option's value, the last one where there are several
 */
const char *
aip_ctl_args_get (const AipCtlArgs *self, const char *option)
{
  GPtrArray *values;

  g_return_val_if_fail (self != NULL, NULL);

  values = g_hash_table_lookup (self->options, option);
  return values != NULL && values->len > 1 ? g_ptr_array_index (values, values->len - 2) : NULL;
}

/**
 * aip_ctl_args_get_all:
 * @self: words
 * @option: a long name
 *
 * Returns: (transfer none) (array zero-terminated=1): all values of the option, in order
 */
const char *const *
aip_ctl_args_get_all (const AipCtlArgs *self, const char *option)
{
  static const char *const none[] = { NULL };
  GPtrArray *values;

  g_return_val_if_fail (self != NULL, none);

  values = g_hash_table_lookup (self->options, option);
  return values != NULL ? (const char *const *) values->pdata : none;
}

/**
 * aip_ctl_args_count:
 * @self: words
 *
 * Returns: how many words there are beside options
 */
guint
aip_ctl_args_count (const AipCtlArgs *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->words->len - 1;
}

/**
 * aip_ctl_args_nth:
 * @self: words
 * @n: from 0
 *
 * Returns: (transfer none) (nullable): the word; NULL: there are fewer
 */
const char *
aip_ctl_args_nth (const AipCtlArgs *self, guint n)
{
  g_return_val_if_fail (self != NULL, NULL);

  return n < self->words->len ? g_ptr_array_index (self->words, n) : NULL;
}

/**
 * aip_ctl_args_from:
 * @self: words
 * @n: from 0; there are so many
 *
 * Returns: (transfer none) (array zero-terminated=1): the words from @n on
 */
const char *const *
aip_ctl_args_from (const AipCtlArgs *self, guint n)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (n < self->words->len, NULL);

  return (const char *const *) self->words->pdata + n;
}

/**
 * aip_ctl_args_drop:
 * @self: words
 * @n: how many
 *
 * Takes the first @n words away: those that name the command.
 */
void
aip_ctl_args_drop (AipCtlArgs *self, guint n)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (n < self->words->len);

  if (n > 0)
    g_ptr_array_remove_range (self->words, 0, n);
}

/**
 * aip_ctl_arguments_count:
 * @arguments: what a command takes, as in its help: "NAME", "ALIAS TARGET...", "[SECONDS]"
 * @min: (out): how many words at least
 * @max: (out): how many at most; G_MAXUINT: any number
 */
void
aip_ctl_arguments_count (const char *arguments, guint *min, guint *max)
{
  g_auto (GStrv) words = NULL;

  g_return_if_fail (arguments != NULL);

  *min = *max = 0;
  words = g_strsplit (arguments, " ", -1);
  for (char **word = words; *word != NULL; word++)
    {
      if ((*word)[0] == '\0')
        continue;
      *min += (*word)[0] != '[';
      *max = g_str_has_suffix (*word, "...") || g_str_has_suffix (*word, "...]") ? G_MAXUINT : *max + 1;
    }
}

/**
 * aip_ctl_arguments_nth:
 * @arguments: what a command takes
 * @n: from 0
 * @length: (out): how long the returned name is
 *
 * Returns: (transfer none) (nullable): what the word @n is called, without brackets and dots; NULL: there is
 * none
 */
const char *
aip_ctl_arguments_nth (const char *arguments, guint n, gsize *length)
{
  const char *word = arguments;

  g_return_val_if_fail (arguments != NULL, NULL);

  for (;;)
    {
      gsize end = strcspn (word, " ");
      gboolean repeats = g_strstr_len (word, (gssize) end, "...") != NULL;

      if (end == 0)
        return NULL;
      if (n == 0 || repeats)
        {
          word += word[0] == '[';
          *length = strcspn (word, " .]");
          return word;
        }
      n--;
      word += end + (word[end] == ' ');
    }
}
