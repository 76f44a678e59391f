/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-quota.h"
#include "policy/aip-redis-link.h"

G_BEGIN_DECLS

/* What a quota's limits are on a Redis. For the thread of the link. */

/**
 * AipLedgerRedisFunc:
 * @tally: (nullable): what came of it; only what is about Redis is set; NULL: Redis did not answer
 * @user_data: as given
 */
typedef void (*AipLedgerRedisFunc) (const AipTally *tally, void *user_data);

void aip_ledger_redis_reserve (AipRedisLink *link,
                               const char *prefix,
                               AipQuota *quota,
                               guint64 tokens,
                               AipLedgerRedisFunc func,
                               void *user_data);
void aip_ledger_redis_correct (AipRedisLink *link,
                               const char *prefix,
                               const AipQuota *quota,
                               const AipTally *tally,
                               gint64 requests,
                               gint64 tokens);

G_END_DECLS
