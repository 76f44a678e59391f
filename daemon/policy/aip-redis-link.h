/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-secret.h"
#include "config/aip-config.h"
#include "policy/aip-redis-script.h"

typedef struct redisReply redisReply;

G_BEGIN_DECLS

/**
 * AipRedisLink: one connection to a Redis, made again with a growing delay whenever it is lost. For the
 * thread of its GMainContext alone.
 */
typedef struct _AipRedisLink AipRedisLink;

typedef void (*AipRedisLinkFunc) (AipRedisLink *self, void *user_data);

/**
 * AipRedisReplyFunc:
 * @reply: (nullable) (not owned): what Redis answered, never an error; NULL: it did not answer in time, or
 * refused
 * @user_data: as given
 *
 * Returns: whether @reply is of the right form
 */
typedef gboolean (*AipRedisReplyFunc) (const redisReply *reply, void *user_data);

AipRedisLink *aip_redis_link_new (const AipRedisConfig *config,
                                  AipSecret *password,
                                  AipRedisLinkFunc changed,
                                  void *user_data);
void aip_redis_link_free (AipRedisLink *self);
void aip_redis_link_finish (AipRedisLink *self);
gboolean aip_redis_link_is_up (const AipRedisLink *self);
const char *aip_redis_link_get_fault (const AipRedisLink *self);
gint64 aip_redis_link_get_since (const AipRedisLink *self);
void aip_redis_link_run (AipRedisLink *self,
                         AipRedisScriptId script,
                         GPtrArray *keys,
                         GPtrArray *arguments,
                         AipRedisReplyFunc func,
                         void *user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRedisLink, aip_redis_link_free)

G_END_DECLS
