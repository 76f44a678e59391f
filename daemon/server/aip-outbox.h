/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-transport.h"

G_BEGIN_DECLS

typedef enum
{
  AIP_OUTBOX_NO_BODY,     /* and no length told */
  AIP_OUTBOX_LENGTH_ONLY, /* the length is told, the body is not sent: the answer to HEAD */
  AIP_OUTBOX_LENGTH,
  AIP_OUTBOX_CHUNKED,
  AIP_OUTBOX_UNTIL_CLOSE,
} AipOutboxFraming;

typedef enum
{
  AIP_OUTBOX_SENT,
  AIP_OUTBOX_PARTLY,  /* the socket takes no more now */
  AIP_OUTBOX_BLOCKED, /* nor did it take anything */
  AIP_OUTBOX_FAILED,
} AipOutboxResult;

/**
 * AipOutbox: an answer on its way to a client: framed, gathered, and sent with one system call.
 * Embed it, zeroed but for @spare; the other fields are private, but @framing may be read.
 *
 * @spare: (nullable): where outboxes that take turns leave a buffer for the next one
 */
typedef struct
{
  GString **spare;
  GString *bytes; /* (nullable) */
  gsize sent;     /* of bytes */
  AipOutboxFraming framing;
  guint64 left; /* of the announced length */
  gboolean blocked;
} AipOutbox;

void aip_outbox_head (AipOutbox *self,
                      guint status,
                      const GString *headers,
                      AipOutboxFraming framing,
                      gint64 length);
void aip_outbox_connection (AipOutbox *self, gboolean keep_alive, gboolean old);
void aip_outbox_upgrade (AipOutbox *self, const char *protocol, const GString *headers);
void aip_outbox_continue (AipOutbox *self);
void aip_outbox_body (AipOutbox *self, const char *data, gsize length);
gboolean aip_outbox_end (AipOutbox *self);
AipOutboxResult aip_outbox_send (AipOutbox *self, AipTransport *transport);
gboolean aip_outbox_is_empty (const AipOutbox *self);
gboolean aip_outbox_is_full (const AipOutbox *self);
gboolean aip_outbox_is_blocked (const AipOutbox *self);
void aip_outbox_clear (AipOutbox *self);

G_END_DECLS
