/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-document.h"

#include <string.h>

/*
 * A file is a list of sections: what stands before the first group, then each group with all lines up to the
 * next header. Comments right above a header lie in the section before, but belong to the header.
 */
typedef struct
{
  AipConfigLine header; /* length 0: what stands before the first group */
  GArray *lines;        /* of AipConfigLine */
  GList *twin;          /* (nullable): the next section of the same name, which the loader refuses */
} Section;

/* Of most sections: a few settings, an empty line, the comment of the next one. */
#define USUAL_LINES 8

struct _AipConfigDocument
{
  GQueue sections;     /* of Section */
  GHashTable *by_name; /* full name to GList of the first section that has it */
  GHashTable *by_kind; /* first word to GList of the last section with a name of its own that has it */
  GStringChunk *texts; /* what was added */
  const char *line_end;
};

static Section *
section_new (const AipConfigLine *header)
{
  Section *self = g_new0 (Section, 1);

  if (header != NULL)
    self->header = *header;
  self->lines = g_array_sized_new (FALSE, FALSE, sizeof (AipConfigLine), USUAL_LINES);
  return self;
}

static void
section_free (void *data)
{
  Section *self = data;

  g_array_unref (self->lines);
  g_free (self);
}

static AipConfigLine *
get_line (const Section *section, guint index)
{
  return &g_array_index (section->lines, AipConfigLine, index);
}

/* The line before the one at @index, which may be the header. */
static AipConfigLine *
get_line_before (Section *section, guint index)
{
  return index == 0 ? &section->header : get_line (section, index - 1);
}

static gboolean
is_setting (const AipConfigLine *line, const char *key)
{
  return line->kind == AIP_CONFIG_LINE_SETTING && line->name_length == strlen (key) &&
         memcmp (line->name, key, line->name_length) == 0;
}

/* Returns NULL for [server] and its like. */
static char *
dup_kind (const char *name, gsize length)
{
  const char *blank = memchr (name, ' ', length);

  return blank == NULL ? NULL : g_strndup (name, blank - name);
}

static void
remember_kind (AipConfigDocument *self, GList *link)
{
  const AipConfigLine *header = &((Section *) link->data)->header;
  char *kind = dup_kind (header->name, header->name_length);

  if (kind != NULL)
    g_hash_table_insert (self->by_kind, kind, link);
}

static void
remember_name (AipConfigDocument *self, GList *link)
{
  const AipConfigLine *header = &((Section *) link->data)->header;
  g_autofree char *name = g_strndup (header->name, header->name_length);
  GList *first = g_hash_table_lookup (self->by_name, name);

  if (first == NULL)
    {
      g_hash_table_insert (self->by_name, g_steal_pointer (&name), link);
      return;
    }
  ((Section *) link->data)->twin = ((Section *) first->data)->twin;
  ((Section *) first->data)->twin = link;
}

static GList *
add_section (AipConfigDocument *self, GList *sibling, const AipConfigLine *header)
{
  GList *link;

  if (sibling == NULL)
    {
      g_queue_push_tail (&self->sections, section_new (header));
      return self->sections.tail;
    }
  g_queue_insert_after (&self->sections, sibling, section_new (header));
  link = sibling->next;
  return link;
}

/**
 * aip_config_document_use_line_end:
 * @self: a document
 * @text: (array length=length): a config file
 * @length: bytes of @text
 *
 * New lines shall end as the first one of @text does.
 */
void
aip_config_document_use_line_end (AipConfigDocument *self, const char *text, gsize length)
{
  const char *newline = memchr (text, '\n', length);

  self->line_end = newline != NULL && newline > text && newline[-1] == '\r' ? "\r\n" : "\n";
}

/**
 * aip_config_document_new:
 * @text: (array length=length): a config file, valid or not; need not end with NUL
 * @length: bytes of @text
 *
 * Returns: (transfer full): its lines
 */
AipConfigDocument *
aip_config_document_new (const char *text, gsize length)
{
  AipConfigDocument *self;
  const char *end = text + length;
  Section *section;

  g_return_val_if_fail (text != NULL, NULL);

  self = g_new0 (AipConfigDocument, 1);
  self->by_name = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->by_kind = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->texts = g_string_chunk_new (1024);
  aip_config_document_use_line_end (self, text, length);

  section = add_section (self, NULL, NULL)->data;
  while (text < end)
    {
      AipConfigLine line;

      text = aip_config_line_read (&line, text, end);
      if (line.kind == AIP_CONFIG_LINE_GROUP)
        {
          GList *link = add_section (self, NULL, &line);

          section = link->data;
          remember_name (self, link);
          remember_kind (self, link);
        }
      else
        g_array_append_val (section->lines, line);
    }
  return self;
}

/**
 * aip_config_document_free:
 * @self: (transfer full): a document
 */
void
aip_config_document_free (AipConfigDocument *self)
{
  g_return_if_fail (self != NULL);

  g_queue_clear_full (&self->sections, section_free);
  g_hash_table_unref (self->by_name);
  g_hash_table_unref (self->by_kind);
  g_string_chunk_free (self->texts);
  g_free (self);
}

/**
 * aip_config_document_to_text:
 * @self: a document
 *
 * Returns: (transfer full): the file's text as it is now
 */
char *
aip_config_document_to_text (const AipConfigDocument *self)
{
  GString *text;

  g_return_val_if_fail (self != NULL, NULL);

  text = g_string_new (NULL);
  for (const GList *link = self->sections.head; link != NULL; link = link->next)
    {
      const Section *section = link->data;

      g_string_append_len (text, section->header.text, (gssize) section->header.length);
      for (guint i = 0; i < section->lines->len; i++)
        g_string_append_len (text, get_line (section, i)->text, (gssize) get_line (section, i)->length);
    }
  return g_string_free (text, FALSE);
}

/**
 * aip_config_document_has_group:
 * @self: a document
 * @group: full name of a group, such as "provider openai"
 *
 * Returns: whether it is there
 */
gboolean
aip_config_document_has_group (const AipConfigDocument *self, const char *group)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (group != NULL, FALSE);

  return g_hash_table_contains (self->by_name, group);
}

static AipConfigLine *
find_setting (Section *section, const char *key)
{
  for (guint i = 0; i < section->lines->len; i++)
    if (is_setting (get_line (section, i), key))
      return get_line (section, i);
  return NULL;
}

/**
 * aip_config_document_find:
 * @self: a document
 * @group: full name of a group
 * @key: name of a setting
 *
 * Returns: (transfer none) (nullable): the line that the loader would take the setting from, valid until the
 * next change
 */
const AipConfigLine *
aip_config_document_find (const AipConfigDocument *self, const char *group, const char *key)
{
  GList *link;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (group != NULL, NULL);
  g_return_val_if_fail (key != NULL, NULL);

  link = g_hash_table_lookup (self->by_name, group);
  return link == NULL ? NULL : find_setting (link->data, key);
}

static AipConfigLine
make_line (AipConfigDocument *self, const char *text, gsize length)
{
  const char *kept = g_string_chunk_insert_len (self->texts, text, (gssize) length);
  AipConfigLine line;

  aip_config_line_read (&line, kept, kept + length);
  return line;
}

/* The last line of a file may have no end. */
static void
terminate (AipConfigDocument *self, AipConfigLine *line)
{
  g_autofree char *text = NULL;

  if (line->length == 0 || line->text[line->length - 1] == '\n')
    return;
  text = g_strdup_printf ("%.*s%s", (int) line->length, line->text, self->line_end);
  *line = make_line (self, text, strlen (text));
}

static void
insert_line (AipConfigDocument *self, Section *section, guint index, const char *text)
{
  g_autofree char *ended = g_strconcat (text, self->line_end, NULL);
  AipConfigLine line = make_line (self, ended, strlen (ended));

  terminate (self, get_line_before (section, index));
  g_array_insert_val (section->lines, index, line);
}

/* Behind the last setting, or right below the header. */
static guint
find_settings_end (const Section *section)
{
  guint end = section->lines->len;

  while (end > 0 && get_line (section, end - 1)->kind != AIP_CONFIG_LINE_SETTING)
    end--;
  return end;
}

/* Behind the last setting and the comments that touch it, unless they touch the next header too. */
static guint
find_own_end (const Section *section, gboolean last)
{
  guint end = find_settings_end (section);
  guint run = end;

  while (run < section->lines->len && get_line (section, run)->kind == AIP_CONFIG_LINE_COMMENT)
    run++;
  return run < section->lines->len || last ? run : end;
}

static gboolean
ends_with_text (Section *section)
{
  const AipConfigLine *line = get_line_before (section, section->lines->len);

  return line->length > 0 && line->kind != AIP_CONFIG_LINE_BLANK;
}

/* Groups of one kind stay together: what follows the own lines of @link becomes the new group's tail. */
static GList *
insert_section (AipConfigDocument *self, GList *link, const AipConfigLine *header)
{
  Section *section = link->data;
  gboolean last = link->next == NULL;
  guint end = find_own_end (section, last);
  GList *added = add_section (self, link, header);
  Section *next = added->data;

  if (end < section->lines->len)
    g_array_append_vals (next->lines, get_line (section, end), section->lines->len - end);
  g_array_set_size (section->lines, end);
  if (next->lines->len == 0 ? !last : get_line (next, 0)->kind != AIP_CONFIG_LINE_BLANK)
    insert_line (self, next, 0, "");
  return added;
}

/**
 * aip_config_document_add_group:
 * @self: a document without the group
 * @group: full name of a group
 *
 * Adds the group without settings: behind the last one of its kind where there is one, else at the end; an
 * empty line is put before it.
 */
void
aip_config_document_add_group (AipConfigDocument *self, const char *group)
{
  g_autofree char *kind = NULL;
  g_autofree char *text = NULL;
  AipConfigLine header;
  GList *before;
  GList *added;
  Section *section;

  g_return_if_fail (self != NULL);
  g_return_if_fail (group != NULL);
  g_return_if_fail (!aip_config_document_has_group (self, group));

  kind = dup_kind (group, strlen (group));
  text = g_strdup_printf ("[%s]%s", group, self->line_end);
  header = make_line (self, text, strlen (text));
  before = kind == NULL ? NULL : g_hash_table_lookup (self->by_kind, kind);
  section = before == NULL ? self->sections.tail->data : before->data;

  added = before == NULL ? add_section (self, NULL, &header) : insert_section (self, before, &header);
  if (ends_with_text (section))
    insert_line (self, section, section->lines->len, "");
  else
    terminate (self, get_line_before (section, section->lines->len));
  remember_name (self, added);
  remember_kind (self, added);
}

/* Whether the comments from @start up to @end touch the group's header or one of its settings. */
static gboolean
is_own_comment (const Section *section, guint start, guint end, gboolean last)
{
  gboolean below = start == 0 || get_line (section, start - 1)->kind == AIP_CONFIG_LINE_SETTING;

  if (end == section->lines->len)
    return below && last;
  return below || get_line (section, end)->kind == AIP_CONFIG_LINE_SETTING;
}

/* Gives what is to stay of a section that goes to the one before it. */
static void
hand_down (const Section *section, Section *before, gboolean last)
{
  guint index = 0;

  while (index < section->lines->len)
    {
      AipConfigLineKind kind = get_line (section, index)->kind;
      guint end = index + 1;
      gboolean stays = kind == AIP_CONFIG_LINE_WRONG;

      if (kind == AIP_CONFIG_LINE_COMMENT)
        {
          while (end < section->lines->len && get_line (section, end)->kind == AIP_CONFIG_LINE_COMMENT)
            end++;
          stays = !is_own_comment (section, index, end, last);
        }
      else if (kind == AIP_CONFIG_LINE_BLANK)
        stays = ends_with_text (before);
      if (stays)
        g_array_append_vals (before->lines, get_line (section, index), end - index);
      index = end;
    }
}

static void
drop_last_lines (Section *section, AipConfigLineKind kind)
{
  guint length = section->lines->len;

  while (length > 0 && get_line (section, length - 1)->kind == kind)
    length--;
  g_array_set_size (section->lines, length);
}

static void
forget_kind (AipConfigDocument *self, const GList *link)
{
  const AipConfigLine *header = &((Section *) link->data)->header;
  g_autofree char *kind = dup_kind (header->name, header->name_length);
  gsize length = kind == NULL ? 0 : strlen (kind) + 1;

  if (kind == NULL || g_hash_table_lookup (self->by_kind, kind) != link)
    return;
  g_hash_table_remove (self->by_kind, kind);
  for (GList *other = link->prev; other != self->sections.head; other = other->prev)
    {
      header = &((Section *) other->data)->header;
      if (header->name_length >= length && memcmp (header->name, kind, length - 1) == 0 &&
          header->name[length - 1] == ' ')
        {
          g_hash_table_insert (self->by_kind, g_steal_pointer (&kind), other);
          return;
        }
    }
}

static void
remove_section (AipConfigDocument *self, GList *link)
{
  Section *section = link->data;
  Section *before = link->prev->data;
  gboolean last = link->next == NULL;
  guint kept;

  forget_kind (self, link);
  drop_last_lines (before, AIP_CONFIG_LINE_COMMENT);
  kept = before->lines->len;
  hand_down (section, before, last);
  if (last && before->lines->len == kept)
    drop_last_lines (before, AIP_CONFIG_LINE_BLANK);
  g_queue_delete_link (&self->sections, link);
  section_free (section);
}

/**
 * aip_config_document_remove_group:
 * @self: a document
 * @group: full name of a group that is there
 *
 * Removes the group with its settings and the comments that touch them or stand right above its header.
 * Comments that stand alone stay.
 */
void
aip_config_document_remove_group (AipConfigDocument *self, const char *group)
{
  GList *link;

  g_return_if_fail (self != NULL);
  g_return_if_fail (group != NULL);

  link = g_hash_table_lookup (self->by_name, group);
  g_return_if_fail (link != NULL);

  g_hash_table_remove (self->by_name, group);
  while (link != NULL)
    {
      GList *twin = ((Section *) link->data)->twin;

      remove_section (self, link);
      link = twin;
    }
}

/* Whether it is "#key=...", an example of the setting. */
static gboolean
is_example (const AipConfigLine *line, const char *key)
{
  const char *hash = line->kind == AIP_CONFIG_LINE_COMMENT ? memchr (line->text, '#', line->length) : NULL;
  AipConfigLine inner;

  if (hash == NULL || hash + 1 == line->text + line->length)
    return FALSE;
  aip_config_line_read (&inner, hash + 1, line->text + line->length);
  return is_setting (&inner, key);
}

static gboolean
is_example_group (const AipConfigLine *line)
{
  const char *hash = line->kind == AIP_CONFIG_LINE_COMMENT ? memchr (line->text, '#', line->length) : NULL;

  while (hash != NULL && ++hash < line->text + line->length)
    if (!g_ascii_isspace (*hash))
      return *hash == '[';
  return FALSE;
}

/* Where a new setting reads best: below its example, else behind the last setting. The examples of a group
 * that is an example itself do not count. */
static guint
find_place (const Section *section, const char *key)
{
  for (guint i = 0; i < section->lines->len && !is_example_group (get_line (section, i)); i++)
    if (is_example (get_line (section, i), key))
      return i + 1;
  return find_settings_end (section);
}

/* Indented and spaced as the group's last setting is. */
static void
insert_setting (AipConfigDocument *self, Section *section, const char *key, const char *value)
{
  guint end = find_settings_end (section);
  const AipConfigLine *model = end == 0 ? NULL : get_line (section, end - 1);
  g_autofree char *indent = NULL;
  g_autofree char *equals = NULL;
  g_autofree char *text = NULL;

  if (model != NULL)
    {
      indent = g_strndup (model->text, model->name - model->text);
      equals =
          g_strndup (model->name + model->name_length, model->value - (model->name + model->name_length));
    }
  text = g_strconcat (indent == NULL ? "" : indent, key, equals == NULL ? "=" : equals, value, NULL);
  insert_line (self, section, find_place (section, key), text);
}

static void
replace_value (AipConfigDocument *self, AipConfigLine *line, const char *value)
{
  const char *rest = line->value + line->value_length;
  g_autofree char *text = g_strdup_printf ("%.*s%s%.*s", (int) (line->value - line->text), line->text, value,
                                           (int) (line->text + line->length - rest), rest);

  *line = make_line (self, text, strlen (text));
}

/**
 * aip_config_document_set:
 * @self: a document
 * @group: full name of a group that is there
 * @key: name of a setting
 * @value: its value as it is to stand in the file
 *
 * Sets a setting. Of a line that is there only the value changes.
 */
void
aip_config_document_set (AipConfigDocument *self, const char *group, const char *key, const char *value)
{
  GList *link;
  AipConfigLine *line;

  g_return_if_fail (self != NULL);
  g_return_if_fail (group != NULL);
  g_return_if_fail (key != NULL);
  g_return_if_fail (value != NULL);

  link = g_hash_table_lookup (self->by_name, group);
  g_return_if_fail (link != NULL);

  line = find_setting (link->data, key);
  if (line != NULL)
    replace_value (self, line, value);
  else
    insert_setting (self, link->data, key, value);
}

/**
 * aip_config_document_unset:
 * @self: a document
 * @group: full name of a group
 * @key: name of a setting
 *
 * Removes a setting, which need not be there.
 */
void
aip_config_document_unset (AipConfigDocument *self, const char *group, const char *key)
{
  GList *link;
  Section *section;

  g_return_if_fail (self != NULL);
  g_return_if_fail (group != NULL);
  g_return_if_fail (key != NULL);

  link = g_hash_table_lookup (self->by_name, group);
  section = link == NULL ? NULL : link->data;
  for (guint i = section == NULL ? 0 : section->lines->len; i > 0; i--)
    if (is_setting (get_line (section, i - 1), key))
      g_array_remove_index (section->lines, i - 1);
}
