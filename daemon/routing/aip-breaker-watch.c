/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-breaker-watch.h"

struct _AipBreakerWatch
{
  gatomicrefcount ref_count;
  GMutex lock;              /* of what follows, and held while it is called */
  AipBreakerWatchFunc func; /* (nullable): nobody looks */
  void *user_data;
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
  g_mutex_clear (&self->lock);
  g_free (self);
}

/**
 * aip_breaker_watch_set_func:
 * @self: a watch
 * @func: (nullable): whom to tell from now on; the one before is not called any more once this returns
 * @user_data: for @func
 */
void
aip_breaker_watch_set_func (AipBreakerWatch *self, AipBreakerWatchFunc func, void *user_data)
{
  g_return_if_fail (self != NULL);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  self->func = func;
  self->user_data = user_data;
}

/**
 * aip_breaker_watch_notify:
 * @self: (nullable): a watch
 *
 * Tells whoever looks that a breaker has changed.
 */
void
aip_breaker_watch_notify (AipBreakerWatch *self)
{
  if (self == NULL)
    return;

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  if (self->func != NULL)
    self->func (self->user_data);
}
