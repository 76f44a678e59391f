/* SPDX-License-Identifier: MIT */
#pragma once

#include <curl/curl.h>
#include <glib.h>

G_BEGIN_DECLS

/**
 * AipHeaderList: lines of headers as libcurl wants them, in two blocks of memory that serve one request after
 * another: curl_slist_append () would allocate twice for each line. Wiped after each use, as one line holds a
 * key.
 */
typedef struct
{
  char *text; /* the lines, each with its NUL */
  gsize size;
  gsize used;
  GArray *nodes; /* of struct curl_slist; while lines are added, @data is an offset in @text */
} AipHeaderList;

void aip_header_list_init (AipHeaderList *self);
void aip_header_list_clear (AipHeaderList *self);
void aip_header_list_reserve (AipHeaderList *self, gsize size);
void aip_header_list_add (AipHeaderList *self, const char *text, gsize length, const char *end);
struct curl_slist *aip_header_list_link (AipHeaderList *self);
void aip_header_list_reset (AipHeaderList *self);

G_END_DECLS
