/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-redis"

#include "policy/aip-redis-refusals.h"

#include "base/aip-clock.h"

#define TELL_AGAIN (60 * G_USEC_PER_SEC) /* between two warnings while it goes on */
/* In ms: where some of what is asked is refused and some is not, each answer would be a change. */
#define QUIET 1000

/*
 *   fine --refused: told--> refusing --answered--> perhaps fine --QUIET passes: told--> fine
 *                           ^  refused: counted, told      |
 *                           |  once a minute               |
 *                           '---------- refused -----------'
 */
struct _AipRedisRefusals
{
  GMainContext *context;
  GSource *quiet; /* (nullable): perhaps fine */
  gboolean refusing;
  guint untold; /* refusals since it was told last */
  gint64 told;  /* aip_clock_now () */
};

/**
 * aip_redis_refusals_new:
 *
 * Returns: (transfer full): of a Redis that has refused nothing yet, for the thread's default GMainContext
 */
AipRedisRefusals *
aip_redis_refusals_new (void)
{
  AipRedisRefusals *self = g_new0 (AipRedisRefusals, 1);

  self->context = g_main_context_ref_thread_default ();
  return self;
}

static void
stop_quiet (AipRedisRefusals *self)
{
  if (self->quiet == NULL)
    return;
  g_source_destroy (self->quiet);
  g_clear_pointer (&self->quiet, g_source_unref);
}

/**
 * aip_redis_refusals_free:
 * @self: (transfer full): refusals
 */
void
aip_redis_refusals_free (AipRedisRefusals *self)
{
  g_return_if_fail (self != NULL);

  stop_quiet (self);
  g_main_context_unref (self->context);
  g_free (self);
}

/**
 * aip_redis_refusals_note:
 * @self: refusals
 * @why: what Redis said, as the end of a sentence; it holds no secret
 *
 * It has refused something. The first time is told at once, and from then on once a minute how often.
 */
void
aip_redis_refusals_note (AipRedisRefusals *self, const char *why)
{
  gint64 now = aip_clock_now ();

  g_return_if_fail (self != NULL && why != NULL);

  stop_quiet (self);
  self->untold++;
  if (self->refusing && now < self->told + TELL_AGAIN)
    return;
  if (self->refusing)
    g_warning ("redis still refuses to keep limits, %u more times: %s", self->untold, why);
  else
    g_warning ("redis refuses to keep limits: %s", why);
  self->refusing = TRUE;
  self->untold = 0;
  self->told = now;
}

static gboolean
quiet_cb (gpointer user_data)
{
  AipRedisRefusals *self = user_data;

  if (self->untold > 0)
    g_message ("redis keeps limits again, after %u more refusals: limits are shared", self->untold);
  else
    g_message ("redis keeps limits again: limits are shared");
  aip_redis_refusals_forget (self);
  return G_SOURCE_REMOVE;
}

/**
 * aip_redis_refusals_note_success:
 * @self: refusals
 *
 * It has done what it was asked. After a refusal that is told when a second has passed without another one.
 */
void
aip_redis_refusals_note_success (AipRedisRefusals *self)
{
  g_return_if_fail (self != NULL);

  if (!self->refusing || self->quiet != NULL)
    return;
  self->quiet = g_timeout_source_new (QUIET);
  g_source_set_callback (self->quiet, quiet_cb, self, NULL);
  g_source_attach (self->quiet, self->context);
}

/**
 * aip_redis_refusals_forget:
 * @self: refusals
 *
 * Begins anew, as with another Redis.
 */
void
aip_redis_refusals_forget (AipRedisRefusals *self)
{
  g_return_if_fail (self != NULL);

  stop_quiet (self);
  self->refusing = FALSE;
  self->untold = 0;
}
