/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-loader.h"

#include <errno.h>

#include "aip-build.h"
#include "config/aip-config-draft.h"
#include "config/aip-config-file.h"

static void
read_file (AipConfigDraft *draft, const char *path)
{
  struct stat status;
  GString *text = aip_config_file_read_text (path, &status);

  if (text != NULL)
    {
      aip_config_read_text (draft, path, text->str, text->len);
      g_string_free (text, TRUE);
    }
  else if (errno != ENOENT && errno != ENOTDIR)
    aip_config_draft_report_at (draft, TRUE, path, 0, NULL, NULL,
                                "cannot be read: %s; make it a file that this user may read",
                                g_strerror (errno));
}

static void
apply_overrides (AipConfigDraft *draft, const AipConfigOverrides *overrides)
{
  AipConfigSource *source =
      aip_config_draft_add_source (draft, AIP_CONFIG_SOURCE_COMMAND_LINE, "command line");

  if (overrides->listen != NULL && overrides->listen[0] != NULL)
    g_key_file_set_string_list (source->values, "server", "listen", overrides->listen,
                                g_strv_length ((char **) overrides->listen));
  if (overrides->demo)
    g_key_file_set_string (source->values, "provider demo", "dialect", "builtin");
}

static int
compare_problems (const void *a, const void *b)
{
  const AipConfigProblem *left = *(const AipConfigProblem *const *) a;
  const AipConfigProblem *right = *(const AipConfigProblem *const *) b;
  int order = g_strcmp0 (left->file, right->file);

  return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

static AipConfig *
finish (AipConfigDraft *draft)
{
  g_autoptr (AipConfig) config = aip_config_build (draft);

  aip_config_check (draft, config, NULL);
  if (draft->problems != NULL)
    g_ptr_array_sort (draft->problems, compare_problems);
  return draft->failed ? NULL : g_steal_pointer (&config);
}

/**
 * aip_config_load_draft:
 * @draft: an empty draft; it tells later what came from where
 * @paths: (array zero-terminated=1): as for aip_config_load ()
 * @last: (nullable): what to read in place of the last file
 * @environment: (nullable) (array zero-terminated=1): as for aip_config_load ()
 * @overrides: (nullable): as for aip_config_load ()
 *
 * Reads the whole configuration and checks it whole.
 *
 * Returns: (transfer full) (nullable): the snapshot; NULL: a problem is fatal
 */
AipConfig *
aip_config_load_draft (AipConfigDraft *draft,
                       const char *const *paths,
                       const AipConfigText *last,
                       const char *const *environment,
                       const AipConfigOverrides *overrides)
{
  for (; *paths != NULL; paths++)
    if (last != NULL && paths[1] == NULL)
      aip_config_read_text (draft, *paths, last->text, last->length);
    else
      read_file (draft, *paths);
  if (environment != NULL && overrides != NULL && overrides->plain_names)
    aip_config_read_plain_names (draft, environment);
  if (environment != NULL)
    aip_config_read_environment (draft, environment);
  if (overrides != NULL)
    apply_overrides (draft, overrides);
  return finish (draft);
}

/**
 * aip_config_load:
 * @paths: (array zero-terminated=1): config files in rising precedence; one that does not exist is
 *   passed over
 * @environment: (nullable) (array zero-terminated=1): "NAME=value", stronger than files
 * @overrides: (nullable): what the command line says, stronger than all
 * @problems: (element-type AipConfigProblem) (nullable): where to add all that is wrong, sorted by
 *   file and line
 *
 * Reads the whole configuration and checks it whole. Touches no network, and of the files that settings
 * name it only asks whether they can be read.
 *
 * Returns: (transfer full) (nullable): the snapshot; NULL: a problem is fatal
 */
AipConfig *
aip_config_load (const char *const *paths,
                 const char *const *environment,
                 const AipConfigOverrides *overrides,
                 GPtrArray *problems)
{
  g_autoptr (AipConfigDraft) draft = aip_config_draft_new (problems);

  g_return_val_if_fail (paths != NULL, NULL);

  return aip_config_load_draft (draft, paths, NULL, environment, overrides);
}

/**
 * aip_config_parse:
 * @text: (array length=length): a config file; need not end with NUL
 * @length: bytes of @text
 * @name: what to call it in problems
 * @problems: (element-type AipConfigProblem) (nullable): where to add all that is wrong
 *
 * Reads and checks one text, with defaults below and nothing above.
 *
 * Returns: (transfer full) (nullable): the snapshot; NULL: a problem is fatal
 */
AipConfig *
aip_config_parse (const char *text, gsize length, const char *name, GPtrArray *problems)
{
  g_autoptr (AipConfigDraft) draft = aip_config_draft_new (problems);

  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (name != NULL, NULL);

  aip_config_read_text (draft, name, text, length);
  return finish (draft);
}

/**
 * aip_config_dup_default_paths:
 *
 * Returns: (transfer full) (array zero-terminated=1): where config files are looked for, in rising
 *   precedence: the system's, the user's
 */
char **
aip_config_dup_default_paths (void)
{
  char **paths = g_new0 (char *, 3);

  paths[0] = g_build_filename (AIP_SYSCONFDIR, "aiproxy", "aiproxy.conf", NULL);
  paths[1] = g_build_filename (g_get_user_config_dir (), "aiproxy", "aiproxy.conf", NULL);
  return paths;
}

/**
 * aip_config_problems_new:
 *
 * Returns: (transfer full) (element-type AipConfigProblem): an empty list
 */
GPtrArray *
aip_config_problems_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) aip_config_problem_free);
}

/**
 * aip_config_problems_join_fatal:
 * @problems: (element-type AipConfigProblem): what was found
 *
 * Returns: (transfer full): those because of which the configuration cannot be used, a line each
 */
char *
aip_config_problems_join_fatal (const GPtrArray *problems)
{
  GString *all = g_string_new (NULL);

  for (guint i = 0; i < problems->len; i++)
    {
      const AipConfigProblem *problem = g_ptr_array_index (problems, i);
      g_autofree char *text = problem->fatal ? aip_config_problem_to_string (problem) : NULL;

      if (text != NULL)
        g_string_append_printf (all, "%s%s", all->len == 0 ? "" : "\n", text);
    }
  return g_string_free (all, FALSE);
}

/**
 * aip_config_problem_free:
 * @problem: (transfer full): a problem
 */
void
aip_config_problem_free (AipConfigProblem *problem)
{
  g_free (problem->file);
  g_free (problem->group);
  g_free (problem->key);
  g_free (problem->message);
  g_free (problem);
}

/**
 * aip_config_problem_to_string:
 * @problem: a problem
 *
 * Returns: (transfer full): "FILE:LINE: [group] key: message", without the parts that are not known, and
 *   with "warning: " behind the place when it is only one
 */
char *
aip_config_problem_to_string (const AipConfigProblem *problem)
{
  GString *text = g_string_new (problem->file);

  g_return_val_if_fail (problem != NULL, NULL);

  if (problem->line > 0)
    g_string_append_printf (text, ":%u", problem->line);
  g_string_append (text, problem->fatal ? ": " : ": warning: ");
  if (problem->group != NULL)
    g_string_append_printf (text, problem->key == NULL ? "[%s]: " : "[%s] ", problem->group);
  if (problem->key != NULL)
    g_string_append_printf (text, "%s: ", problem->key);
  g_string_append (text, problem->message);
  return g_string_free (text, FALSE);
}
