/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipChunks: takes a chunked body apart (RFC 9112, 7.1), strictly: lines end in CR LF, sizes are hex digits
 * alone, extensions and trailers are bounded and dropped. Embed it; all fields but `left`, which is of this
 * chunk in bytes, are private.
 */
typedef struct
{
  int state;
  guint digits;
  guint dropped; /* bytes of extensions and trailers */
  guint64 left;  /* of this chunk */
} AipChunks;

typedef enum
{
  AIP_CHUNKS_MORE,   /* all was used up, the body goes on */
  AIP_CHUNKS_BEGIN,  /* a chunk begins; its size is what `left` says */
  AIP_CHUNKS_DATA,   /* a piece of the body was found */
  AIP_CHUNKS_END,    /* the body is over; what is left belongs to the next request */
  AIP_CHUNKS_BROKEN, /* refuse and close */
} AipChunksResult;

void aip_chunks_init (AipChunks *self);
AipChunksResult
aip_chunks_next (AipChunks *self, const char **data, gsize *length, const char **piece, gsize *piece_length);

G_END_DECLS
