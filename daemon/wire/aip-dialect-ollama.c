/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-dialect"

#include "wire/aip-dialect.h"
#include "wire/aip-dialect-private.h"

/* Ollama's own OpenAI-compatible paths (docs.ollama.com/openai). A local one needs no key. */
const AipDialect aip_dialect_ollama = {
  .name = "ollama",
  .protocols = 1 << AIP_PROTOCOL_OPENAI,
  .default_base_url = "http://127.0.0.1:11434",
  .auth_header = "Authorization",
  .auth_prefix = "Bearer ",
  .dup_url = aip_dialect_dup_v1_url,
};
