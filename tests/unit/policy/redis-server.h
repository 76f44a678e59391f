/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

/* A Redis of its own for a test: on a Unix socket in a folder that goes with it, and nowhere else. */
typedef struct
{
  char *directory;
  char *socket;
  const char *password; /* (nullable) */
  gboolean knows_auth;
  GSubprocess *process; /* (nullable) */
} RedisServer;

RedisServer *redis_server_new (const char *password);
RedisServer *redis_server_new_without_auth (void);
void redis_server_start (RedisServer *self);
void redis_server_kill (RedisServer *self);
void redis_server_freeze (RedisServer *self);
void redis_server_thaw (RedisServer *self);
char *redis_server_command (RedisServer *self, const char *command);
void redis_server_free (RedisServer *self);
