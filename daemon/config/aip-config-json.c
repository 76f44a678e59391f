/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-json.h"

#include <string.h>

#include "base/aip-error.h"
#include "base/aip-json-peek.h"

/* Returns what stands at the next string, or NULL when something else comes first. */
static char *
take_string (const char *text, gsize *offset)
{
  AipJsonMember member = { .type = AIP_JSON_STRING };

  *offset += strspn (text + *offset, " \t\r\n{,:");
  if (text[*offset] != '"')
    return NULL;

  member.start = (*offset)++;
  while (text[*offset] != '"')
    *offset += text[*offset] == '\\' ? 2 : 1;
  member.end = ++(*offset);
  return aip_json_member_dup_string (text, &member);
}

/**
 * aip_config_json_foreach:
 * @text: a JSON object whose values are strings
 * @func: called for each member
 * @user_data: handed to @func
 * @error: return location for an AIP_ERROR
 *
 * Walks over a flat object. On an error @func may have been called for the members before it.
 *
 * Returns: whether @text is such an object
 */
gboolean
aip_config_json_foreach (const char *text, AipConfigJsonFunc func, void *user_data, GError **error)
{
  gsize offset = 0;

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (func != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  /* What passes here is well-formed, so the walk may take the shape of strings for granted. */
  if (!aip_json_peek (text, strlen (text), NULL, 0, error))
    return FALSE;

  while (text[offset + strspn (text + offset, " \t\r\n{")] != '}')
    {
      g_autofree char *name = take_string (text, &offset);
      g_autofree char *value = name == NULL ? NULL : take_string (text, &offset);

      if (value == NULL)
        {
          g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "a member is no string");
          return FALSE;
        }
      func (name, value, user_data);
    }
  return TRUE;
}
