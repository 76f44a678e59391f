/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-edit.h"

#include <string.h>

#include "base/aip-error.h"
#include "config/aip-config-base.h"
#include "config/aip-config-change.h"
#include "config/aip-config-document.h"
#include "config/aip-config-draft.h"
#include "config/aip-config-file.h"
#include "config/aip-config-schema.h"

/* Whoever writes the file more often than this while it is being saved, never stops. */
#define MAX_ATTEMPTS 5

/* Everything that an edit is checked against. */
typedef struct
{
  const AipConfigEdit *edit;
  const char *const *paths;
  const char *const *environment;
  const AipConfigOverrides *overrides;
  AipConfigFile *file;
} Save;

/* The whole configuration with @text as the file's; the draft tells what came from where. */
static AipConfigDraft *
load (const Save *self, const char *text, gsize length, GPtrArray *problems, AipConfig **config)
{
  AipConfigDraft *draft = aip_config_draft_new (problems);
  const AipConfigText last = { .text = text, .length = length };

  *config = aip_config_load_draft (draft, self->paths, &last, self->environment, self->overrides);
  return draft;
}

/* Lines of a text that will not be written mean nothing to whoever opens the file. */
static void
move_to_old_lines (GPtrArray *problems, const AipConfigSource *old)
{
  for (guint i = 0; i < problems->len; i++)
    {
      AipConfigProblem *problem = g_ptr_array_index (problems, i);

      if (g_str_equal (problem->file, old->name))
        problem->line =
            problem->group == NULL ? 0 : aip_config_source_get_line (old, problem->group, problem->key);
    }
}

static AipConfig *
fail_invalid (const Save *self, GPtrArray *problems, GError **error)
{
  g_autoptr (GPtrArray) old_problems = aip_config_problems_new ();
  g_autoptr (AipConfig) old_config = NULL;
  g_autoptr (AipConfigDraft) old =
      load (self, self->file->text->str, self->file->text->len, old_problems, &old_config);
  g_autofree char *text = NULL;

  if (old_config == NULL)
    {
      text = aip_config_problems_join_fatal (old_problems);
      g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
                   "the configuration has to be mended before it can be changed:\n%s", text);
      return NULL;
    }
  move_to_old_lines (problems, aip_config_draft_get_last_file (old));
  text = aip_config_problems_join_fatal (problems);
  g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG, text);
  return NULL;
}

/* "the file /etc/aiproxy/aiproxy.conf, line 3"; @key is NULL for a group. */
static char *
describe_source (const AipConfigSource *source, const char *group, const char *key)
{
  const char *name;
  const AipSettingGroup *kind = aip_setting_group_find (group, &name);
  g_autofree char *variable = NULL;

  switch (source->kind)
    {
    case AIP_CONFIG_SOURCE_FILE:
      return g_strdup_printf ("%s, line %u", source->name, aip_config_source_get_line (source, group, key));

    case AIP_CONFIG_SOURCE_PLAIN_NAMES:
      return g_strdup ("the environment, which --env lets speak");

    case AIP_CONFIG_SOURCE_VARIABLES:
      variable = aip_config_make_variable (kind->name, name, key);
      return g_strdup_printf ("the environment variable %s", variable);

    case AIP_CONFIG_SOURCE_COMMAND_LINE:
    default:
      return g_strdup ("the command line");
    }
}

/* Variables set things in groups that others define. */
static const AipConfigSource *
find_other_owner (const AipConfigDraft *draft, const char *group)
{
  const AipConfigSource *target = aip_config_draft_get_last_file (draft);

  for (guint i = 0; i < draft->sources->len; i++)
    {
      const AipConfigSource *source = g_ptr_array_index (draft->sources, i);

      if (source != target && source->kind != AIP_CONFIG_SOURCE_VARIABLES &&
          g_key_file_has_group (source->values, group))
        return source;
    }
  return NULL;
}

static gboolean
check_group_effect (const AipConfigChange *change, const AipConfigDraft *draft, GError **error)
{
  const AipConfigSource *other = find_other_owner (draft, change->group);
  g_autofree char *place = NULL;

  /* What has no name of its own always exists. */
  if (other == NULL || aip_setting_group_find (change->group, NULL)->size == 0)
    return TRUE;
  place = describe_source (other, change->group, NULL);
  if (change->kind == AIP_CONFIG_CHANGE_ADD_GROUP)
    g_set_error (error, AIP_ERROR, AIP_ERROR_EXISTS, "there is a [%s] already, from %s", change->group,
                 place);
  else
    g_set_error (error, AIP_ERROR, AIP_ERROR_FORBIDDEN,
                 "[%s] comes from %s, which is not written from here; remove it there", change->group, place);
  return FALSE;
}

static gboolean
check_setting_effect (const Save *self,
                      const AipConfigChange *change,
                      const AipConfigDraft *draft,
                      GError **error)
{
  const AipConfigSource *target = aip_config_draft_get_last_file (draft);
  const AipConfigSource *strongest = aip_config_draft_find (draft, change->group, change->key);
  g_autofree char *place = NULL;

  if (strongest == NULL || strongest == target)
    return TRUE;
  place = describe_source (strongest, change->group, change->key);
  if (strongest->kind != AIP_CONFIG_SOURCE_FILE)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_FORBIDDEN,
                   "[%s] %s: is set by %s, which is stronger than %s; change it there", change->group,
                   change->key, place, target->name);
      return FALSE;
    }

  /* A weaker file: its value holds now, but did so before if there was nothing to take out. */
  if (change->kind == AIP_CONFIG_CHANGE_UNSET)
    {
      g_autoptr (AipConfigDocument) old =
          aip_config_document_new (self->file->text->str, self->file->text->len);

      if (aip_config_document_find (old, change->group, change->key) != NULL)
        return TRUE;
      g_set_error (error, AIP_ERROR, AIP_ERROR_FORBIDDEN,
                   "[%s] %s: is set in %s, which is not written from here; set another value to be used in "
                   "its place",
                   change->group, change->key, place);
      return FALSE;
    }
  return TRUE;
}

/* Refuses what would be written and change nothing. */
static gboolean
check_effects (const Save *self, const AipConfigDraft *draft, GError **error)
{
  for (guint i = 0; i < self->edit->changes->len; i++)
    {
      const AipConfigChange *change = g_ptr_array_index (self->edit->changes, i);

      if (change->key == NULL ? !check_group_effect (change, draft, error)
                              : !check_setting_effect (self, change, draft, error))
        return FALSE;
    }
  return TRUE;
}

/* What is not in the file may be elsewhere. */
static AipConfig *
fail_not_found (const Save *self, GError *missing, GError **error)
{
  g_autoptr (AipConfig) config = NULL;
  g_autoptr (AipConfigDraft) draft = load (self, self->file->text->str, self->file->text->len, NULL, &config);

  for (guint i = 0; i < self->edit->changes->len; i++)
    {
      const AipConfigChange *change = g_ptr_array_index (self->edit->changes, i);

      if (change->kind == AIP_CONFIG_CHANGE_REMOVE_GROUP && !check_group_effect (change, draft, error))
        {
          g_error_free (missing);
          return NULL;
        }
    }
  g_propagate_error (error, missing);
  return NULL;
}

static gboolean
write_text (const Save *self, const char *text, gboolean *overtaken, GError **error)
{
  const char *path = self->file->asked;
  AipConfigStamp written = { 0 };

  if (g_str_equal (text, self->file->text->str))
    return TRUE;
  if (strlen (text) > AIP_CONFIG_MAX_FILE_SIZE)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_TOO_LARGE,
                   "%s would be larger than %d MiB, which is more than is read; remove something first", path,
                   AIP_CONFIG_MAX_FILE_SIZE / 1024 / 1024);
      return FALSE;
    }
  if (!aip_config_file_replace (self->file, text, overtaken, &written, error))
    return FALSE;
  if (self->edit->watch != NULL)
    aip_config_watch_expect (self->edit->watch, path, &written);
  return TRUE;
}

/* What whoever asked for the edit has to say, for whom the file did well before. */
static gboolean
check_use (const Save *self, const AipConfig *config, GPtrArray *problems, GError **error)
{
  g_autofree char *text = NULL;

  if (self->edit->check == NULL || self->edit->check (config, problems, self->edit->check_data))
    return TRUE;
  text = aip_config_problems_join_fatal (problems);
  g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG, text);
  return FALSE;
}

/* One attempt; NULL without an error where somebody else changed the file meanwhile. */
static AipConfig *
try_to_save (const Save *self, gboolean *overtaken, GError **error)
{
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  AipConfigBase *base = self->edit->base;
  g_autoptr (AipConfigDraft) read = NULL;
  g_autoptr (AipConfig) config = NULL;
  g_autofree char *text = NULL;
  GError *fault = NULL;

  /* A NUL would hide the rest of it. */
  if ((base == NULL || !aip_config_base_has_text (base, self->file->text)) &&
      !g_utf8_validate_len (self->file->text->str, self->file->text->len, NULL))
    return fail_invalid (self, problems, error);

  text = aip_config_edit_apply (self->edit, self->file->text->str, &fault);
  if (g_error_matches (fault, AIP_ERROR, AIP_ERROR_NOT_FOUND))
    return fail_not_found (self, fault, error);
  if (fault != NULL)
    {
      g_propagate_error (error, fault);
      return NULL;
    }

  if (base != NULL)
    config = aip_config_base_change (base, self->edit, self->file->text->str, self->paths);
  if (config == NULL)
    read = load (self, text, strlen (text), problems, &config);
  if (config == NULL)
    return fail_invalid (self, problems, error);
  if (!check_effects (self, read != NULL ? read : aip_config_base_get_draft (base), error) ||
      !check_use (self, config, problems, error) || !write_text (self, text, overtaken, error))
    return NULL;
  if (base != NULL)
    aip_config_base_keep (base, g_steal_pointer (&read), g_steal_pointer (&text), config);
  return g_steal_pointer (&config);
}

/**
 * aip_config_edit_save:
 * @self: an edit
 * @paths: (array zero-terminated=1): config files in rising precedence, at least one; the last one is changed
 * @environment: (nullable) (array zero-terminated=1): as for aip_config_load ()
 * @overrides: (nullable): as for aip_config_load ()
 * @error: return location for an AIP_ERROR: those of aip_config_edit_apply (); INVALID_CONFIG with all
 * problems, one a line; FORBIDDEN where another source than the file decides; EXISTS; TOO_LARGE; FAILED where
 * the file cannot be read or written
 *
 * Makes the changes in the last of the files as it is now, so that what somebody wrote there by hand stays.
 * It is written if the whole configuration is valid then and every change counts; whatever fails changes
 * nothing. A file that is invalid can be saved by an edit that mends it. Blocks until the file is safe on the
 * disk.
 *
 * Returns: (transfer full) (nullable): the new configuration
 */
AipConfig *
aip_config_edit_save (const AipConfigEdit *self,
                      const char *const *paths,
                      const char *const *environment,
                      const AipConfigOverrides *overrides,
                      GError **error)
{
  const char *path;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (paths != NULL && paths[0] != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  path = paths[g_strv_length ((char **) paths) - 1];
  for (guint attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
    {
      g_autoptr (AipConfigFile) file = aip_config_file_open (path, error);
      Save save = {
        .edit = self, .paths = paths, .environment = environment, .overrides = overrides, .file = file
      };
      gboolean overtaken = FALSE;
      AipConfig *config = file == NULL ? NULL : try_to_save (&save, &overtaken, error);

      if (!overtaken)
        return config;
    }
  g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED,
               "%s is being changed by somebody else all the time; try again when that is done. Nothing was "
               "changed",
               path);
  return NULL;
}
