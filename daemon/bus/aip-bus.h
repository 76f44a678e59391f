/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "bus/aip-bus-host.h"

G_BEGIN_DECLS

/**
 * AipBus: the daemon's face on D-Bus. On the main thread.
 */
typedef struct _AipBus AipBus;

AipBus *aip_bus_new (GBusType type, const AipBusHost *host, void *host_data, GError **error);
void aip_bus_free (AipBus *self);
gboolean aip_bus_own_name (AipBus *self, GError **error);
void aip_bus_show (AipBus *self);
void aip_bus_show_state (AipBus *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipBus, aip_bus_free)

G_END_DECLS
