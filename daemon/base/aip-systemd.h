/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean aip_systemd_notify (const char *state);
gint64 aip_systemd_get_watchdog_interval (void);
guint aip_systemd_take_sockets (int *first);

G_END_DECLS
