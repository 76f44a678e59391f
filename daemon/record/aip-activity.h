/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/aip-request-event.h"

G_BEGIN_DECLS

/**
 * AipActivity: takes events from the workers to the main thread while someone watches. Bounded: what comes
 * too fast is dropped and counted, and no worker ever waits.
 */
typedef struct _AipActivity AipActivity;

/* @events: (element-type AipRequestEvent): in the order they came; owned by the caller
 * @dropped: events lost since the last call */
typedef void (*AipActivityFunc) (GPtrArray *events, guint64 dropped, void *user_data);

AipActivity *aip_activity_new (guint limit);
void aip_activity_free (AipActivity *self);
void aip_activity_watch (AipActivity *self, AipActivityFunc func, void *user_data);
void aip_activity_unwatch (AipActivity *self);
gboolean aip_activity_is_watched (AipActivity *self);
void aip_activity_push (AipActivity *self, AipRequestEvent *event);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipActivity, aip_activity_free)

G_END_DECLS
