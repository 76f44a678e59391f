/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-dialect"

#include "wire/aip-dialect.h"

/* Answered by aip_builtin_answer(): there is no URL and no key. */
const AipDialect aip_dialect_builtin = {
  .name = "builtin",
  .protocols = 1 << AIP_PROTOCOL_OPENAI,
  .auth_prefix = "",
  .internal = TRUE,
};
