/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * Nghttpd: an HTTP/2 server that this project did not write (Debian's nghttp2-server), over TLS with a
 * throw-away certificate for "localhost", serving the files of a folder.
 */
typedef struct
{
  GPid pid;
  char *folder;
  char *certificate;
  char *key;
  guint16 port;
} Nghttpd;

gboolean nghttpd_start (Nghttpd *self);
void nghttpd_stop (Nghttpd *self);
void nghttpd_kill (Nghttpd *self);
void nghttpd_run (Nghttpd *self);
char *nghttpd_dup_url (Nghttpd *self, const char *path);
void nghttpd_add_file (Nghttpd *self, const char *name, gsize size);

G_END_DECLS
