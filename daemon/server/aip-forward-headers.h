/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-router.h"
#include "server/aip-head.h"
#include "upstream/aip-transfer.h"

G_BEGIN_DECLS

/**
 * AipHeaderLines: lines for an upstream; wiped when freed, since one of them carries the key.
 */
typedef struct
{
  GPtrArray *lines; /* of char *, NULL-terminated */
} AipHeaderLines;

void aip_forward_headers_out (AipHeaderLines *lines,
                              const AipHead *head,
                              const AipCandidate *candidate,
                              const char *request_id);
void aip_header_lines_add (AipHeaderLines *self, const char *name, const char *value);
void aip_header_lines_clear (AipHeaderLines *self);

void aip_forward_headers_back (GString *out,
                               const AipHeaderView *headers,
                               gsize n_headers,
                               const char *request_id,
                               gboolean own_limits);
const AipHeaderView *aip_header_views_find (const AipHeaderView *headers, gsize n_headers, const char *name);
gint64 aip_header_view_to_length (const AipHeaderView *length);

G_END_DECLS
