/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gunixfdlist.h>

#include "base/aip-secret.h"

G_BEGIN_DECLS

/* In ms. */
#define AIP_BUS_SECRET_TIME_LIMIT 5000

void aip_bus_secret_read_async (GUnixFDList *list,
                                gint32 index,
                                guint time_limit,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                void *user_data);
AipSecret *aip_bus_secret_read_finish (GAsyncResult *result, GError **error);
GUnixFDList *aip_bus_secret_make_pipe (AipSecret *secret, GError **error);

G_END_DECLS
