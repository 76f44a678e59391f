/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"

G_BEGIN_DECLS

/**
 * AipBusUnlock: those who asked for the keyring to be unlocked, and the one prompt that they share.
 */
typedef struct _AipBusUnlock AipBusUnlock;

AipBusUnlock *aip_bus_unlock_new (const AipBusContext *context);
void aip_bus_unlock_free (AipBusUnlock *self);
void aip_bus_unlock_ask (AipBusUnlock *self, GDBusMethodInvocation *invocation);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipBusUnlock, aip_bus_unlock_free)

G_END_DECLS
