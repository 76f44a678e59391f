/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-stats"

#include <unistd.h>

#include "ctl/aip-ctl-commands.h"
#include "ctl/aip-ctl-live.h"

#define DEFAULT_INTERVAL_MS 1000

static void
add_row (AipCtlTable *table, GVariant *snapshot, const char *name)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (snapshot, name, NULL);
  gboolean is_uptime = g_str_equal (name, "uptime-ms") && g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64);
  g_autofree char *label = g_strdelimit (g_strdup (is_uptime ? "uptime" : name), "_", ' ');
  g_autofree char *text = is_uptime ? aip_ctl_print_duration ((gint64) g_variant_get_uint64 (value) * 1000)
                                    : aip_ctl_print_value (value);

  aip_ctl_table_add_styled (table, label, AIP_CTL_STYLE_BOLD);
  aip_ctl_table_add (table, text);
}

static char *
format_snapshot (AipCtl *ctl, GVariant *snapshot)
{
  static const char *const titles[] = { "", "", NULL };
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (titles);
  g_autoptr (GPtrArray) names = aip_ctl_print_sort_names (snapshot);

  aip_ctl_table_align_right (table, 1);
  for (guint i = 0; i < names->len; i++)
    add_row (table, snapshot, g_ptr_array_index (names, i));
  return aip_ctl_table_format (table, ctl->colour);
}

/* One line for a file or a pipe: "name=value ...". */
static char *
format_line (GVariant *snapshot)
{
  g_autoptr (GPtrArray) names = aip_ctl_print_sort_names (snapshot);
  GString *line = g_string_new (NULL);

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autoptr (GVariant) value = g_variant_lookup_value (snapshot, name, NULL);
      g_autofree char *text = aip_ctl_print_value (value);

      g_string_append (line, i > 0 ? " " : "");
      aip_ctl_print_append (line, name);
      g_string_append_c (line, '=');
      aip_ctl_print_append (line, text);
    }
  g_string_append_c (line, '\n');
  return g_string_free (line, FALSE);
}

static void
updated_cb (AipBusStats *stats, GVariant *snapshot, AipCtl *ctl)
{
  g_autofree char *text = NULL;
  g_autofree char *screen = NULL;

  if (ctl->json)
    {
      aip_ctl_live_print_json (snapshot);
      return;
    }
  if (!isatty (STDOUT_FILENO))
    {
      text = format_line (snapshot);
      aip_ctl_write (text);
      return;
    }
  /* Home, the lines, and nothing below them: nothing flickers. */
  text = format_snapshot (ctl, snapshot);
  screen = g_strconcat ("\033[H\033[2J", text, "(Ctrl-C ends this)\n", NULL);
  aip_ctl_write (screen);
}

static gboolean
parse_interval (const char *text, guint *interval_ms, GError **error)
{
  char *end = NULL;
  double seconds = text != NULL ? g_ascii_strtod (text, &end) : DEFAULT_INTERVAL_MS / 1000.;

  if (text != NULL && (end == text || *end != '\0' || !(seconds >= 0.1 && seconds <= 3600)))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "the interval is a number of seconds from 0.1 to 3600");
      return FALSE;
    }
  *interval_ms = (guint) (seconds * 1000 + 0.5);
  return TRUE;
}

static AipCtlExit
watch (AipCtl *ctl, AipBusStats *stats, guint interval_ms, GError **error)
{
  g_signal_connect (stats, "updated", G_CALLBACK (updated_cb), ctl);
  if (!aip_bus_stats_call_subscribe_sync (stats, interval_ms, aip_ctl_no_options (), NULL, error))
    return AIP_CTL_FAILED;
  return aip_ctl_live_run (ctl, error);
}

static AipCtlExit
show (AipCtl *ctl, AipBusStats *stats, GError **error)
{
  g_autoptr (GVariant) snapshot = NULL;
  g_autofree char *text = NULL;

  if (!aip_bus_stats_call_get_snapshot_sync (stats, aip_ctl_no_options (), &snapshot, NULL, error))
    return AIP_CTL_FAILED;
  if (ctl->json)
    {
      aip_ctl_print_json (ctl, snapshot);
      return AIP_CTL_DONE;
    }
  text = format_snapshot (ctl, snapshot);
  aip_ctl_write (text);
  return AIP_CTL_DONE;
}

/**
 * aip_ctl_stats:
 *
 * `stats`: the daemon's counters, once or again and again.
 */
AipCtlExit
aip_ctl_stats (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *seconds = aip_ctl_args_nth (args, 0);
  gboolean watches = seconds != NULL || aip_ctl_args_has (args, "watch");
  g_autoptr (AipBusStats) stats = NULL;
  AipRemote *remote;
  guint interval_ms;

  if (!parse_interval (seconds, &interval_ms, error))
    return AIP_CTL_USAGE;
  remote = aip_ctl_connect (ctl, error);
  if (remote == NULL || (stats = aip_remote_new_stats_sync (remote, NULL, error)) == NULL)
    return AIP_CTL_FAILED;
  return watches ? watch (ctl, stats, interval_ms, error) : show (ctl, stats, error);
}
