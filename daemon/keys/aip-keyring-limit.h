/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * AipKeyringLimit: what ends the calls of one operation: its caller's cancellable, or the time.
 */
typedef struct
{
  GCancellable *cancellable; /* for the calls */
  GSource *timer;
  GSource *caller; /* (nullable) */
  gboolean timed_out;
} AipKeyringLimit;

void aip_keyring_limit_start (AipKeyringLimit *self, guint time_limit, GCancellable *caller);
void aip_keyring_limit_end (AipKeyringLimit *self);
GError *aip_keyring_limit_error_new (AipKeyringLimit *self, const GError *problem);

G_END_DECLS
