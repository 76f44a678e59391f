/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-breaker-watch.h"

typedef struct
{
  AipBreakerWatchFunc func;
  void *user_data;
} Watcher;

struct _AipBreakerWatch
{
  gatomicrefcount ref_count;
  GMutex lock;      /* of what follows, and held while they are called */
  GArray *watchers; /* of Watcher */
};

/**
 * aip_breaker_watch_new:
 *
 * Returns: (transfer full): a watch with nobody at it
 */
AipBreakerWatch *
aip_breaker_watch_new (void)
{
  AipBreakerWatch *self = g_new0 (AipBreakerWatch, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->watchers = g_array_new (FALSE, FALSE, sizeof (Watcher));
  return self;
}

/**
 * aip_breaker_watch_ref:
 * @self: a watch
 *
 * Returns: (transfer full): @self
 */
AipBreakerWatch *
aip_breaker_watch_ref (AipBreakerWatch *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * aip_breaker_watch_unref:
 * @self: (transfer full): a watch
 */
void
aip_breaker_watch_unref (AipBreakerWatch *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_array_unref (self->watchers);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/**
 * aip_breaker_watch_add:
 * @self: a watch
 * @func: whom to tell from now on, too
 * @user_data: for @func
 */
void
aip_breaker_watch_add (AipBreakerWatch *self, AipBreakerWatchFunc func, void *user_data)
{
  Watcher watcher = { func, user_data };

  g_return_if_fail (self != NULL && func != NULL);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  g_array_append_val (self->watchers, watcher);
}

/**
 * aip_breaker_watch_remove:
 * @self: a watch
 * @func: who was told; it is not called any more once this returns
 * @user_data: as it was added with
 */
void
aip_breaker_watch_remove (AipBreakerWatch *self, AipBreakerWatchFunc func, void *user_data)
{
  g_return_if_fail (self != NULL);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  for (guint i = 0; i < self->watchers->len; i++)
    {
      const Watcher *watcher = &g_array_index (self->watchers, Watcher, i);

      if (watcher->func != func || watcher->user_data != user_data)
        continue;
      g_array_remove_index (self->watchers, i);
      return;
    }
}

/**
 * aip_breaker_watch_notify:
 * @self: (nullable): a watch
 *
 * Tells all who look that a breaker has changed.
 */
void
aip_breaker_watch_notify (AipBreakerWatch *self)
{
  if (self == NULL)
    return;

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  for (guint i = 0; i < self->watchers->len; i++)
    {
      const Watcher *watcher = &g_array_index (self->watchers, Watcher, i);

      watcher->func (watcher->user_data);
    }
}
