/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-log"

#include <stdio.h>

#include "ctl/aip-ctl-commands.h"
#include "ctl/aip-ctl-live.h"
#include "ctl/aip-ctl-request.h"

typedef struct
{
  AipCtl *ctl;
  gboolean started; /* also tell what begins */
} Tail;

static void
append_cell (GString *line, const char *text, AipCtlStyle style, gboolean colour, gsize width)
{
  g_autoptr (GString) visible = g_string_new (NULL);
  gsize taken;

  aip_ctl_print_append (visible, text[0] != '\0' ? text : "-");
  taken = aip_ctl_print_width (visible->str);
  aip_ctl_print_append_styled (line, visible->str, style, colour);
  aip_ctl_print_append_padding (line, (taken < width ? width - taken : 0) + 2);
}

static void
append_time (GString *line, GVariant *request)
{
  g_autofree char *text = aip_ctl_request_dup_time (request, FALSE);

  g_string_append_printf (line, "%s  ", text);
}

static void
append_outcome (GString *line, GVariant *request, gboolean colour)
{
  const char *outcome = aip_ctl_print_lookup (request, "outcome");
  gboolean good = g_str_equal (outcome, "succeeded");
  guint32 status = 0;
  g_autofree char *code = NULL;
  AipCtlStyle style = good ? AIP_CTL_STYLE_GOOD : AIP_CTL_STYLE_BAD;

  (void) g_variant_lookup (request, "status", "u", &status);
  code = status != 0 ? g_strdup_printf ("%u", status) : g_strdup ("---");
  append_cell (line, code, style, colour, 3);
  append_cell (line, outcome, style, colour, 14);
}

static void
append_duration (GString *line, GVariant *request)
{
  gint64 us = -1;
  g_autofree char *text = NULL;

  (void) g_variant_lookup (request, "duration-us", "x", &us);
  text = aip_ctl_print_duration (us);
  append_cell (line, text, AIP_CTL_STYLE_PLAIN, FALSE, 6);
}

static void
write_line (GString *line)
{
  g_autofree char *text = g_strchomp (g_strdup (line->str));
  g_autofree char *ended = g_strconcat (text, "\n", NULL);

  aip_ctl_write (ended);
}

static void
print_json (const char *event, GVariant *request)
{
  GVariantDict dict;
  g_autoptr (GVariant) value = NULL;

  g_variant_dict_init (&dict, request);
  g_variant_dict_insert (&dict, "event", "s", event);
  value = g_variant_ref_sink (g_variant_dict_end (&dict));
  aip_ctl_live_print_json (value);
}

static void
finished_cb (AipBusActivity *activity, GVariant *request, Tail *self)
{
  gboolean colour = self->ctl->colour;
  g_autoptr (GString) line = g_string_new (NULL);
  g_autofree char *where = aip_ctl_request_dup_place (request);
  g_autofree char *place = g_strconcat ("-> ", where[0] != '\0' ? where : "nowhere", NULL);
  g_autofree char *tokens = aip_ctl_request_dup_tokens (request);
  const char *model = aip_ctl_print_lookup (request, "model");

  if (self->ctl->json)
    {
      print_json ("finished", request);
      return;
    }
  append_time (line, request);
  append_outcome (line, request, colour);
  append_duration (line, request);
  append_cell (line, aip_ctl_print_lookup (request, "client"), AIP_CTL_STYLE_PLAIN, colour, 10);
  append_cell (line, model[0] != '\0' ? model : aip_ctl_print_lookup (request, "path"), AIP_CTL_STYLE_BOLD,
               colour, 20);
  append_cell (line, place, AIP_CTL_STYLE_PLAIN, colour, 24);
  if (tokens[0] != '\0')
    append_cell (line, tokens, AIP_CTL_STYLE_DIM, colour, 0);
  if (self->started)
    append_cell (line, aip_ctl_print_lookup (request, "id"), AIP_CTL_STYLE_DIM, colour, 0);
  write_line (line);
}

static void
started_cb (AipBusActivity *activity, GVariant *request, Tail *self)
{
  gboolean colour = self->ctl->colour;
  g_autoptr (GString) line = g_string_new (NULL);
  const char *model = aip_ctl_print_lookup (request, "model");

  if (!self->started)
    return;
  if (self->ctl->json)
    {
      print_json ("started", request);
      return;
    }
  append_time (line, request);
  append_cell (line, "...", AIP_CTL_STYLE_DIM, colour, 3);
  append_cell (line, "started", AIP_CTL_STYLE_DIM, colour, 14);
  append_cell (line, "", AIP_CTL_STYLE_DIM, colour, 6);
  append_cell (line, aip_ctl_print_lookup (request, "client"), AIP_CTL_STYLE_PLAIN, colour, 10);
  append_cell (line, model[0] != '\0' ? model : aip_ctl_print_lookup (request, "path"), AIP_CTL_STYLE_BOLD,
               colour, 20);
  append_cell (line, aip_ctl_print_lookup (request, "id"), AIP_CTL_STYLE_DIM, colour, 0);
  write_line (line);
}

static void
dropped_cb (AipBusActivity *activity, guint64 count, Tail *self)
{
  fprintf (stderr, "aiproxyctl: %" G_GUINT64_FORMAT " events came too fast and were left out\n", count);
}

/**
 * aip_ctl_log_tail:
 *
 * `log tail`: one line for each request as it ends.
 */
AipCtlExit
aip_ctl_log_tail (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  Tail self = { .ctl = ctl, .started = aip_ctl_args_has (args, "started") };
  AipRemote *remote = aip_ctl_connect (ctl, error);
  g_autoptr (AipBusActivity) activity = NULL;

  if (remote == NULL || (activity = aip_remote_new_activity_sync (remote, NULL, error)) == NULL)
    return AIP_CTL_FAILED;
  g_signal_connect (activity, "request-finished", G_CALLBACK (finished_cb), &self);
  g_signal_connect (activity, "request-started", G_CALLBACK (started_cb), &self);
  g_signal_connect (activity, "dropped", G_CALLBACK (dropped_cb), &self);
  if (!aip_bus_activity_call_subscribe_sync (activity, aip_ctl_no_options (), NULL, error))
    return AIP_CTL_FAILED;
  return aip_ctl_live_run (ctl, error);
}
