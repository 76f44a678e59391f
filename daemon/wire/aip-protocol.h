/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipProtocol: what a client speaks, told by the path it asks for.
 */
typedef enum
{
  AIP_PROTOCOL_OPENAI,
  AIP_PROTOCOL_ANTHROPIC,
  AIP_PROTOCOL_GEMINI,
  AIP_PROTOCOL_OLLAMA,
  AIP_N_PROTOCOLS,
} AipProtocol;

/**
 * AipFailure: an error on its way to a client, before it has a protocol's shape.
 * @status: HTTP status
 * @type: (nullable): such as "invalid_request_error"; NULL: the usual one of the status
 * @code: (nullable): such as "model_not_found"
 * @param: (nullable): the member of the request that is wrong
 * @message: what is wrong and what to do
 */
typedef struct
{
  guint status;
  const char *type;
  const char *code;
  const char *param;
  const char *message;
} AipFailure;

char *aip_protocol_format_error (AipProtocol protocol, const AipFailure *failure);
char *aip_protocol_format_stream_error (AipProtocol protocol, const AipFailure *failure);

G_END_DECLS
