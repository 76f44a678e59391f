/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-router.h"
#include "server/aip-head.h"
#include "server/aip-number.h"
#include "upstream/aip-transfer.h"

G_BEGIN_DECLS

/**
 * AipHeaderLines: lines for an upstream
 *
 * One of them carries the key, so that all are written at once, into memory that does not move, and wiped.
 */
typedef struct
{
  GArray *parts; /* what they are made of, borrowed */
  char hops[AIP_NUMBER_SIZE];
  char **lines; /* (nullable): and their text in the same block */
  gsize size;   /* of the block, in bytes */
} AipHeaderLines;

void aip_header_lines_init (AipHeaderLines *self);
void aip_forward_headers_out (AipHeaderLines *lines,
                              const AipHead *head,
                              const AipCandidate *candidate,
                              const char *request_id);
void aip_header_lines_add (AipHeaderLines *self, const char *name, const char *value);
const char *const *aip_header_lines_render (AipHeaderLines *self);
void aip_header_lines_clear (AipHeaderLines *self);

void aip_forward_headers_back (GString *out,
                               const AipHeaderView *headers,
                               gsize n_headers,
                               const char *request_id,
                               gboolean own_limits);
const AipHeaderView *aip_header_views_find (const AipHeaderView *headers, gsize n_headers, const char *name);
gint64 aip_header_view_to_length (const AipHeaderView *length);

G_END_DECLS
