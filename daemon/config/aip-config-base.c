/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-base.h"

#include <string.h>

#include "config/aip-config-change.h"
#include "config/aip-config-file.h"

/*
 * Reading a file of thousands of groups takes far longer than what an edit changes. So what was read or saved
 * last is kept: of a text that is still the same, an edit of settings reads anew only the groups that it
 * names, and all others are shared with the configuration before. What does not depend on these groups is not
 * checked again, and whatever is not as simple as that, or turns out to be wrong, is left to a full reading.
 */
struct _AipConfigBase
{
  char *text; /* (nullable): of the last file; NULL: nothing is kept */
  AipConfigDraft *draft;
  AipConfig *config;
  GArray *others; /* of AipConfigStamp: of the files before the last one */
};

static void
forget (AipConfigBase *self)
{
  g_clear_pointer (&self->text, g_free);
  g_clear_pointer (&self->draft, aip_config_draft_free);
  g_clear_pointer (&self->config, aip_config_unref);
}

/**
 * aip_config_base_new:
 *
 * Returns: (transfer full): a base that knows nothing yet
 */
AipConfigBase *
aip_config_base_new (void)
{
  AipConfigBase *self = g_new0 (AipConfigBase, 1);

  self->others = g_array_new (FALSE, FALSE, sizeof (AipConfigStamp));
  return self;
}

/**
 * aip_config_base_free:
 * @self: (transfer full): a base
 */
void
aip_config_base_free (AipConfigBase *self)
{
  g_return_if_fail (self != NULL);

  forget (self);
  g_array_unref (self->others);
  g_free (self);
}

static AipConfigStamp
read_stamp (const char *path)
{
  struct stat status;

  return stat (path, &status) == 0 ? aip_config_stamp_from_status (&status) : (AipConfigStamp){ 0 };
}

/* Of all files but the last one. */
static GArray *
read_stamps (const char *const *paths)
{
  GArray *stamps = g_array_new (FALSE, FALSE, sizeof (AipConfigStamp));

  for (; paths[1] != NULL; paths++)
    {
      AipConfigStamp stamp = read_stamp (*paths);

      g_array_append_val (stamps, stamp);
    }
  return stamps;
}

/* Takes @stamps. */
static void
set_others (AipConfigBase *self, GArray *stamps)
{
  g_array_unref (self->others);
  self->others = stamps;
}

static gboolean
are_others_unchanged (const AipConfigBase *self, const char *const *paths)
{
  guint n = g_strv_length ((char **) paths) - 1;

  if (n != self->others->len)
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      AipConfigStamp stamp = read_stamp (paths[i]);

      if (!aip_config_stamp_equal (&stamp, &g_array_index (self->others, AipConfigStamp, i)))
        return FALSE;
    }
  return TRUE;
}

/* The draft is changed as the text was; it is forgotten when that fails halfway. */
static gboolean
change_draft (AipConfigBase *self, const AipConfigEdit *edit, GHashTable *touched)
{
  GKeyFile *values = aip_config_draft_get_last_file (self->draft)->values;

  for (guint i = 0; i < edit->changes->len; i++)
    {
      const AipConfigChange *change = g_ptr_array_index (edit->changes, i);
      g_autofree char *value = NULL;

      if (change->key == NULL || !g_key_file_has_group (values, change->group))
        return FALSE;
      g_hash_table_add (touched, change->group);
      if (change->kind == AIP_CONFIG_CHANGE_UNSET)
        {
          g_key_file_remove_key (values, change->group, change->key, NULL);
          continue;
        }
      value = aip_config_change_make_value (change, NULL);
      if (value == NULL)
        return FALSE;
      g_key_file_set_value (values, change->group, change->key, value);
    }
  return TRUE;
}

static AipConfig *
rebuild (AipConfigBase *self, const AipConfigEdit *edit)
{
  g_autoptr (GHashTable) touched = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  g_autoptr (AipConfig) config = NULL;

  if (!change_draft (self, edit, touched))
    return NULL;
  self->draft->problems = problems;
  config = aip_config_rebuild (self->draft, self->config, touched);
  aip_config_check (self->draft, config, self->config);
  self->draft->problems = NULL;
  return self->draft->failed || problems->len > 0 ? NULL : g_steal_pointer (&config);
}

/**
 * aip_config_base_has_text:
 * @self: a base
 * @text: what a file holds
 *
 * Returns: whether that is, byte for byte, what was read or saved last, and so is valid UTF-8 without a NUL
 */
gboolean
aip_config_base_has_text (const AipConfigBase *self, const GString *text)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (text != NULL, FALSE);

  return self->text != NULL && strlen (self->text) == text->len &&
         memcmp (self->text, text->str, text->len) == 0;
}

/**
 * aip_config_base_change:
 * @self: a base
 * @edit: an edit that could be applied to the text
 * @text: the last file's text before it
 * @paths: (array zero-terminated=1): the config files
 *
 * Makes the configuration that a full reading of the edited text would give. Until aip_config_base_keep () is
 * called the base knows nothing then but the draft.
 *
 * Returns: (transfer full) (nullable): the configuration; NULL: it takes a full reading
 */
AipConfig *
aip_config_base_change (AipConfigBase *self,
                        const AipConfigEdit *edit,
                        const char *text,
                        const char *const *paths)
{
  AipConfig *config = NULL;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (edit != NULL, NULL);
  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (paths != NULL && paths[0] != NULL, NULL);

  if (self->text != NULL && g_str_equal (self->text, text) && are_others_unchanged (self, paths))
    config = rebuild (self, edit);
  if (config == NULL)
    {
      forget (self);
      /* Before they are read: what is written meanwhile is read again with the next change. */
      set_others (self, read_stamps (paths));
    }
  g_clear_pointer (&self->text, g_free);
  return config;
}

/**
 * aip_config_base_get_draft:
 * @self: a base whose last change went well
 *
 * Returns: (transfer none): what came from where
 */
const AipConfigDraft *
aip_config_base_get_draft (const AipConfigBase *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->draft;
}

/* Takes @draft and @text. */
static void
keep (AipConfigBase *self, AipConfigDraft *draft, char *text, AipConfig *config)
{
  /* A warning would have to be told again after each change, which only a full reading can. */
  if (draft != NULL && draft->problems != NULL && draft->problems->len > 0)
    {
      aip_config_draft_free (draft);
      g_free (text);
      forget (self);
      return;
    }
  if (draft != NULL)
    {
      forget (self);
      self->draft = draft;
      /* Lines move with the text, and are told of by full readings alone; so are problems. */
      draft->problems = NULL;
      g_hash_table_remove_all (aip_config_draft_get_last_file (draft)->lines);
    }
  g_free (self->text);
  self->text = text;
  g_clear_pointer (&self->config, aip_config_unref);
  self->config = aip_config_ref (config);
}

/**
 * aip_config_base_keep:
 * @self: a base whose aip_config_base_change () was called before
 * @draft: (transfer full) (nullable): what a full reading found since; NULL: that call went well
 * @text: (transfer full): what the last file holds now
 * @config: what became of it
 *
 * Keeps what was saved, for the next change.
 */
void
aip_config_base_keep (AipConfigBase *self, AipConfigDraft *draft, char *text, AipConfig *config)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (draft != NULL || self->draft != NULL);
  g_return_if_fail (text != NULL && config != NULL);

  keep (self, draft, text, config);
}

/**
 * aip_config_base_load:
 * @self: a base
 * @paths: (array zero-terminated=1): as for aip_config_load (), at least one
 * @environment: (nullable) (array zero-terminated=1): as for aip_config_load ()
 * @overrides: (nullable): as for aip_config_load ()
 * @problems: (element-type AipConfigProblem): an empty list; gets all that is wrong
 *
 * Does the same as aip_config_load (), and keeps what was read for the next change.
 *
 * Returns: (transfer full) (nullable): the snapshot; NULL: a problem is fatal
 */
AipConfig *
aip_config_base_load (AipConfigBase *self,
                      const char *const *paths,
                      const char *const *environment,
                      const AipConfigOverrides *overrides,
                      GPtrArray *problems)
{
  g_autoptr (AipConfigDraft) draft = NULL;
  g_autoptr (AipConfig) config = NULL;
  g_autoptr (GArray) others = NULL;
  struct stat status;
  GString *text;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (paths != NULL && paths[0] != NULL, NULL);
  g_return_val_if_fail (problems != NULL && problems->len == 0, NULL);

  text = aip_config_file_read_text (paths[g_strv_length ((char **) paths) - 1], &status);
  /* There is none, or the reading says why it cannot be read. */
  if (text == NULL)
    return aip_config_load (paths, environment, overrides, problems);

  draft = aip_config_draft_new (problems);
  /* Before they are read: what is written meanwhile is read again with the next change. */
  others = read_stamps (paths);
  config =
      aip_config_load_draft (draft, paths, &(AipConfigText){ text->str, text->len }, environment, overrides);
  if (config != NULL)
    {
      keep (self, g_steal_pointer (&draft), g_string_free (text, FALSE), config);
      set_others (self, g_steal_pointer (&others));
    }
  else
    {
      /* It may hold a key in clear, which is why it is refused. */
      aip_secret_wipe (text->str, text->allocated_len);
      g_string_free (text, TRUE);
    }
  return g_steal_pointer (&config);
}
