/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-chunks.h"
#include "server/aip-connection.h"
#include "server/aip-outbox.h"
#include "server/aip-transport.h"

G_BEGIN_DECLS

/* What only the files of AipConnection use. */

#define AIP_CONNECTION_HEAD_TIMEOUT (10 * G_TIME_SPAN_SECOND)
#define AIP_CONNECTION_BODY_STALL_TIMEOUT (30 * G_TIME_SPAN_SECOND)

/* See aip-connection.c for how they follow each other. */
typedef enum
{
  AIP_CONNECTION_IDLE,
  AIP_CONNECTION_HEAD,
  AIP_CONNECTION_BODY,
  AIP_CONNECTION_ANSWERING,
  AIP_CONNECTION_UPGRADED,
  AIP_CONNECTION_LINGERING,
  AIP_CONNECTION_CLOSED,
} AipConnectionState;

struct _AipConnection
{
  const AipConnectionOwner *owner;
  AipTransport transport;
  AipConnectionState state;
  AipTimer in_timer;
  AipTimer out_timer;
  AipIdle flush;
  AipIdle dispose;

  GByteArray *pending; /* (nullable): read, but not understood yet */
  gsize scanned;       /* how much of it was searched for the head's end */
  gboolean empty_line; /* one came before the head */

  AipHead *head; /* (nullable) */
  AipChunks chunks;
  guint64 body_left;
  gboolean body_paused;
  gboolean body_complete;

  AipOutbox outbox;
  gboolean answer_begun;
  gboolean answer_ended;
  gboolean was_full;
  gboolean keep_alive;
  gboolean may_upgrade; /* what comes behind this request may be of another protocol */
  gboolean broken;      /* nothing but a reset tells the client that the answer is not whole */
  gsize lingered;       /* bytes thrown away */

  const AipConnectionFuncs *funcs; /* (nullable) */
  void *funcs_data;
};

static inline gboolean
aip_connection_is_paused (const AipConnection *self)
{
  return (self->state == AIP_CONNECTION_BODY || self->state == AIP_CONNECTION_UPGRADED) && self->body_paused;
}

void aip_connection_refuse (AipConnection *self, guint status, const char *message);
void aip_connection_refuse_head (AipConnection *self,
                                 const char *data,
                                 gsize length,
                                 guint status,
                                 const char *message);
void aip_connection_consume (AipConnection *self, const char *data, gsize length);

G_END_DECLS
