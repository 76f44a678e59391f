/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-redis"

#include "policy/aip-redis-source.h"

/* The connection's socket as a GSource; hiredis owns it and says what to wait for. */
typedef struct
{
  GSource source;
  redisAsyncContext *redis; /* (nullable): the connection is gone */
  gpointer tag;
  GIOCondition wanted;
} AipRedisSource;

static gboolean
source_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  AipRedisSource *self = (AipRedisSource *) source;
  GIOCondition ready = g_source_query_unix_fd (source, self->tag);

  /* Each of the two may end the connection. A broken one shows itself to whoever waits. */
  if (self->redis != NULL && (self->wanted & G_IO_IN) != 0 && ready != 0 && ready != G_IO_OUT)
    redisAsyncHandleRead (self->redis);
  if (self->redis != NULL && (self->wanted & G_IO_OUT) != 0 && ready != 0 && ready != G_IO_IN)
    redisAsyncHandleWrite (self->redis);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = { .dispatch = source_dispatch };

static void
want (AipRedisSource *self, GIOCondition wanted)
{
  if (wanted == self->wanted)
    return;
  self->wanted = wanted;
  g_source_modify_unix_fd (&self->source, self->tag, wanted);
}

static void
add_read_cb (void *data)
{
  AipRedisSource *self = data;

  want (self, self->wanted | G_IO_IN);
}

static void
del_read_cb (void *data)
{
  AipRedisSource *self = data;

  want (self, self->wanted & ~G_IO_IN);
}

static void
add_write_cb (void *data)
{
  AipRedisSource *self = data;

  want (self, self->wanted | G_IO_OUT);
}

static void
del_write_cb (void *data)
{
  AipRedisSource *self = data;

  want (self, self->wanted & ~G_IO_OUT);
}

static void
cleanup_cb (void *data)
{
  AipRedisSource *self = data;

  self->redis = NULL;
  g_source_destroy (&self->source);
  g_source_unref (&self->source);
}

/**
 * aip_redis_source_attach:
 * @redis: a connection that no event loop has yet
 * @context: whose thread is the only one that uses @redis
 *
 * Lets @context carry the connection until it is freed.
 */
void
aip_redis_source_attach (redisAsyncContext *redis, GMainContext *context)
{
  AipRedisSource *self;

  g_return_if_fail (redis != NULL && redis->ev.data == NULL);

  self = (AipRedisSource *) g_source_new (&source_funcs, sizeof (AipRedisSource));
  g_source_set_static_name (&self->source, "redis");
  self->redis = redis;
  self->tag = g_source_add_unix_fd (&self->source, redis->c.fd, 0);
  redis->ev.data = self;
  redis->ev.addRead = add_read_cb;
  redis->ev.delRead = del_read_cb;
  redis->ev.addWrite = add_write_cb;
  redis->ev.delWrite = del_write_cb;
  redis->ev.cleanup = cleanup_cb;
  g_source_attach (&self->source, context);
}
