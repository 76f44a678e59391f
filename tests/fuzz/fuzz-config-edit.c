/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include "config/aip-config-edit.h"

#include <string.h>

#include "base/aip-error.h"
#include "config/aip-config-document.h"
#include "fuzz.h"

/* The first byte says what to do, the second where; a value follows up to the first NUL, then comes the file.
 */

typedef struct
{
  const char *group;
  const char *key;
} Place;

static const Place texts[] = { { "log", "file" }, { "provider p", "base-url" }, { "key a", "provider" } };
static const Place lists[] = { { "provider p", "models" },
                               { "key b", "models" },
                               { "mapping a@p", "target" } };

static gboolean
has_name (const AipConfigLine *line, AipConfigLineKind kind, const char *name)
{
  return line->kind == kind && line->name_length == strlen (name) &&
         memcmp (line->name, name, line->name_length) == 0;
}

static gboolean
is_same_line (const AipConfigLine *line, const AipConfigLine *other)
{
  /* The last line of all may have been given an end. */
  gboolean ended = line->text[line->length - 1] == '\n';

  return other->length >= line->length && memcmp (other->text, line->text, line->length) == 0 &&
         (other->length == line->length || (!ended && other->length - line->length <= 2));
}

/* Moves @text behind the next line that is the same as @line. */
static gboolean
skip_to (const char **text, const AipConfigLine *line)
{
  const char *end = *text + strlen (*text);
  AipConfigLine other;

  while (*text < end)
    {
      *text = aip_config_line_read (&other, *text, end);
      if (is_same_line (line, &other))
        return TRUE;
    }
  return FALSE;
}

/* All lines of @text must be in @result, in the same order, but for those of one setting, or, without @key,
 * of one group, of which also comments and blanks may go elsewhere in the file. */
static void
check_lines_stay (const char *text, const char *result, const char *group, const char *key)
{
  const char *end = text + strlen (text);
  gboolean inside = FALSE;

  while (text < end)
    {
      AipConfigLine line;
      gboolean named;

      text = aip_config_line_read (&line, text, end);
      if (line.kind == AIP_CONFIG_LINE_GROUP)
        inside = has_name (&line, AIP_CONFIG_LINE_GROUP, group);
      named = key == NULL ? inside && line.kind != AIP_CONFIG_LINE_WRONG
                          : inside && has_name (&line, AIP_CONFIG_LINE_SETTING, key);
      if (key == NULL && (line.kind == AIP_CONFIG_LINE_BLANK || line.kind == AIP_CONFIG_LINE_COMMENT))
        named = TRUE;
      g_assert_true (named || skip_to (&result, &line));
    }
}

/* The value as the loader gets it, with GKeyFile's own understanding of escapes. */
static GKeyFile *
read_value (const char *text, const Place *place)
{
  g_autoptr (AipConfigDocument) document = aip_config_document_new (text, strlen (text));
  const AipConfigLine *line = aip_config_document_find (document, place->group, place->key);
  GKeyFile *file = g_key_file_new ();
  g_autofree char *value = NULL;

  g_assert_nonnull (line);
  value = g_strndup (line->value, line->value_length);
  g_key_file_set_value (file, "group", "key", value);
  return file;
}

static char *
apply (const AipConfigEdit *edit, const char *text)
{
  g_autoptr (GError) error = NULL;
  char *result = aip_config_edit_apply (edit, text, &error);

  g_assert_cmpint (result == NULL, ==, error != NULL);
  g_assert_true (error == NULL || g_utf8_validate (error->message, -1, NULL));
  return result;
}

static void
check_set_text (const Place *place, const char *value, const char *text)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autofree char *result = NULL;
  g_autofree char *again = NULL;
  g_autofree char *read = NULL;
  g_autoptr (GKeyFile) file = NULL;

  aip_config_edit_set (edit, place->group, place->key, value);
  result = apply (edit, text);
  if (result == NULL)
    return;
  again = apply (edit, result);
  g_assert_cmpstr (result, ==, again);
  check_lines_stay (text, result, place->group, place->key);
  file = read_value (result, place);
  read = g_key_file_get_string (file, "group", "key", NULL);
  g_assert_cmpstr (read, ==, value);
}

static void
check_set_list (const Place *place, const char *value, const char *text)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_auto (GStrv) items = g_strsplit (value, "\n", -1);
  g_autofree char *result = NULL;
  g_auto (GStrv) read = NULL;
  g_autoptr (GKeyFile) file = NULL;

  aip_config_edit_set_list (edit, place->group, place->key, (const char *const *) items);
  result = apply (edit, text);
  if (result == NULL)
    return;
  check_lines_stay (text, result, place->group, place->key);
  file = read_value (result, place);
  read = g_key_file_get_string_list (file, "group", "key", NULL, NULL);
  g_assert_true (g_strv_equal ((const char *const *) items, (const char *const *) read));
}

static void
check_unset (const Place *place, const char *text)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autofree char *result = NULL;
  g_autoptr (AipConfigDocument) document = NULL;

  aip_config_edit_unset (edit, place->group, place->key);
  result = apply (edit, text);
  check_lines_stay (text, result, place->group, place->key);
  document = aip_config_document_new (result, strlen (result));
  g_assert_null (aip_config_document_find (document, place->group, place->key));
}

static void
check_groups (const Place *place, const char *text)
{
  g_autoptr (AipConfigEdit) add = aip_config_edit_new ();
  g_autoptr (AipConfigEdit) remove = aip_config_edit_new ();
  g_autofree char *with = NULL;
  g_autofree char *without = NULL;
  g_autoptr (AipConfigDocument) document = NULL;

  aip_config_edit_add_group (add, place->group);
  aip_config_edit_remove_group (remove, place->group);
  with = apply (add, text);
  /* NULL: it is there already. */
  if (with != NULL)
    check_lines_stay (text, with, place->group, place->key);
  without = apply (remove, with == NULL ? text : with);
  g_assert_nonnull (without);
  check_lines_stay (text, without, place->group, NULL);
  document = aip_config_document_new (without, strlen (without));
  g_assert_false (aip_config_document_has_group (document, place->group));
}

/* Names are as hostile as values. */
static void
check_names (const char *name, const char *text)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autofree char *result = NULL;

  aip_config_edit_set (edit, "log", name, "x");
  aip_config_edit_set (edit, name, "enabled", "true");
  result = apply (edit, text);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *input = g_strndup (size > 0 ? (const char *) data : "", size);
  gsize length = strlen (input);
  gsize start = MIN (length + 1, size);
  g_autofree char *text = g_strndup (size > 0 ? (const char *) data + start : "", size - start);
  const char *value = length > 2 ? input + 2 : "";
  guint where = length > 1 ? data[1] : 0;

  g_log_set_always_fatal (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  switch (length > 0 ? data[0] % 5 : 0)
    {
    case 0:
      check_set_text (&texts[where % G_N_ELEMENTS (texts)], value, text);
      break;

    case 1:
      check_set_list (&lists[where % G_N_ELEMENTS (lists)], value, text);
      break;

    case 2:
      check_unset (&lists[where % G_N_ELEMENTS (lists)], text);
      break;

    case 3:
      check_groups (&lists[where % G_N_ELEMENTS (lists)], text);
      break;

    default:
      check_names (value, text);
      break;
    }
  return 0;
}
