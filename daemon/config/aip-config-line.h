/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  AIP_CONFIG_LINE_BLANK,
  AIP_CONFIG_LINE_COMMENT,
  AIP_CONFIG_LINE_GROUP,   /* [name] */
  AIP_CONFIG_LINE_SETTING, /* name=value */
  AIP_CONFIG_LINE_WRONG,
} AipConfigLineKind;

/**
 * AipConfigLine: one line of a config file, and where its parts stand.
 *
 * @text: inside the file's text; does not end with NUL
 * @length: in bytes, with the line end
 * @name: (nullable): inside @text: a group's or a setting's name
 * @value: (nullable): inside @text: a setting's value as it stands, without blanks around it
 */
typedef struct
{
  AipConfigLineKind kind;
  const char *text;
  gsize length;
  const char *name;
  gsize name_length;
  const char *value;
  gsize value_length;
} AipConfigLine;

const char *aip_config_line_read (AipConfigLine *line, const char *text, const char *end);

gboolean aip_config_has_wrong_escape (const char *value, gboolean list);
char *aip_config_escape (const char *text, gboolean item);

G_END_DECLS
