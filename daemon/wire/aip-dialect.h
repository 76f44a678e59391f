/* SPDX-License-Identifier: MIT */
#pragma once

#include "wire/aip-protocol.h"

G_BEGIN_DECLS

/**
 * AipDialect: how one kind of provider wants to be spoken to. One file each, found by name.
 *
 * @name: as in the config, `dialect=`
 * @protocols: mask of (1 << AipProtocol) that it takes as they come
 * @default_base_url: (nullable): used when the provider gives none
 * @auth_header: (nullable): the header that carries the key
 * @auth_prefix: what stands before the key in it, such as "Bearer "
 * @headers: (nullable): pairs of name and value to send unless the client did; ends with NULL
 * @internal: answered inside the daemon, no upstream
 * @dup_url: the URL for @endpoint ("chat/completions", no leading slash) and @query (nullable, no "?");
 *   @model is the upstream's name for the model, or NULL when the request names none; NULL for an internal
 * one
 */
typedef struct
{
  const char *name;
  guint protocols;
  const char *default_base_url;
  const char *auth_header;
  const char *auth_prefix;
  const char *const *headers;
  gboolean internal;
  char *(*dup_url) (const char *base_url, const char *endpoint, const char *query, const char *model);
} AipDialect;

const AipDialect *aip_dialect_find (const char *name);
const char *const *aip_dialect_well_known_models (const AipDialect *self, const char *base_url);

extern const AipDialect aip_dialect_openai;
extern const AipDialect aip_dialect_deepseek;
extern const AipDialect aip_dialect_anthropic;
extern const AipDialect aip_dialect_gemini;
extern const AipDialect aip_dialect_ollama;
extern const AipDialect aip_dialect_builtin;

G_END_DECLS
