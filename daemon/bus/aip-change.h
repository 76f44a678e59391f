/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-host.h"

G_BEGIN_DECLS

/**
 * AipChange: a change of the configuration and of the secrets that belong to it, made whole or not at all:
 * new secrets first, then the file, then the secrets that it no longer names. What was stored is taken back
 * where the file cannot be written; a secret that cannot be removed is left over, and told.
 */
typedef struct _AipChange AipChange;

/**
 * AipChangeCheckFunc:
 * @change: a change, whose edit may still be added to
 * @error: return location for why it cannot be made
 *
 * Returns: whether it can be made; else nothing is done
 */
typedef gboolean (*AipChangeCheckFunc) (AipChange *change, void *data, GError **error);

/**
 * AipChangeQueue: makes changes one after the other, however many callers there are.
 */
typedef struct _AipChangeQueue AipChangeQueue;

AipChangeQueue *aip_change_queue_new (const AipBusHost *host, void *host_data);
void aip_change_queue_free (AipChangeQueue *self);

AipChange *aip_change_new (void);
void aip_change_free (AipChange *self);
AipConfigEdit *aip_change_get_edit (AipChange *self);
void aip_change_set_check (AipChange *self, AipChangeCheckFunc check, void *data, GDestroyNotify free_func);
void aip_change_put_secret (AipChange *self, const char *ref, AipSecret *secret);
void aip_change_remove_secret (AipChange *self, const char *ref);

void aip_change_queue_run_async (AipChangeQueue *self,
                                 AipChange *change,
                                 GAsyncReadyCallback callback,
                                 void *user_data);
gboolean aip_change_queue_run_finish (GAsyncResult *result, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipChangeQueue, aip_change_queue_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipChange, aip_change_free)

G_END_DECLS
