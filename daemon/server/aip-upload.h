/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipUpload: a request's body on its way from the client to an upstream, when nobody here reads it: a
 * queue of bounded size. A short body is kept, in case that it has to be sent again. Embed it, zeroed; all
 * fields are private.
 */
typedef struct
{
  GByteArray *queue; /* (nullable) */
  gsize taken;       /* of queue */
  gboolean ended;
  gboolean dropped; /* it is too long to be kept */
} AipUpload;

gboolean aip_upload_push (AipUpload *self, const char *data, gsize length);
gssize aip_upload_pull (AipUpload *self, char *buffer, gsize size);
void aip_upload_end (AipUpload *self);
gboolean aip_upload_has_room (const AipUpload *self);
gboolean aip_upload_can_rewind (const AipUpload *self);
gboolean aip_upload_is_whole (const AipUpload *self);
void aip_upload_rewind (AipUpload *self);
void aip_upload_clear (AipUpload *self);

G_END_DECLS
