/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "server/aip-worker.h"

G_BEGIN_DECLS

/**
 * AipControl: the control plane of one worker: health, status, counters and metrics, served by a SoupServer
 * that never sees a byte which AipConnection has not vetted.
 */
typedef struct _AipControl AipControl;

AipControl *aip_control_new (AipWorker *worker);
void aip_control_free (AipControl *self);
void aip_control_serve (AipControl *self, GIOStream *stream);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipControl, aip_control_free)

G_END_DECLS
