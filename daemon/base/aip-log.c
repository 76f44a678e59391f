/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-log"

#include "base/aip-log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/aip-clock.h"
#include "base/aip-log-mask.h"

#define MAX_FIELDS 32u /* of one message; GLib's own macros make up to 7 */

static atomic_int threshold = G_LOG_LEVEL_MESSAGE;
static GLogLevelFlags always_fatal;
static gboolean to_journal;

static const char *
level_name (GLogLevelFlags level)
{
  switch (level & G_LOG_LEVEL_MASK)
    {
    case G_LOG_LEVEL_ERROR:
      return "error";
    case G_LOG_LEVEL_CRITICAL:
      return "critical";
    case G_LOG_LEVEL_WARNING:
      return "warning";
    case G_LOG_LEVEL_MESSAGE:
      return "message";
    case G_LOG_LEVEL_INFO:
      return "info";
    default:
      return "debug";
    }
}

static gsize
field_length (const GLogField *field)
{
  return field->length < 0 ? strlen (field->value) : (gsize) field->length;
}

static const GLogField *
find_field (const GLogField *fields, gsize n_fields, const char *key)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, key) == 0)
      return &fields[i];

  return NULL;
}

/* Less severe levels have greater values. G_MESSAGES_DEBUG opens a domain whatever the threshold is. */
static gboolean
is_wanted (GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  if ((level & G_LOG_LEVEL_MASK) <= atomic_load_explicit (&threshold, memory_order_relaxed))
    return TRUE;

  if ((level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) == 0)
    return FALSE;

  const GLogField *domain = find_field (fields, n_fields, "GLIB_DOMAIN");

  return !g_log_writer_default_would_drop (level, domain != NULL ? domain->value : NULL);
}

/* Escapes what could forge a second line or drive a terminal. */
static void
append_printable (GString *line, const char *text, gsize length)
{
  const char *end = text + length;

  while (text < end)
    {
      gunichar c = g_utf8_get_char_validated (text, end - text);
      gboolean valid = c != (gunichar) -1 && c != (gunichar) -2;

      if (!valid)
        g_string_append_printf (line, "\\x%02x", (guchar) *text);
      else if (c == '\n')
        g_string_append (line, "\\n");
      else if (g_unichar_iscntrl (c) && c != '\t')
        g_string_append_printf (line, "\\x%02x", c);
      else
        g_string_append_unichar (line, c);

      text = valid ? g_utf8_next_char (text) : text + 1;
    }
}

static void
append_time (GString *line)
{
  time_t now = (time_t) (aip_clock_wall () / G_USEC_PER_SEC);
  struct tm parts = { 0 };
  char text[16];

  localtime_r (&now, &parts);
  strftime (text, sizeof text, "%H:%M:%S", &parts);
  g_string_append (line, text);
}

static void
write_all (const char *data, gsize length)
{
  while (length > 0)
    {
      gssize n = write (STDERR_FILENO, data, length);

      if (n < 0 && errno == EINTR)
        continue;

      /* There is nowhere to complain that the log cannot be written. */
      if (n <= 0)
        return;

      data += n;
      length -= (gsize) n;
    }
}

static void
write_line (GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  const GLogField *domain = find_field (fields, n_fields, "GLIB_DOMAIN");
  const GLogField *message = find_field (fields, n_fields, "MESSAGE");
  g_autoptr (GString) masked = g_string_new (NULL);
  g_autoptr (GString) line = g_string_new (NULL);

  if (message != NULL)
    aip_log_mask_append (masked, message->value, field_length (message));

  append_time (line);
  g_string_append_printf (line, " %s ", level_name (level));

  if (domain != NULL)
    append_printable (line, domain->value, field_length (domain));

  g_string_append (line, ": ");
  append_printable (line, masked->str, masked->len);
  g_string_append_c (line, '\n');
  write_all (line->str, line->len);
}

static gboolean
write_journal (GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  GLogField masked[MAX_FIELDS];
  gsize n = MIN (n_fields, MAX_FIELDS);
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < n; i++)
    {
      gsize length = field_length (&fields[i]);
      GString *text = g_string_sized_new (length + 1);

      aip_log_mask_append (text, fields[i].value, length);
      masked[i] = (GLogField){ fields[i].key, text->str, (gssize) text->len };
      g_ptr_array_add (texts, g_string_free (text, FALSE));
    }

  return g_log_writer_journald (level, masked, n, NULL) == G_LOG_WRITER_HANDLED;
}

static GLogWriterOutput
write_cb (GLogLevelFlags level, const GLogField *fields, gsize n_fields, void *user_data)
{
  if (is_wanted (level, fields, n_fields) && (!to_journal || !write_journal (level, fields, n_fields)))
    write_line (level, fields, n_fields);

  /* GLib itself aborts after an error; the levels of G_DEBUG=fatal-warnings are left to the writer. */
  if (level & always_fatal)
    abort ();

  return G_LOG_WRITER_HANDLED;
}

static GLogLevelFlags
get_always_fatal (void)
{
  GLogLevelFlags levels = g_log_set_always_fatal (G_LOG_FATAL_MASK);

  g_log_set_always_fatal (levels);
  return levels;
}

/**
 * aip_log_init:
 * @level: the least severe level to write, as in aip_log_set_threshold ()
 *
 * Sends all messages of the process, also those of libraries, through the mask of aip_log_mask ():
 * with fields to the journal where stderr leads there, else as one line each to stderr. Call it once,
 * first thing in main (); later calls only set the threshold.
 */
void
aip_log_init (GLogLevelFlags level)
{
  static gsize installed = 0;

  aip_log_set_threshold (level);

  if (!g_once_init_enter (&installed))
    return;

  always_fatal = get_always_fatal ();
  to_journal = g_log_writer_is_journald (STDERR_FILENO);
  g_log_set_writer_func (write_cb, NULL, NULL);
  g_once_init_leave (&installed, 1);
}

/**
 * aip_log_set_threshold:
 * @level: one of GLib's levels
 *
 * Sets the least severe level that is written. G_MESSAGES_DEBUG (a list of domains, or `all`) adds the
 * info and debug messages of single domains. Any thread may call it at any time.
 */
void
aip_log_set_threshold (GLogLevelFlags level)
{
  g_return_if_fail ((level & G_LOG_LEVEL_MASK) != 0);

  atomic_store_explicit (&threshold, level & G_LOG_LEVEL_MASK, memory_order_relaxed);
}
