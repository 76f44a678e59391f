/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipRedisScript: what Redis runs as one step.
 * @text: in Lua
 * @digest: its SHA-1 in hexadecimal digits, by which Redis knows it
 */
typedef struct
{
  const char *text;
  char *digest;
} AipRedisScript;

typedef enum
{
  AIP_REDIS_SCRIPT_RESERVE,
  AIP_REDIS_SCRIPT_CORRECT,
  AIP_N_REDIS_SCRIPTS,
} AipRedisScriptId;

const AipRedisScript *aip_redis_script_get (AipRedisScriptId id);

G_END_DECLS
