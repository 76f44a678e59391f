/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config-edit.h"

G_BEGIN_DECLS

typedef enum
{
  AIP_CONFIG_CHANGE_ADD_GROUP,
  AIP_CONFIG_CHANGE_REMOVE_GROUP,
  AIP_CONFIG_CHANGE_SET,
  AIP_CONFIG_CHANGE_UNSET,
} AipConfigChangeKind;

/**
 * AipConfigChange: one change of an AipConfigEdit; for what applies and what saves edits.
 *
 * @group: full name of a group
 * @key: (nullable): name of a setting; NULL: the change is one of the group
 * @value: (nullable): what to set
 * @items: (nullable): what to set, of a list
 */
typedef struct
{
  AipConfigChangeKind kind;
  char *group;
  char *key;
  char *value;
  char **items;
} AipConfigChange;

struct _AipConfigEdit
{
  GPtrArray *changes;       /* of AipConfigChange */
  AipConfigWatch *watch;    /* (nullable) (unowned) */
  AipConfigBase *base;      /* (nullable) (unowned) */
  AipConfigCheckFunc check; /* (nullable) */
  void *check_data;
};

char *aip_config_change_make_value (const AipConfigChange *self, GError **error);

G_END_DECLS
