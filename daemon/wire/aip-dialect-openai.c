/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-dialect"

#include "wire/aip-dialect.h"
#include "wire/aip-dialect-private.h"

const AipDialect aip_dialect_openai = {
  .name = "openai",
  .protocols = 1 << AIP_PROTOCOL_OPENAI,
  .default_base_url = "https://api.openai.com/v1",
  .auth_header = "Authorization",
  .auth_prefix = "Bearer ",
  .dup_url = aip_dialect_dup_v1_url,
};
