/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipDialectUrl: a provider's base URL, taken apart so that a dialect can complete it.
 * @origin: scheme and authority
 * @path: without a slash at the end; empty: none was given
 * @query: (nullable): without "?"
 */
typedef struct
{
  char *origin;
  char *path;
  char *query;
} AipDialectUrl;

void aip_dialect_url_init (AipDialectUrl *self, const char *base_url);
void aip_dialect_url_clear (AipDialectUrl *self);
char *
aip_dialect_url_join (const AipDialectUrl *self, const char *path, const char *endpoint, const char *query);

char *
aip_dialect_dup_v1_url (const char *base_url, const char *endpoint, const char *query, const char *model);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipDialectUrl, aip_dialect_url_clear)

G_END_DECLS
