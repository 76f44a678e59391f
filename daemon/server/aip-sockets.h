/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

int aip_sockets_listen (const char *address, GError **error);
gboolean aip_sockets_is_taken (const char *address);
int aip_sockets_listen_beside (int fd, GError **error);
char *aip_sockets_describe (int fd, gboolean tls);
gboolean aip_sockets_is_unix (int fd);
gboolean aip_sockets_is_exposed (int fd);
gboolean aip_sockets_check (int fd, GError **error);

G_END_DECLS
