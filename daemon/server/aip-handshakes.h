/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-loop.h"

G_BEGIN_DECLS

typedef struct _AipHandshakeTurn AipHandshakeTurn;

/**
 * AipHandshakeFunc: @begin: it is this one's turn; else it has taken too long while others wait, and has to
 * end
 */
typedef void (*AipHandshakeFunc) (AipHandshakeTurn *turn, gboolean begin, void *user_data);

/**
 * AipHandshakes: who may shake hands now. A TLS handshake takes a thread for as long as the client likes, so
 * only so many run at a time, and the rest wait without one. Embed it; all fields are private.
 */
typedef struct
{
  guint limit;
  GQueue running; /* of AipHandshakeTurn, the oldest first; so is the next */
  GQueue waiting;
  AipTimer patience;
} AipHandshakes;

/**
 * AipHandshakeTurn: one client's place. Embed it, zeroed; all fields are private.
 */
struct _AipHandshakeTurn
{
  AipHandshakes *handshakes;
  GQueue *queue; /* (nullable): which one it is in */
  GList link;
  gint64 begun; /* monotonic µs */
  AipHandshakeFunc func;
  void *user_data;
};

void aip_handshakes_init (AipHandshakes *self, AipLoop *loop, guint limit);
void aip_handshakes_clear (AipHandshakes *self);

void aip_handshake_turn_take (AipHandshakeTurn *turn,
                              AipHandshakes *handshakes,
                              AipHandshakeFunc func,
                              void *user_data);
void aip_handshake_turn_end (AipHandshakeTurn *turn);

G_END_DECLS
