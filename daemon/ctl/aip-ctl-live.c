/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-live"

#include "ctl/aip-ctl-live.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <stdio.h>

#include "ctl/aip-ctl-json.h"

/* Whoever reads what we write may leave first; then there is nothing to live for. */
#define STDOUT_INTERVAL_MS 500

typedef struct
{
  GMainLoop *loop;
  gboolean gone;
} Live;

static gboolean
interrupted_cb (void *user_data)
{
  Live *self = user_data;

  g_main_loop_quit (self->loop);
  return G_SOURCE_CONTINUE;
}

static void
running_cb (AipRemote *remote, GParamSpec *pspec, Live *self)
{
  if (aip_remote_is_running (remote))
    return;
  self->gone = TRUE;
  g_main_loop_quit (self->loop);
}

static gboolean
stdout_cb (void *user_data)
{
  Live *self = user_data;

  if (ferror (stdout))
    g_main_loop_quit (self->loop);
  return G_SOURCE_CONTINUE;
}

/**
 * aip_ctl_live_run:
 * @ctl: the program's state, connected
 * @error: return location for an error
 *
 * Handles signals of the bus until SIGINT or SIGTERM comes, or the daemon goes away.
 *
 * Returns: AIP_CTL_DONE after a signal; an error where the daemon went away
 */
AipCtlExit
aip_ctl_live_run (AipCtl *ctl, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Live self = { .loop = loop };
  guint sources[3];
  gulong handler;

  g_return_val_if_fail (ctl != NULL && ctl->remote != NULL, AIP_CTL_FAILED);

  sources[0] = g_unix_signal_add (SIGINT, interrupted_cb, &self);
  sources[1] = g_unix_signal_add (SIGTERM, interrupted_cb, &self);
  sources[2] = g_timeout_add (STDOUT_INTERVAL_MS, stdout_cb, &self);
  handler = g_signal_connect (ctl->remote, "notify::running", G_CALLBACK (running_cb), &self);
  if (aip_remote_is_running (ctl->remote))
    g_main_loop_run (loop);
  else
    self.gone = TRUE;

  for (gsize i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  g_signal_handler_disconnect (ctl->remote, handler);
  if (!self.gone)
    return AIP_CTL_DONE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "the daemon went away");
  return AIP_CTL_UNREACHABLE;
}

/**
 * aip_ctl_live_print_json:
 * @value: what came
 *
 * Writes it to stdout as one line of JSON, at once.
 */
void
aip_ctl_live_print_json (GVariant *value)
{
  g_autofree char *json = aip_ctl_json_format (value, FALSE);
  g_autofree char *line = g_strconcat (json, "\n", NULL);

  aip_ctl_write (line);
}
