/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"

G_BEGIN_DECLS

#define AIP_SETTING_HIDDEN "(hidden)"

typedef struct _AipSetting AipSetting;

/**
 * AipSettingType: how the text of one kind of setting becomes a field of a struct. Of @parse and
 * @parse_items one is set: the latter for lists. No error that they give repeats the text: it may
 * be a secret in the wrong place. @format and @format_items are the way back, but for what may be a
 * secret, which becomes AIP_SETTING_HIDDEN.
 */
typedef struct
{
  gboolean (*parse) (const AipSetting *setting, const char *text, void *field, GError **error);
  gboolean (*parse_items) (const AipSetting *setting, char **items, void *field, GError **error);
  char *(*format) (const void *field);
  char **(*format_items) (const void *field);
  void (*clear) (void *field); /* (nullable): the field owns nothing */
} AipSettingType;

/**
 * AipSetting: one row of the schema: everything there is to know of one setting.
 *
 * @initial: the default, as it would stand in a file
 * @min: the least value of a number, a duration (ms) or a size (bytes)
 * @max: the greatest one
 * @choices: (nullable): the values there are
 * @inherit: (nullable): offset in AipConfig of the duration that holds where this one is not set
 * @required: there is no default; the setting must be there
 * @is_spared: (nullable): whether a required one may be left out all the same
 * @at_start: what it stands for is made once, so that a change counts from the daemon's next start on
 * @doc: one line without a full stop
 */
struct _AipSetting
{
  const char *key;
  const AipSettingType *type;
  gsize offset;
  const char *initial;
  gint64 min;
  gint64 max;
  const char *const *choices;
  gsize inherit;
  gboolean required;
  gboolean (*is_spared) (const AipConfig *config);
  gboolean at_start;
  const char *doc;
};

/**
 * AipSettingGroup: one kind of group.
 *
 * @name: "server" for [server], "provider" for each [provider NAME]
 * @offset: in AipConfig, of the struct itself, or of the GPtrArray of structs of a named group
 * @size: of the struct of a named group, which begins with its name; 0: there is one group only
 * @loose_names: names may hold what model names have beyond other names
 * @settings: ends with a NULL key
 */
typedef struct
{
  const char *name;
  gsize offset;
  gsize size;
  gboolean loose_names;
  const AipSetting *settings;
} AipSettingGroup;

extern const AipSettingGroup aip_setting_groups[];
extern const char *const aip_config_strategies[];

const AipSettingGroup *aip_setting_group_find (const char *group, const char **name);
const AipSetting *aip_setting_group_find_setting (const AipSettingGroup *self, const char *key);
gboolean aip_setting_group_is_name (const AipSettingGroup *self, const char *name);
void aip_setting_apply_default (const AipSetting *self, const AipConfig *config, void *field);
char **aip_setting_list_restarts (const AipConfig *old, const AipConfig *new);
void aip_setting_group_clear (const AipSettingGroup *self, void *section);

AipConfig *aip_config_new_unset (void);
void *aip_config_section_new (const AipSettingGroup *kind, const char *name);
void *aip_config_section_ref (void *section);
void aip_config_section_unref (const AipSettingGroup *kind, void *section);

G_END_DECLS
