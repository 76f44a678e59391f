/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * RawServer: an upstream that says byte for byte what a test wants. Each connection runs the test's own
 * function in a thread of its own; when that returns, the connection is closed.
 */
typedef struct _RawServer RawServer;
typedef struct _RawPeer RawPeer;
typedef void (*RawServerFunc) (RawPeer *peer, void *user_data);

RawServer *raw_server_new (RawServerFunc func, void *user_data);
void raw_server_free (RawServer *self);
char *raw_server_dup_url (RawServer *self, const char *path);
int raw_server_get_connections (RawServer *self);
int raw_server_get_requests (RawServer *self);

char *raw_peer_read_request (RawPeer *self);
char *raw_peer_read_head (RawPeer *self);
void raw_peer_skip_request (RawPeer *self);
void raw_peer_skip_head (RawPeer *self);
gsize raw_peer_read_some (RawPeer *self, char *buffer, gsize size);
gboolean raw_peer_send (RawPeer *self, const char *text);
gboolean raw_peer_send_bytes (RawPeer *self, const char *data, gsize length);
void raw_peer_send_each_byte (RawPeer *self, const char *text);
void raw_peer_reset (RawPeer *self);
void raw_peer_wait_closed (RawPeer *self);

G_END_DECLS
