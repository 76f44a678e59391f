/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "base/aip-loop.h"
#include "server/aip-handshakes.h"
#include "server/aip-head.h"

G_BEGIN_DECLS

/**
 * AipConnection: HTTP/1.1 (and 1.0) with one client, on one worker's thread. It reads heads and bodies, keeps
 * the framing strict and the deadlines short, answers pipelined requests in order, and sends what is written
 * in one turn of the loop with one system call. It knows nothing of what the requests are about.
 */
typedef struct _AipConnection AipConnection;

/**
 * AipConnectionOwner: what all connections of a worker share.
 *
 * @loop: the worker's loop
 * @scratch: a buffer to read into
 * @scratch_size: its size in bytes; at least twice AIP_HEAD_MAX_SIZE
 * @spare: (nullable): an outbox's buffer that is not in use
 * @handshakes: which of those that speak TLS may shake hands; not used by others
 * @draining: connections close as soon as they are idle
 * @request: a head has come; @head stays with the connection until the answer's end. The body follows.
 *   Must set functions with aip_connection_set_funcs (), steal the connection, or answer at once.
 * @refuse: a request whose head is refused: answer with @status and @message, nothing else is wanted of this
 *   connection; @path (nullable): of what is asked for, without its query, where that much is sure
 * @closed: the connection goes; called once, the last call
 */
typedef struct
{
  AipLoop *loop;
  char *scratch;
  gsize scratch_size;
  GString *spare;
  AipHandshakes handshakes;
  gboolean draining;
  void (*request) (AipConnection *connection, const AipHead *head, void *user_data);
  void (*refuse) (AipConnection *connection,
                  const char *path,
                  guint status,
                  const char *message,
                  void *user_data);
  void (*closed) (AipConnection *connection, void *user_data);
  void *user_data;
} AipConnectionOwner;

/**
 * AipConnectionFuncs: what the one who answers a request hears.
 *
 * @announce: a chunk of so many bytes begins; for bodies whose length is not told by the head
 * @body: a piece of the request's body; FALSE: no more until aip_connection_resume_body ()
 * @body_end: all of it has come; also called when there is none
 * @writable: much was queued, now there is room again
 * @refuse: the body is too slow or breaks the framing, and no answer was begun: answer with @status and
 *   @message
 * @gone: the client left, or cannot be told any more that it broke the framing; no answer is possible any
 * more, and no other function is called after this one
 */
typedef struct
{
  void (*announce) (AipConnection *connection, guint64 length, void *user_data);
  gboolean (*body) (AipConnection *connection, const char *data, gsize length, void *user_data);
  void (*body_end) (AipConnection *connection, void *user_data);
  void (*writable) (AipConnection *connection, void *user_data);
  void (*refuse) (AipConnection *connection, guint status, const char *message, void *user_data);
  void (*gone) (AipConnection *connection, void *user_data);
} AipConnectionFuncs;

AipConnection *aip_connection_new (AipConnectionOwner *owner, int fd, GTlsCertificate *certificate);
void aip_connection_set_funcs (AipConnection *self, const AipConnectionFuncs *funcs, void *user_data);

void aip_connection_expect_upgrade (AipConnection *self);
void aip_connection_upgrade (AipConnection *self, const char *protocol, const GString *headers);
void aip_connection_resume_body (AipConnection *self);
void aip_connection_send_head (AipConnection *self, guint status, const GString *headers, gint64 length);
void aip_connection_send_body (AipConnection *self, const char *data, gsize length);
void aip_connection_end (AipConnection *self, gboolean whole);
gboolean aip_connection_has_room (AipConnection *self);
void aip_connection_close (AipConnection *self);
GIOStream *aip_connection_steal (AipConnection *self);
gboolean aip_connection_is_idle (AipConnection *self);

G_END_DECLS
