/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define AIP_JSON_MAX_DEPTH 128
#define AIP_JSON_MAX_MEMBERS 1024 /* of the top-level object */

typedef enum
{
  AIP_JSON_ABSENT,
  AIP_JSON_STRING,
  AIP_JSON_NUMBER,
  AIP_JSON_TRUE,
  AIP_JSON_FALSE,
  AIP_JSON_NULL,
  AIP_JSON_OBJECT,
  AIP_JSON_ARRAY,
} AipJsonType;

/**
 * AipJsonMember:
 * @name: (in): the member looked for, without escapes
 * @type: (out): what its value is, or AIP_JSON_ABSENT
 * @start: (out): offset of the value's first byte (a string's opening quote)
 * @end: (out): offset behind the value's last byte
 */
typedef struct
{
  const char *name;
  AipJsonType type;
  gsize start;
  gsize end;
} AipJsonMember;

gboolean
aip_json_peek (const char *text, gsize length, AipJsonMember *members, gsize n_members, GError **error);
gboolean aip_json_check (const char *text, gsize length, GError **error);
char *aip_json_member_dup_string (const char *text, const AipJsonMember *member);
GBytes *aip_json_replace_string (GBytes *document, const AipJsonMember *member, const char *value);
void aip_json_append_string (GString *out, const char *value, gssize length);

G_END_DECLS
