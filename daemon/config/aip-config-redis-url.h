/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipRedisAddress: what the url of [redis] says.
 * @path: (nullable): of a Unix socket; else @host and @port count
 * @host: (nullable): a name or an address, without brackets
 * @user: (nullable): for Redis' access lists
 */
typedef struct
{
  char *path;
  char *host;
  guint16 port;
  char *user;
  guint database;
} AipRedisAddress;

gboolean aip_redis_address_parse (const char *url, AipRedisAddress *address, GError **error);
void aip_redis_address_clear (AipRedisAddress *address);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipRedisAddress, aip_redis_address_clear)

G_END_DECLS
