/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"
#include "upstream/aip-upstream.h"

G_BEGIN_DECLS

/**
 * AipModelsRequest: asks one provider for its list of models.
 */
typedef struct _AipModelsRequest AipModelsRequest;

/**
 * AipModelsReply: what came of it.
 * @fault: what went wrong on the way
 * @status: HTTP, 0: there was no answer
 * @models: (nullable) (transfer none): the list; NULL: @problem says why not
 * @problem: (nullable): for people; holds no secret
 * @body: the answer's begin, 0-terminated; hostile
 */
typedef struct
{
  AipFault fault;
  guint status;
  char **models;
  const char *problem;
  const char *body;
} AipModelsReply;

typedef void (*AipModelsReplyFunc) (const AipModelsReply *reply, void *user_data);

AipModelsRequest *aip_models_request_new (AipUpstream *upstream,
                                          const AipProviderConfig *provider,
                                          AipSecret *secret,
                                          guint64 timeout,
                                          AipModelsReplyFunc func,
                                          void *user_data);
void aip_models_request_cancel (AipModelsRequest *self);

G_END_DECLS
