/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-draft.h"

#include <string.h>

static void
source_free (void *data)
{
  AipConfigSource *self = data;

  g_free (self->name);
  g_key_file_unref (self->values);
  g_hash_table_unref (self->lines);
  g_free (self);
}

/**
 * aip_config_draft_new:
 * @problems: (element-type AipConfigProblem) (nullable): where to collect what is wrong; must outlive
 *   the draft
 *
 * Returns: (transfer full): a draft without sources
 */
AipConfigDraft *
aip_config_draft_new (GPtrArray *problems)
{
  AipConfigDraft *self = g_new0 (AipConfigDraft, 1);

  self->sources = g_ptr_array_new_with_free_func (source_free);
  self->problems = problems;
  return self;
}

/**
 * aip_config_draft_free:
 * @self: (transfer full): a draft
 */
void
aip_config_draft_free (AipConfigDraft *self)
{
  g_ptr_array_unref (self->sources);
  g_free (self);
}

/**
 * aip_config_draft_add_source:
 * @self: a draft
 * @kind: what kind of place that is
 * @name: where the settings come from
 *
 * Adds a source that is stronger than those before.
 *
 * Returns: (transfer none): the source, still empty
 */
AipConfigSource *
aip_config_draft_add_source (AipConfigDraft *self, AipConfigSourceKind kind, const char *name)
{
  AipConfigSource *source = g_new0 (AipConfigSource, 1);

  source->kind = kind;
  source->name = g_strdup (name);
  source->values = g_key_file_new ();
  source->lines = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_ptr_array_add (self->sources, source);
  return source;
}

/**
 * aip_config_draft_get_last_file:
 * @self: a draft
 *
 * Returns: (transfer none) (nullable): the strongest of the files
 */
AipConfigSource *
aip_config_draft_get_last_file (const AipConfigDraft *self)
{
  for (guint i = self->sources->len; i > 0; i--)
    {
      AipConfigSource *source = g_ptr_array_index (self->sources, i - 1);

      if (source->kind == AIP_CONFIG_SOURCE_FILE)
        return source;
    }
  return NULL;
}

/**
 * aip_config_draft_find:
 * @self: a draft
 * @group: full name of a group, such as "provider openai"
 * @key: (nullable): name of a setting; NULL: only the group matters
 *
 * Returns: (transfer none) (nullable): the strongest source that has it
 */
AipConfigSource *
aip_config_draft_find (const AipConfigDraft *self, const char *group, const char *key)
{
  for (guint i = self->sources->len; i > 0; i--)
    {
      AipConfigSource *source = g_ptr_array_index (self->sources, i - 1);

      /* Asked for a key of a group that is not there, GKeyFile makes an error first, in the user's language.
       */
      if (g_key_file_has_group (source->values, group) &&
          (key == NULL || g_key_file_has_key (source->values, group, key, NULL)))
        return source;
    }
  return NULL;
}

/**
 * aip_config_draft_has_group:
 * @self: a draft
 * @group: full name of a group
 *
 * Returns: whether any source has it
 */
gboolean
aip_config_draft_has_group (const AipConfigDraft *self, const char *group)
{
  return aip_config_draft_find (self, group, NULL) != NULL;
}

/**
 * aip_config_draft_list_groups:
 * @self: a draft
 * @kind: a kind of group that has names, such as "provider"
 *
 * Returns: (transfer container) (element-type utf8): the names, each once, in the order in which they
 *   were first met; ends with NULL
 */
GPtrArray *
aip_config_draft_list_groups (const AipConfigDraft *self, const char *kind)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) met = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree char *prefix = g_strconcat (kind, " ", NULL);

  for (guint i = 0; i < self->sources->len; i++)
    {
      AipConfigSource *source = g_ptr_array_index (self->sources, i);
      g_auto (GStrv) groups = g_key_file_get_groups (source->values, NULL);

      for (guint j = 0; groups[j] != NULL; j++)
        if (g_str_has_prefix (groups[j], prefix) && !g_hash_table_contains (met, groups[j] + strlen (prefix)))
          {
            char *name = g_strdup (groups[j] + strlen (prefix));

            g_ptr_array_add (names, name);
            g_hash_table_add (met, name);
          }
    }
  g_ptr_array_add (names, NULL);
  return names;
}

static char *
make_line_key (const char *group, const char *key)
{
  return key == NULL ? g_strdup (group) : g_strconcat (group, "\n", key, NULL);
}

/**
 * aip_config_source_mark:
 * @self: a source
 * @group: full name of a group
 * @key: (nullable): name of a setting; NULL: the group's own line
 * @line: where it stands, from 1
 *
 * Remembers a line.
 */
void
aip_config_source_mark (AipConfigSource *self, const char *group, const char *key, guint line)
{
  g_hash_table_insert (self->lines, make_line_key (group, key), GUINT_TO_POINTER (line));
}

/**
 * aip_config_source_get_line:
 * @self: a source
 * @group: full name of a group
 * @key: (nullable): name of a setting
 *
 * Returns: where it stands, from 1; 0: not in a file
 */
guint
aip_config_source_get_line (const AipConfigSource *self, const char *group, const char *key)
{
  g_autofree char *line_key = make_line_key (group, key);

  return GPOINTER_TO_UINT (g_hash_table_lookup (self->lines, line_key));
}

static void report (AipConfigDraft *self,
                    gboolean fatal,
                    const char *file,
                    guint line,
                    const char *group,
                    const char *key,
                    const char *format,
                    va_list arguments) G_GNUC_PRINTF (7, 0);

static void
report (AipConfigDraft *self,
        gboolean fatal,
        const char *file,
        guint line,
        const char *group,
        const char *key,
        const char *format,
        va_list arguments)
{
  AipConfigProblem *problem;

  self->failed = self->failed || fatal;
  if (self->problems == NULL)
    return;

  problem = g_new0 (AipConfigProblem, 1);
  problem->file = g_strdup (file);
  problem->line = line;
  problem->group = g_strdup (group);
  problem->key = g_strdup (key);
  problem->message = g_strdup_vprintf (format, arguments);
  problem->fatal = fatal;
  g_ptr_array_add (self->problems, problem);
}

/**
 * aip_config_draft_report:
 * @self: a draft
 * @fatal: FALSE: a warning
 * @group: full name of a group
 * @key: (nullable): name of a setting
 * @format: "what is wrong; what would be right", a printf format; never repeats a value
 * @...: its arguments
 *
 * Adds a problem at the place where the setting, else its group, was last given.
 */
void
aip_config_draft_report (AipConfigDraft *self,
                         gboolean fatal,
                         const char *group,
                         const char *key,
                         const char *format,
                         ...)
{
  AipConfigSource *source = aip_config_draft_find (self, group, key);
  const char *place = key;
  va_list arguments;

  if (source == NULL)
    {
      place = NULL;
      source = aip_config_draft_find (self, group, NULL);
    }

  va_start (arguments, format);
  report (self, fatal, source == NULL ? "defaults" : source->name,
          source == NULL ? 0 : aip_config_source_get_line (source, group, place), group, key, format,
          arguments);
  va_end (arguments);
}

/**
 * aip_config_draft_report_at:
 * @self: a draft
 * @fatal: FALSE: a warning
 * @file: where it stands
 * @line: line from 1; 0: the source as a whole
 * @group: (nullable): full name of a group
 * @key: (nullable): name of a setting
 * @format: "what is wrong; what would be right", a printf format; never repeats a value
 * @...: its arguments
 *
 * Adds a problem.
 */
void
aip_config_draft_report_at (AipConfigDraft *self,
                            gboolean fatal,
                            const char *file,
                            guint line,
                            const char *group,
                            const char *key,
                            const char *format,
                            ...)
{
  va_list arguments;

  va_start (arguments, format);
  report (self, fatal, file, line, group, key, format, arguments);
  va_end (arguments);
}
