/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* RFC 6455, 7.4.1 and its registry */
#define AIP_WEBSOCKET_GOING_AWAY 1001
#define AIP_WEBSOCKET_TRY_AGAIN_LATER 1013

/* Of a whole frame that closes: a control frame holds 125 bytes at most (RFC 6455, 5.5). */
#define AIP_WEBSOCKET_MAX_CLOSE 127

/**
 * AipWebsocketFrames: watches one direction of a WebSocket go by and knows where frames end, so that one of
 * our own can be put between them. Embed it, zeroed; all fields are private.
 */
typedef struct
{
  guint8 header[14];
  guint n_header; /* bytes of a header that is not whole yet */
  guint64 left;   /* bytes of the frame that are still to come */
} AipWebsocketFrames;

void aip_websocket_frames_feed (AipWebsocketFrames *self, const char *data, gsize length);
gboolean aip_websocket_frames_is_between (const AipWebsocketFrames *self);
gsize aip_websocket_format_close (char buffer[AIP_WEBSOCKET_MAX_CLOSE], guint code, const char *reason);

G_END_DECLS
