/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <libsoup/soup.h>

G_BEGIN_DECLS

#define AIP_HEAD_MAX_SIZE (64 * 1024)
#define AIP_HEAD_MAX_FIELDS 128
#define AIP_HEAD_MAX_CONNECTION_NAMES 32

/**
 * AipHead: a request's head that has passed every rule of framing. What is not here was not there.
 *
 * @method: upper-case letters
 * @path: as sent, percent-encoded, beginning with "/"
 * @query: (nullable): as sent, without the "?"
 * @host: what the Host header says
 * @minor: 0 or 1 of HTTP/1.x
 * @content_length: -1: none was given
 * @chunked: the body comes in chunks
 * @keep_alive: the client wants the connection to stay
 * @expect_continue: it waits for "100 Continue" before it sends the body
 */
typedef struct
{
  char *method;
  char *path;
  char *query;
  const char *host;
  SoupMessageHeaders *headers;
  guint minor;
  gint64 content_length;
  gboolean chunked;
  gboolean keep_alive;
  gboolean expect_continue;
} AipHead;

typedef enum
{
  AIP_HEAD_INCOMPLETE,
  AIP_HEAD_COMPLETE,
  AIP_HEAD_REFUSED,
} AipHeadResult;

AipHeadResult aip_head_find_end (const char *data, gsize length, gsize *scanned, gsize *end);
AipHead *aip_head_parse (const char *data, gsize length, guint *status, const char **message);
char *aip_head_dup_path (const char *data, gsize length);
void aip_head_free (AipHead *self);
const char *aip_head_get (const AipHead *self, const char *name);
gboolean aip_head_has_body (const AipHead *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipHead, aip_head_free)

G_END_DECLS
