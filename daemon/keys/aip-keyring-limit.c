/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-keyring"

#include "keys/aip-keyring-limit.h"

#include "base/aip-error.h"
#include "keys/aip-keyring.h"

static gboolean
time_over_cb (void *user_data)
{
  AipKeyringLimit *self = user_data;

  self->timed_out = TRUE;
  g_cancellable_cancel (self->cancellable);

  return G_SOURCE_REMOVE;
}

static gboolean
caller_left_cb (GCancellable *cancellable, void *user_data)
{
  g_cancellable_cancel (((AipKeyringLimit *) user_data)->cancellable);

  return G_SOURCE_REMOVE;
}

/**
 * aip_keyring_limit_start:
 * @self: zeroed memory that stays where it is
 * @time_limit: in ms
 * @caller: (nullable): what the caller gives up with
 *
 * Begins the time in the default main context.
 */
void
aip_keyring_limit_start (AipKeyringLimit *self, guint time_limit, GCancellable *caller)
{
  g_return_if_fail (self != NULL && self->cancellable == NULL);
  g_return_if_fail (caller == NULL || G_IS_CANCELLABLE (caller));

  self->cancellable = g_cancellable_new ();
  self->timer = g_timeout_source_new (time_limit);
  g_source_set_callback (self->timer, time_over_cb, self, NULL);
  g_source_attach (self->timer, NULL);

  if (caller == NULL)
    return;

  self->caller = g_cancellable_source_new (caller);
  g_source_set_callback (self->caller, G_SOURCE_FUNC (caller_left_cb), self, NULL);
  g_source_attach (self->caller, NULL);
}

static void
source_end (GSource *source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

/**
 * aip_keyring_limit_end:
 * @self: a limit that was started
 *
 * Ends it; nothing is cancelled by it any more.
 */
void
aip_keyring_limit_end (AipKeyringLimit *self)
{
  g_return_if_fail (self != NULL);

  g_clear_pointer (&self->timer, source_end);
  g_clear_pointer (&self->caller, source_end);
  g_clear_object (&self->cancellable);
}

/**
 * aip_keyring_limit_error_new:
 * @self: a limit
 * @problem: what a call ended with that had the limit's cancellable
 *
 * Returns: (transfer full): an %AIP_ERROR for the caller, which tells the time's end from its own cancel
 */
GError *
aip_keyring_limit_error_new (AipKeyringLimit *self, const GError *problem)
{
  g_return_val_if_fail (self != NULL && problem != NULL, NULL);

  g_autoptr (GError) error = aip_keyring_error_new (problem);

  if (self->timed_out && g_error_matches (error, AIP_ERROR, AIP_ERROR_CANCELLED))
    return g_error_new (AIP_ERROR, AIP_ERROR_TIMED_OUT, "the keyring did not answer in time");

  return g_steal_pointer (&error);
}
