/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"
#include "upstream/aip-upstream.h"

G_BEGIN_DECLS

/**
 * AipSmallRequest: one request of the daemon's own to a provider, whose whole answer is collected.
 */
typedef struct _AipSmallRequest AipSmallRequest;

/**
 * AipSmallReply: what came of it.
 * @fault: what went wrong on the way
 * @message: (nullable): the same in words; holds no secret
 * @status: HTTP, 0: there was no answer
 * @content_type: (nullable): of the answer; hostile, as is the next one
 * @body: the answer's, or its begin where @too_long; 0-terminated
 * @length: its length in bytes
 */
typedef struct
{
  AipFault fault;
  const char *message;
  guint status;
  const char *content_type;
  const char *body;
  gsize length;
  gboolean too_long;
} AipSmallReply;

typedef void (*AipSmallReplyFunc) (const AipSmallReply *reply, void *user_data);

/* The longest answer, in bytes. */
#define AIP_SMALL_REPLY_MAX (4 * 1024 * 1024)

AipSmallRequest *aip_small_request_new (AipUpstream *upstream,
                                        const AipProviderConfig *provider,
                                        AipSecret *secret,
                                        const char *endpoint,
                                        const char *model,
                                        const char *body,
                                        guint64 timeout,
                                        AipSmallReplyFunc func,
                                        void *user_data);
void aip_small_request_cancel (AipSmallRequest *self);

G_END_DECLS
