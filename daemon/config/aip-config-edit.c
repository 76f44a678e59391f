/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-edit.h"

#include <string.h>

#include "base/aip-error.h"
#include "config/aip-config-change.h"
#include "config/aip-config-document.h"
#include "config/aip-config-text-set.h"
#include "config/aip-config-names.h"

static void
change_free (void *data)
{
  AipConfigChange *change = data;

  g_free (change->group);
  g_free (change->key);
  g_free (change->value);
  g_strfreev (change->items);
  g_free (change);
}

static AipConfigChange *
add_change (AipConfigEdit *self, AipConfigChangeKind kind, const char *group, const char *key)
{
  AipConfigChange *change = g_new0 (AipConfigChange, 1);

  change->kind = kind;
  change->group = g_strdup (group);
  change->key = g_strdup (key);
  g_ptr_array_add (self->changes, change);
  return change;
}

/**
 * aip_config_edit_new:
 *
 * Returns: (transfer full): an edit that changes nothing yet
 */
AipConfigEdit *
aip_config_edit_new (void)
{
  AipConfigEdit *self = g_new0 (AipConfigEdit, 1);

  self->changes = g_ptr_array_new_with_free_func (change_free);
  return self;
}

/**
 * aip_config_edit_free:
 * @self: (transfer full): an edit
 */
void
aip_config_edit_free (AipConfigEdit *self)
{
  g_return_if_fail (self != NULL);

  g_ptr_array_unref (self->changes);
  g_free (self);
}

/**
 * aip_config_edit_add_group:
 * @self: an edit
 * @group: full name of a group, such as "provider openai"
 *
 * Adds a group, which must not be there yet.
 */
void
aip_config_edit_add_group (AipConfigEdit *self, const char *group)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (group != NULL);

  add_change (self, AIP_CONFIG_CHANGE_ADD_GROUP, group, NULL);
}

/**
 * aip_config_edit_remove_group:
 * @self: an edit
 * @group: full name of a group
 *
 * Removes a group, which must be there, with its settings and the comments that are clearly its own: those
 * right above its header, and those that touch its settings.
 */
void
aip_config_edit_remove_group (AipConfigEdit *self, const char *group)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (group != NULL);

  add_change (self, AIP_CONFIG_CHANGE_REMOVE_GROUP, group, NULL);
}

/**
 * aip_config_edit_set:
 * @self: an edit
 * @group: full name of a group; added where it is missing
 * @key: name of a setting
 * @value: what the loader is to read: plain text, which is escaped here; of a list, its entries as they stand
 * in a file, separated by ";", with "\;" for a ";" in an entry and "\\" for a "\"
 *
 * Sets a setting.
 */
void
aip_config_edit_set (AipConfigEdit *self, const char *group, const char *key, const char *value)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (group != NULL);
  g_return_if_fail (key != NULL);
  g_return_if_fail (value != NULL);

  add_change (self, AIP_CONFIG_CHANGE_SET, group, key)->value = g_strdup (value);
}

/**
 * aip_config_edit_set_list:
 * @self: an edit
 * @group: full name of a group; added where it is missing
 * @key: name of a setting that is a list
 * @items: (array zero-terminated=1): the entries that the loader is to read, in plain text
 *
 * Sets a setting.
 */
void
aip_config_edit_set_list (AipConfigEdit *self, const char *group, const char *key, const char *const *items)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (group != NULL);
  g_return_if_fail (key != NULL);
  g_return_if_fail (items != NULL);

  add_change (self, AIP_CONFIG_CHANGE_SET, group, key)->items = g_strdupv ((char **) items);
}

/**
 * aip_config_edit_unset:
 * @self: an edit
 * @group: full name of a group
 * @key: name of a setting
 *
 * Takes a setting out of the file; neither it nor its group need be there. A commented-out example stays.
 */
void
aip_config_edit_unset (AipConfigEdit *self, const char *group, const char *key)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (group != NULL);
  g_return_if_fail (key != NULL);

  add_change (self, AIP_CONFIG_CHANGE_UNSET, group, key);
}

/**
 * aip_config_edit_set_watch:
 * @self: an edit
 * @watch: (nullable): a watch of the file, which must outlive the edit and belong to the thread that saves it
 *
 * Keeps the watch from telling of what aip_config_edit_save () writes.
 */
void
aip_config_edit_set_watch (AipConfigEdit *self, AipConfigWatch *watch)
{
  g_return_if_fail (self != NULL);

  self->watch = watch;
}

/**
 * aip_config_edit_set_check:
 * @self: an edit
 * @check: (nullable): what else to ask before aip_config_edit_save () writes
 * @user_data: for @check
 */
void
aip_config_edit_set_check (AipConfigEdit *self, AipConfigCheckFunc check, void *user_data)
{
  g_return_if_fail (self != NULL);

  self->check = check;
  self->check_data = user_data;
}

/**
 * aip_config_edit_set_base:
 * @self: an edit
 * @base: (nullable): a base that outlives the edit; the same one for all edits of the same files, with the
 * same environment and overrides
 *
 * Lets aip_config_edit_save () begin with what the edit before has left there, and leave its own.
 */
void
aip_config_edit_set_base (AipConfigEdit *self, AipConfigBase *base)
{
  g_return_if_fail (self != NULL);

  self->base = base;
}

/* No error repeats a value: it may be a secret in the wrong place. */
static char *
fail_value (const AipConfigChange *change, const char *message, GError **error)
{
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "[%s] %s: %s", change->group, change->key,
               message);
  return NULL;
}

static const char *
find_text_fault (const char *text)
{
  if (!g_utf8_validate (text, -1, NULL))
    return "is not UTF-8 text; correct it";
  for (const char *letter = text; *letter != '\0'; letter++)
    if (g_ascii_iscntrl (*letter) && *letter != '\t')
      return "has a control character, such as a line break; leave it out";
  return NULL;
}

static gboolean
has_outer_blanks (const char *text)
{
  return *text != '\0' && (g_ascii_isspace (*text) || g_ascii_isspace (text[strlen (text) - 1]));
}

static char *
escape_items (const AipConfigChange *change, GError **error)
{
  g_autoptr (GString) all = g_string_new (NULL);

  for (guint i = 0; change->items[i] != NULL; i++)
    {
      const char *fault = find_text_fault (change->items[i]);
      g_autofree char *item = NULL;

      if (fault != NULL)
        return fail_value (change, fault, error);
      if (*change->items[i] == '\0' || has_outer_blanks (change->items[i]))
        return fail_value (
            change, "has an entry that is empty, or begins or ends with a blank; leave that out", error);
      item = aip_config_escape (change->items[i], TRUE);
      g_string_append_printf (all, "%s%s", i == 0 ? "" : ";", item);
    }
  return g_string_free (g_steal_pointer (&all), FALSE);
}

/* Returns NULL with an error where the loader would not read what was meant. */
static char *
escape_value (const AipConfigChange *change, const AipSetting *setting, GError **error)
{
  gboolean list = setting->type->parse_items != NULL;
  const char *fault;

  if (change->items != NULL && !list)
    return fail_value (change, "is no list; give it one value", error);
  if (change->items != NULL)
    return escape_items (change, error);

  fault = find_text_fault (change->value);
  if (fault != NULL)
    return fail_value (change, fault, error);
  if (list && aip_config_has_wrong_escape (change->value, TRUE))
    return fail_value (change, "has a \"\\\" that means nothing; write \\\\ for a \"\\\"", error);
  if (list)
    return g_strstrip (g_strdup (change->value));
  if (has_outer_blanks (change->value))
    return fail_value (change, "begins or ends with a blank; leave it out", error);
  return aip_config_escape (change->value, FALSE);
}

static const AipSettingGroup *
check_group (const AipConfigChange *change, GError **error)
{
  g_autofree char *shown = NULL;
  g_autofree char *fault = NULL;
  const AipSettingGroup *kind = aip_config_check_group_name (change->group, &shown, &fault);

  if (kind == NULL && shown != NULL)
    g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "[%s]: %s", shown, fault);
  else if (kind == NULL)
    g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, fault);
  return kind;
}

static const AipSetting *
check_setting (const AipConfigChange *change, const AipSettingGroup *kind, GError **error)
{
  const char *shown;
  g_autofree char *fault = NULL;
  const AipSetting *setting = aip_config_check_setting_name (kind, change->key, &shown, &fault);

  if (setting == NULL)
    g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "[%s]%s%s: %s", change->group,
                 shown == NULL ? "" : " ", shown == NULL ? "" : shown, fault);
  return setting;
}

/**
 * aip_config_change_make_value:
 * @self: a change that sets something
 * @error: return location for an AIP_ERROR_INVALID_ARGUMENT
 *
 * Returns: (transfer full) (nullable): the value as it stands in the file
 */
char *
aip_config_change_make_value (const AipConfigChange *self, GError **error)
{
  const AipSettingGroup *kind;
  const AipSetting *setting;

  g_return_val_if_fail (self != NULL && self->kind == AIP_CONFIG_CHANGE_SET, NULL);

  kind = check_group (self, error);
  setting = kind == NULL ? NULL : check_setting (self, kind, error);
  return setting == NULL ? NULL : escape_value (self, setting, error);
}

static gboolean
apply_to_group (const AipConfigChange *change, AipConfigDocument *document, GError **error)
{
  gboolean there = aip_config_document_has_group (document, change->group);

  if (change->kind == AIP_CONFIG_CHANGE_ADD_GROUP && there)
    g_set_error (error, AIP_ERROR, AIP_ERROR_EXISTS, "there is a [%s] already", change->group);
  else if (change->kind == AIP_CONFIG_CHANGE_ADD_GROUP)
    aip_config_document_add_group (document, change->group);
  else if (there)
    aip_config_document_remove_group (document, change->group);
  else
    g_set_error (error, AIP_ERROR, AIP_ERROR_NOT_FOUND, "there is no [%s] in the file", change->group);
  return there == (change->kind == AIP_CONFIG_CHANGE_REMOVE_GROUP);
}

static gboolean
apply_change (const AipConfigChange *change, AipConfigDocument *document, GError **error)
{
  const AipSettingGroup *kind = check_group (change, error);
  const AipSetting *setting;
  g_autofree char *value = NULL;

  if (kind == NULL)
    return FALSE;
  if (change->key == NULL)
    return apply_to_group (change, document, error);

  setting = check_setting (change, kind, error);
  if (setting == NULL)
    return FALSE;
  if (change->kind == AIP_CONFIG_CHANGE_UNSET)
    {
      aip_config_document_unset (document, change->group, change->key);
      return TRUE;
    }

  value = escape_value (change, setting, error);
  if (value == NULL)
    return FALSE;
  if (!aip_config_document_has_group (document, change->group))
    aip_config_document_add_group (document, change->group);
  aip_config_document_set (document, change->group, change->key, value);
  return TRUE;
}

/* What most edits are: settings of groups that are there. It takes no document of the whole, which for a file
 * of thousands of groups is most of the work. Returns NULL where there is more to it, or something wrong. */
static char *
set_in_text (const AipConfigEdit *self, const char *text)
{
  g_autofree char *current = NULL;

  for (guint i = 0; i < self->changes->len; i++)
    {
      const AipConfigChange *change = g_ptr_array_index (self->changes, i);
      g_autofree char *value =
          change->kind == AIP_CONFIG_CHANGE_SET ? aip_config_change_make_value (change, NULL) : NULL;
      char *next = value == NULL ? NULL
                                 : aip_config_text_set (current == NULL ? text : current, change->group,
                                                        change->key, value);

      if (next == NULL)
        return NULL;
      g_free (current);
      current = next;
    }
  return g_steal_pointer (&current);
}

/**
 * aip_config_edit_apply:
 * @self: an edit
 * @text: a config file, valid or not
 * @error: return location for an AIP_ERROR: INVALID_ARGUMENT where a group or setting has a name that there
 * is not, or a value that no line can hold; EXISTS, NOT_FOUND of groups to add and to remove. None repeats a
 * value
 *
 * Makes the changes in a text. Whether the result is a valid configuration is not asked.
 *
 * Returns: (transfer full) (nullable): the new text
 */
char *
aip_config_edit_apply (const AipConfigEdit *self, const char *text, GError **error)
{
  g_autoptr (AipConfigDocument) document = NULL;
  char *edited;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  edited = set_in_text (self, text);
  if (edited != NULL)
    return edited;
  document = aip_config_document_new (text, strlen (text));
  for (guint i = 0; i < self->changes->len; i++)
    if (!apply_change (g_ptr_array_index (self->changes, i), document, error))
      return NULL;
  return aip_config_document_to_text (document);
}
