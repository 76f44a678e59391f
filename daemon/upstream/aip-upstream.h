/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-loop.h"
#include "upstream/aip-transfer.h"

G_BEGIN_DECLS

/**
 * AipUpstream: the way out of one worker: one libcurl multi handle on the worker's loop, its pool of
 * connections and of easy handles. Not shared between threads.
 */
typedef struct _AipUpstream AipUpstream;

gboolean aip_upstream_global_init (GError **error);

AipUpstream *aip_upstream_new (AipLoop *loop);
void aip_upstream_set_max_kept (AipUpstream *self, guint n);
void aip_upstream_free (AipUpstream *self);

AipTransfer *aip_upstream_start (AipUpstream *self,
                                 const AipTransferRequest *request,
                                 const AipTransferFuncs *funcs,
                                 void *user_data);
AipTransfer *aip_upstream_start_builtin (AipUpstream *self,
                                         const char *method,
                                         const char *endpoint,
                                         GBytes *body,
                                         const AipTransferFuncs *funcs,
                                         void *user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipUpstream, aip_upstream_free)

G_END_DECLS
